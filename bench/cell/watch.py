"""When a worker is stopped: deadlines, the memory limit and a hang, decided without a process."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bench.cell.events import Checkpoint, Evaluating, Event, Phase
from bench.records import Status

SHOWN = {
    "construction": "__init__",
    "data": "reading the ratings",
    "predict of the warm-up": "predict in the warm-up",
    "evaluation": "predict on validation pairs",
    "predict": "predict on test pairs",
    "energy": "a fit that is repeated for its energy",
}
"""Phases by what of the implementation runs in them, where the name does not tell."""


HANG_S, RUNS_S = 30.0, 0.03
"""A worker hangs whose processes, while they are watched for `HANG_S`, use less than `RUNS_S` of a
processor: it waits for a lock, a signal or a pipe, and would until its time limit."""

LOOK_S = 1.0
"""The most that counts of the time between two looks: a machine that slept is no worker that hangs.
"""


@dataclass(frozen=True)
class Limits:
    """What a cell may use. The time limit is on the training clock; each phase of a worker
    may take that long and `grace_s` more before it is killed; `exit_s` after its result. A fit
    ends at its first checkpoint that is over `wall_limit_s` after the start."""

    time_limit_s: float
    memory_limit_bytes: int
    grace_s: float = 15.0
    exit_s: float = 10.0
    wall_limit_s: float = math.inf


@dataclass(frozen=True)
class Stop:
    """Why a worker is to be killed."""

    status: Status
    reason: str


@dataclass
class Watch:
    """Decides by a worker's events when to stop it. Times are seconds of one timer."""

    limits: Limits
    started: float
    phase: str = field(default="start", init=False)
    deadline: float = field(default=0.0, init=False)
    _evaluation_s: float = field(default=0.0, init=False)
    _fit_deadline: float = field(default=0.0, init=False)
    _looked: float = field(default=0.0, init=False)
    _cpu_s: float = field(default=0.0, init=False)
    _idle_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._looked = self.started
        self._allow(self.limits.time_limit_s + self.limits.grace_s, self.started)

    def note(self, event: Event, now: float) -> None:
        """Move the deadline: a new phase has its own, and evaluation is not held against fit."""
        self._idle_s = 0.0
        match event:
            case Phase():
                self.phase = event.name
                self._allow(self.limits.time_limit_s + self.limits.grace_s, now)
            case Evaluating():
                self.phase, self._fit_deadline = "evaluation", self.deadline
                self._allow(self.limits.time_limit_s + self.limits.grace_s, now)
            case Checkpoint():
                if self.phase == "evaluation":
                    self.phase, self.deadline = "fit", self._fit_deadline
                self.deadline += event.evaluation_s - self._evaluation_s
                self._evaluation_s = event.evaluation_s
            case _:
                self.phase = "exit"
                self._allow(self.limits.exit_s, now)

    def verdict(self, now: float, memory_bytes: int, cpu_s: float | None) -> Stop | None:
        """None while all is well. `cpu_s`: what the worker's processes used so far; None where
        that is not known, which is no hang."""
        if cpu_s is None:
            self._idle_s = 0.0
        elif abs(cpu_s - self._cpu_s) >= RUNS_S:
            self._cpu_s, self._idle_s = cpu_s, 0.0
        else:
            self._idle_s += min(now - self._looked, LOOK_S)
        self._looked = now
        if memory_bytes > self.limits.memory_limit_bytes:
            limit = self.limits.memory_limit_bytes / 1e9
            return Stop("out of memory", f"used more than the memory limit of {limit:.1f} GB")
        shown = SHOWN.get(self.phase, self.phase)
        if now <= self.deadline:
            if self._idle_s < HANG_S or self.phase in ("start", "exit"):
                return None
            return Stop("failed", f"hangs in {shown}: no processor time in {HANG_S:g} s; killed")
        if self.phase == "exit":
            return Stop(
                "failed",
                f"still running {self.limits.exit_s:g} s after its result: "
                "a thread of it does not end",
            )
        return Stop(
            "timeout",
            f"no end of {shown} within the time limit of "
            f"{self.limits.time_limit_s:g} s and {self.limits.grace_s:g} s more; killed",
        )

    def _allow(self, seconds: float, now: float) -> None:
        self.deadline = now + seconds
