"""The record of one cell, and the append-only store that keeps it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCHEMA = 1

Status = Literal["ok", "timeout", "out of memory", "diverged", "failed", "skipped"]
WELL: tuple[Status, ...] = ("ok",)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CellRecord(_Part):
    """What was asked for. `suite` names the suite it was planned by."""

    implementation: str
    preset: str
    hyperparameters: dict[str, Any]
    dataset: str
    split: str
    device: str
    threads: int
    seed: int
    suite: str = ""
    model: str = ""
    """The model's name: rows with an equal one are the same maths."""
    rules: dict[str, Any] = Field(default_factory=dict)
    """The harness's stopping rules: patience, until_rmse, time_limit_s."""


class Metrics(_Part):
    """Test scores; `_raw` is before clipping to the scale. val_rmse is the chosen epoch's."""

    rmse: float
    mae: float
    rmse_raw: float
    mae_raw: float
    val_rmse: float | None
    n_test: int
    n_cold: int
    n_train: int | None = None
    epochs: int = 0
    """Epochs that ran; 0 for a closed form; of a ladder, those of the chosen fit."""
    best_epoch: int | None = None
    flags: list[str] = Field(default_factory=list)
    """Doubts about the row: "constant predictions", "no better than global_mean"."""


class Times(_Part):
    """Seconds. import + warmup + fit + ladder + evaluation + predict + overhead = wall.

    Fits that were made again for their energy are in none of them.

    fit_s     the training clock: all of `fit` less the harness's evaluations; of a ladder, the
              chosen fit alone
    ladder_s  the other fits of a ladder
    epoch_s   median of the epochs; None for a closed form
    cold_s    import + warm-up + fit: what a fresh process waits for a model
    """

    import_s: float
    warmup_s: float
    fit_s: float
    ladder_s: float = 0.0
    epoch_s: float | None
    predict_s: float
    evaluation_s: float
    overhead_s: float
    cold_s: float
    wall_s: float


class Target(_Part):
    """`seconds` on the training clock until validation RMSE ≤ rmse; None is a miss."""

    rmse: float
    seconds: float | None


class Point(_Part):
    """One checkpoint on validation; `seconds` is the training clock."""

    epoch: int
    seconds: float
    rmse: float
    mae: float


class Memory(_Part):
    """Peaks in bytes: of the worker's resident memory, and of the device allocator from after
    the warm-up on.

    host_base_bytes  resident after the warm-up, less the ratings: interpreter, libraries,
                     compiled code
    """

    host_peak_bytes: int | None
    device_peak_bytes: int | None
    host_base_bytes: int | None = None


class Energy(_Part):
    """Of the device alone, by its own counter, over `fits` fits in `seconds`."""

    joules_per_fit: float
    fits: int
    seconds: float


class Numerics(_Part):
    """torch's settings at the end of `fit` (docs/measurement.md).

    The first three are how products of float32 are formed: "ieee" is in full, "tf32" and "bf16"
    are not.
    """

    cuda_matmul: str
    cuda_conv: str
    cpu_matmul: str
    cudnn_benchmark: bool
    deterministic: bool


class Data(_Part):
    fingerprint: str
    n_users: int
    n_items: int
    n_ratings: int
    scale: tuple[float, float]
    duplicates: int = 0
    floor: float | None = None
    note: str = ""
    """Said beside every table, e.g. that synthetic data stands in for ml-100k."""


class Source(_Part):
    git_sha: str | None
    dirty: bool | None
    implementation_hash: str


class Roof(_Part):
    """What this machine was measured to reach with a number of threads (docs/roofline.md).

    flops_per_s  float32 multiplications and additions
    bandwidth    size of a table in bytes -> bytes read and written per second, in rows taken
                 from all over it
    """

    threads: int
    flops_per_s: float
    bandwidth: dict[int, float]


class Environment(_Part):
    """The machine. `machine` is its id: rows of different machines never share a table."""

    machine: str
    cpu: str
    cores: int
    memory_gb: float
    gpu: str | None
    os: str
    python: str
    versions: dict[str, str]
    load: float
    roofs: list[Roof] = Field(default_factory=list)
    """For one thread and for all cores; empty where they were not measured."""


class Reference(_Part):
    """A published number that the row stands beside. `of`: what reached it."""

    rmse: float
    mae: float | None = None
    clipped: bool = True
    of: str = ""
    source: str
    protocol: str
    within: float | None = None
    """How far ours may be from each number, either way."""
    reach: float | None = None
    """The RMSE that ours is to reach: at most this."""


class Record(_Part):
    """One finished cell. Parts that a cell never reached are None."""

    schema_: int = Field(default=SCHEMA, alias="schema")
    identity: str
    """Digest of everything that decides the result; equal and `ok` means: already done."""
    started_at: str
    status: Status
    reason: str = ""
    cell: CellRecord
    metrics: Metrics | None = None
    times: Times | None = None
    targets: list[Target] = Field(default_factory=list)
    curve: list[Point] = Field(default_factory=list)
    ladder: bool = False
    """It cannot be interrupted: each point of the curve is a full fit of that many epochs."""
    memory: Memory | None = None
    energy: Energy | None = None
    energy_reason: str = ""
    """Why a row on a device has no energy."""
    numerics: Numerics | None = None
    """None where torch was not loaded."""
    thread_pools: dict[str, int] = Field(default_factory=dict)
    """Threads of each pool that was loaded after the warm-up."""
    data: Data
    source: Source
    environment: Environment
    reference: Reference | None = None
    log: str = ""
    """The end of what the worker printed, kept where the cell failed."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    def to_line(self) -> str:
        """One line of JSON without its newline; a NaN or infinity becomes null."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), ensure_ascii=False)


@dataclass(frozen=True)
class BadLine:
    """A line that is no record: torn by a crash, from another schema, or edited."""

    path: Path
    number: int
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}: {self.problem} (line skipped)"


class RecordStore:
    """The JSON lines under `<out>/records`, one file per machine.

    Records are only ever appended. An append is one write under a lock, flushed to the
    disk before it returns, so a crash loses at most the cell in progress and two runs
    into one folder never mix lines.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / "records"

    def append(self, record: Record) -> Path:
        """Add one record; returns the file it went to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{record.environment.machine}.jsonl"
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            torn = _ends_mid_line(path)
            file.write((b"\n" if torn else b"") + record.to_line().encode() + b"\n")
            file.flush()  # raises where the disk is full
            os.fsync(file.fileno())
        return path

    def read(self) -> tuple[list[Record], list[BadLine]]:
        """Every record in file and line order, and every line that is not one."""
        records: list[Record] = []
        bad: list[BadLine] = []
        for path in sorted(filter(Path.is_file, self.folder.glob("*.jsonl"))):
            for parsed in _parse(path):
                (bad if isinstance(parsed, BadLine) else records).append(parsed)  # type: ignore[arg-type]
        return records, bad

    def finished(self, settled: Collection[Status] = WELL) -> dict[str, Record]:
        """The newest record of each identity that has one with a `settled` status."""
        return {record.identity: record for record in self.read()[0] if record.status in settled}


def digest(*parts: object) -> str:
    """A short stable digest of JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parse(path: Path) -> Iterator[Record | BadLine]:
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
                yield BadLine(path, number, f"not a record of schema {SCHEMA}")
                continue
            yield Record.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            yield BadLine(path, number, f"{where}: {first['msg'].lower()}")
        except (ValueError, RecursionError) as error:
            yield BadLine(path, number, f"no JSON: {error}")


def _ends_mid_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
