"""Stored timings: of which revision, with which locked versions, on which machine."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Literal

import threadpoolctl
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.gate.errors import BaselineError
from bench.records import digest
from datasets import atomic

Times = dict[str, float]
"""Workload -> mean ln of the nanoseconds of a call, in one run."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MachineKey(_Part):
    """What two machines must share for their timings to be comparable.

    flags and cache are digests of the CPU's instruction sets and of its cache sizes.
    """

    cpu: str
    flags: str
    cache: str
    blas: str
    python: str

    @classmethod
    def here(cls) -> MachineKey:
        """This machine's."""
        import cpuinfo  # a quarter of a second, so not at the import of this module
        import numpy  # noqa: F401  (its BLAS is loaded with it)

        cpu = cpuinfo.get_cpu_info()
        blas = [
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
            for pool in threadpoolctl.threadpool_info()
            if pool["user_api"] == "blas"
        ]
        return cls(
            cpu=cpu.get("brand_raw", "unknown CPU"),
            flags=digest(sorted(cpu.get("flags", []))),
            cache=digest([cpu.get(f"l{n}_cache_size") for n in ("1_data", 2, 3)]),
            blas=", ".join(sorted(set(blas))),
            python=platform.python_version(),
        )


class Baseline(_Part):
    """Runs of one revision on one machine. `loops` are those of its first run."""

    version: Literal[1] = 1
    sha: str
    lock: str
    machine: MachineKey
    loops: dict[str, int]
    runs: list[Times]

    def is_of(self, sha: str, lock: str, machine: MachineKey) -> bool:
        """Whether another run belongs here."""
        return (self.sha, self.lock, self.machine) == (sha, lock, machine)

    def has_workloads_of(self, times: Times) -> bool:
        """Whether they are those of every run."""
        return all(run.keys() == times.keys() for run in self.runs)

    def write(self, path: Path) -> None:
        """Raises BaselineError where the file cannot be written."""
        try:
            atomic.replace(path, self.model_dump_json(indent=1).encode())
        except OSError as error:
            raise BaselineError(f"{path} cannot be written: {error.strerror}") from None


def read(path: Path) -> Baseline:
    """Raises BaselineError where there is no such file, or it is no baseline."""
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BaselineError(
            f"there is no baseline {path}: `bench gate --save {path}` makes one"
        ) from None
    except (ValidationError, UnicodeDecodeError):
        raise BaselineError(f"{path}: holds no baseline of the gate, and is not replaced") from None
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}") from None
