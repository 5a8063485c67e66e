"""The parent's end of one side: starts its process, asks, and does not wait for ever."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bench.cell.process import LOG_BYTES, THREAD_VARIABLES
from bench.gate import worker
from bench.gate.errors import ForeignError, SideError
from bench.gate.quads import Timing

Name = Literal["base", "head", "twin"]
"""The twin is base again, for the null control."""

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""glibc keeps the memory it has. Else large arrays go back to the system after each call and cost
page faults in the next, more in one process than in another by the luck of their layout."""

PATIENCE_S = 120.0
"""How long an import, an untimed call or a timed stretch may take before it hangs."""


@dataclass(frozen=True)
class Ready:
    """A workload has made its untimed call and waits to be timed."""

    digest: str


@dataclass(frozen=True)
class Ended:
    """A workload is over: as it should be, unless something is said here."""

    failed: str = ""
    skipped: str = ""


class Side(Protocol):
    """What a round needs of a side; the tests have one on a fake clock."""

    def names(self) -> list[str]: ...
    def begin(self, order: list[str]) -> None: ...
    def ready(self) -> Ready | Ended: ...
    def time(self, loops: int) -> Timing: ...
    def finish(self) -> Ended: ...


@dataclass(frozen=True)
class Checkout:
    """A revision on disk and the interpreter of its environment."""

    python: Path
    tree: Path


class Process:
    """A side in a process of its own, on one thread, timed on `core`."""

    def __init__(
        self,
        name: Name,
        checkout: Checkout,
        hash_seed: int,
        core: int,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._name, self.patience_s = name, patience_s
        self._log = checkout.tree.with_name(f"{name}.log")
        self._pipe, theirs = multiprocessing.Pipe()
        dropped = ("PYTHONPATH", "PYTEST_ADDOPTS")
        kept = {key: value for key, value in os.environ.items() if key not in dropped}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(checkout.python, "-P", worker.__file__),
                    *(str(theirs.fileno()), checkout.tree, str(core)),
                ],
                cwd=checkout.tree,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={
                    **kept,
                    **dict.fromkeys(THREAD_VARIABLES, "1"),
                    **ALLOCATOR,
                    "PYTHONHASHSEED": str(hash_seed),
                    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                },
            )
        theirs.close()

    @property
    def pid(self) -> int:
        """Of the process, which is also its group."""
        return self._process.pid

    def names(self) -> list[str]:
        """The workloads that its tree has."""
        told = self._receive()
        if told["clashes"]:
            raise SideError(f"{self._name}: two workloads in {worker.WORKLOADS} have one name")
        names: list[str] = told["names"]
        return names

    def begin(self, order: list[str]) -> None:
        """Say which workloads to run."""
        self._send(order=order)

    def ready(self) -> Ready | Ended:
        """Wait for the next workload. Raises ForeignError where it imported another tree."""
        told = self._receive()
        if "ended" in told:
            return Ended(**told["ended"])
        if told["foreign"]:
            raise ForeignError(
                f"{self._name} imported what is not of its tree: {told['foreign'][0]}"
            )
        return Ready(told["digest"])

    def time(self, loops: int) -> Timing:
        """Call the workload `loops` times."""
        self._send(loops=loops)
        told = self._receive()
        if "ended" in told:
            raise SideError(f"{self._name} ended while timed: {Ended(**told['ended']).failed}")
        return Timing(**told)

    def finish(self) -> Ended:
        """Let the workload end."""
        self._send(loops=0)
        told = self._receive()
        if "ended" not in told:
            raise SideError(f"{self._name} times two things in one workload")
        return Ended(**told["ended"])

    def kill(self) -> None:
        """End it and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()

    def _send(self, **fields: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # its death is heard at the next answer
            self._pipe.send_bytes(json.dumps(fields).encode())

    def _receive(self) -> Any:
        if not self._pipe.poll(self.patience_s):
            raise SideError(f"{self._name} hangs: no answer for {self.patience_s:g} s")
        try:
            told = json.loads(self._pipe.recv_bytes())
        except (EOFError, ConnectionResetError):
            code = self._exit_code()
            end = self._log.read_bytes()[-LOG_BYTES:].decode(errors="replace")
            raise SideError(f"{self._name} died with exit code {code}:\n{end}") from None
        if "fault" in told:
            raise SideError(f"{self._name} {told['fault']}")
        return told

    def _exit_code(self) -> int:
        """Of a process that has closed its pipe, which is not yet to have ended."""
        try:
            return self._process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            raise SideError(
                f"{self._name} hangs: its pipe is closed, but it has not ended in "
                f"{self.patience_s:g} s"
            ) from None
