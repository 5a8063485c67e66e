"""What a worker reports, as types. A line of its pipe is parsed here, once.

The worker itself sends dictionaries: to import pydantic would take longer than its whole start.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bench import records
from bench.records import Disturbance, Memory, Numerics, Point

MAX_LINE_BYTES = 1 << 16
"""Far above what a worker sends: a longer line is no event."""

SHOWN_BYTES = 60
"""How much of a line that is no event the reason of a failed cell shows. Its secret never is."""


class NotAnEventError(Exception):
    """A line of the pipe that is no event."""


Count = Annotated[int, Field(ge=0, le=1 << 53)]
Nanoseconds = Annotated[int, Field(ge=0, le=1 << 63)]
Seconds = Annotated[float, Field(ge=-1e-3, le=1e9)]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Phase(_Event):
    """The worker begins a phase; at "data" it waits for the ratings, at "predict" for the test
    pairs."""

    event: Literal["phase"] = "phase"
    name: Literal[
        "import",
        "construction",
        "warm-up",
        "predict of the warm-up",
        "data",
        "fit",
        "predict",
        "energy",
    ]


class Evaluating(_Event):
    """A fit waits while the model predicts the validation pairs; a Checkpoint ends it."""

    event: Literal["evaluating"] = "evaluating"


class Checkpoint(_Event):
    """Validation errors after an epoch of `planned`; None where predictions were not finite.

    seconds       on the training clock
    evaluation_s  of all evaluations so far
    budget        whether the epoch ends a fit of its own, after those at smaller budgets
    """

    event: Literal["checkpoint"] = "checkpoint"
    epoch: Count
    seconds: Seconds
    rmse: float | None
    mae: float | None
    planned: Count
    evaluation_s: Seconds
    budget: bool = False

    @property
    def point(self) -> Point | None:
        """Of the curve; None where predictions were not finite."""
        if self.rmse is None or self.mae is None:
            return None
        return Point(epoch=self.epoch, seconds=self.seconds, rmse=self.rmse, mae=self.mae)


class Failed(_Event):
    """The cell went wrong inside the worker.

    storage  what harness and worker exchange could not be read or written there
    """

    event: Literal["failed"] = "failed"
    status: Literal["failed", "out of memory"] = "failed"
    reason: Annotated[str, Field(min_length=1)]
    storage: bool = False


class Parts(_Event):
    """Seconds of each part of the worker's clock. `other_budgets` is None without epoch budgets."""

    import_: Seconds = Field(alias="import")
    warmup: Seconds
    fit: Seconds
    predict: Seconds
    overhead: Seconds
    evaluation: Seconds = 0.0
    other_budgets: Seconds | None = None


class Result(_Event):
    """The cell came to its end and its predictions are written.

    epochs           of the chosen fit; epochs_ran of the last one
    checkpoints      how many were reported
    val_rmse         of the best epoch
    val_blocks       mean squared errors of parts of the validation ratings there
    epoch_s          seconds of an epoch
    diverged_at      the epoch after which predictions were not finite
    predictions      digest of the test predictions, whose file may be changed before it is read
    copy_s           seconds of the checks before an evaluation and of a copy of the model
    off_clock_cpu_s  CPU seconds from the start of `fit` to its last evaluation, less those on the
                     training clock
    cpu_s            CPU seconds of the worker, of its children that have ended and of those that
                     the warm-up started
    disturbance      of the worker while the training clock ran
    ended_ns         reading of the clock after the last part
    """

    event: Literal["result"] = "result"
    epochs: Count
    epochs_ran: Count
    best_epoch: Count | None
    checkpoints: Count = 0
    epoch_s: Seconds | None
    val_rmse: float | None
    val_blocks: list[Annotated[float, Field(ge=0)]] = []
    timed_out: bool
    diverged_at: Count | None
    thread_pools: dict[str, Count]
    numerics: Numerics | None
    memory: Memory
    parts: Parts
    predictions: str = ""
    copy_s: Seconds = 0.0
    off_clock_cpu_s: Seconds = 0.0
    cpu_s: Seconds = 0.0
    disturbance: Disturbance | None = None
    ended_ns: Nanoseconds


class Energy(_Event):
    """The energy of a fit, or the reason why it was not measured. `ended_ns` as in Result."""

    event: Literal["energy"] = "energy"
    measured: records.Energy | None = None
    reason: str = ""
    ended_ns: Nanoseconds | None = None


Event = Phase | Evaluating | Checkpoint | Failed | Result | Energy
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse(line: bytes, secret: str = "") -> Event:
    """The event that a line is, after the `secret`. Raises NotAnEventError, which shows how the
    line begins."""
    if len(line) > MAX_LINE_BYTES:
        raise NotAnEventError(f"a line of more than {MAX_LINE_BYTES:,} bytes: {_start(line)}")
    if not line.startswith(secret.encode()):
        shown = _start(line.replace(secret.encode(), b""))  # an event may follow in the line
        raise NotAnEventError(f"{shown} (without the harness's secret)")
    line = line.removeprefix(secret.encode())
    try:
        return _EVENT.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise NotAnEventError(f"{_start(line)} ({problem})") from None


def _start(line: bytes) -> str:
    return repr(line[:SHOWN_BYTES].decode(errors="replace")) + "…" * (len(line) > SHOWN_BYTES)
