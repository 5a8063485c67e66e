"""What the harness checks, from its own side, of what a worker reports of itself.

A worker shares its process with the row that it times. So the order of its events, its curve and
its clock are compared with each other, and with a clock that no row can reach.
"""

from __future__ import annotations

import itertools
import math
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.cell.events import Checkpoint, Event, Failed, Phase, Result
from bench.cell.job import StorageError

FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "": ("import",),
    "import": ("construction",),
    "construction": ("warm-up",),
    "warm-up": ("predict of the warm-up",),
    "predict of the warm-up": ("data",),
    "data": ("fit",),
    "fit": ("evaluating", "predict"),
    "evaluating": ("checkpoint",),
    "checkpoint": ("evaluating", "predict"),
    "predict": ("result",),
    "result": ("energy",),
    "energy": ("energy of a fit",),
}
"""The events that may come after one, by their names; a failure may come at any time."""

ROUNDING_S = 1e-3
"""Of seconds that are sums of nanoseconds, added in another order."""

FLOOR_S = 0.2
"""Seconds off the training clock that are no reason for a doubt, however short training was."""

EVALUATION_S = 0.01
"""What an evaluation takes beside checks, copies and predictions."""

PAIR_S = 5e-7
"""What it takes to score a pair."""

MARGIN = 2.0
"""How many times as long an evaluation may take as its parts do when they are timed again."""

WARM = 10.0
"""How many times as long as a fit of more epochs one of fewer may take: a machine's noise made it
twice in a record of this repository."""

UNREPORTED_S = 2.0
"""CPU seconds that a worker may need to end, and for what it started."""


@dataclass
class Audit:
    """Follows the events of one worker.

    n_validation, n_test  pairs whose predictions are timed
    blocks                parts of the validation pairs whose squared errors are wanted
    """

    n_validation: int
    n_test: int
    blocks: int = 0
    _last: str = ""
    _fit_at_most_ns: int = 0
    _window_s: float = 0.0
    _checkpoints: list[tuple[Checkpoint, float]] = field(default_factory=list)

    def note(self, event: Event, after_ns: int, now_ns: int) -> str | None:
        """Take the next event, which was sent between two readings of the harness's clock. Returns
        what is wrong with it, None where nothing is."""
        name = _name(event)
        if isinstance(event, Failed):
            return None
        if name not in FOLLOWS.get(self._last, ()):
            return f"reported {name} after {self._last or 'nothing'}: no event of the harness"
        self._last = name
        # At least as long since the start of `fit`, whatever kept this process from reading.
        since_fit_s = (after_ns - self._fit_at_most_ns) / 1e9
        if name == "fit":
            self._fit_at_most_ns = now_ns
        elif name == "predict":
            self._window_s = since_fit_s
        elif isinstance(event, Checkpoint):
            if self._checkpoints and event.epoch <= self._checkpoints[-1][0].epoch:
                return f"reported epoch {event.epoch} after {self._checkpoints[-1][0].epoch}"
            self._checkpoints.append((event, since_fit_s))
        return None

    def contradiction(self, result: Result, spawned_ns: int) -> str | None:
        """Where the result does not agree with the events before it or with the harness's clock."""
        parts = result.parts
        others = parts.other_budgets
        trained_s = parts.fit + (others or 0.0)
        total_s = trained_s + parts.import_ + parts.warmup + parts.predict
        total_s += parts.overhead + parts.evaluation
        if abs(total_s - (result.ended_ns - spawned_ns) / 1e9) > ROUNDING_S:
            return "reported parts of its clock that do not sum to its time"
        points = [(each.epoch, each.rmse) for each, _ in self._checkpoints if each.rmse is not None]
        best = min(points, key=lambda point: point[1], default=(None, None))
        if len(self._checkpoints) != result.checkpoints or best != (
            result.best_epoch,
            result.val_rmse,
        ):
            return "reported a result that is not that of its checkpoints"
        if not self._blocks_agree(result):
            return "reported squared errors that are not those of its validation RMSE"
        total_s = 0.0
        for checkpoint, since_fit_s in self._checkpoints:
            if others is None and checkpoint.seconds < total_s:
                return f"reported fewer seconds at epoch {checkpoint.epoch} than before"
            total_s = checkpoint.seconds + (0.0 if others is None else total_s)
            off_clock_s = checkpoint.evaluation_s + parts.overhead
            if total_s + off_clock_s + ROUNDING_S < since_fit_s:
                return _short(f"epoch {checkpoint.epoch}", total_s, since_fit_s)
        if total_s > trained_s + ROUNDING_S:
            return "reported a fit that is shorter than its checkpoints"
        if trained_s + parts.evaluation + parts.overhead + ROUNDING_S < self._window_s:
            return _short("the end of fit", trained_s, self._window_s)
        return None

    def _blocks_agree(self, result: Result) -> bool:
        """Whether there are as many blocks as are wanted, and the RMSE is theirs."""
        blocks, rmse = result.val_blocks, result.val_rmse
        wanted = 0 if rmse is None else min(self.blocks, self.n_validation)
        if rmse is None or not wanted or len(blocks) != wanted:
            return len(blocks) == wanted
        sizes = self.n_validation // wanted + (np.arange(wanted) < self.n_validation % wanted)
        return math.isclose(np.average(blocks, weights=sizes), rmse**2, rel_tol=1e-9)

    def doubts(self, result: Result, cpu_s: float | None) -> list[str]:
        """Whether the worker was busy off the training clock for longer than can be explained.

        What a compiler needs is known from the warm-up. `cpu_s` is of the worker and all that it
        started, as the kernel counted it; None where it did more than this cell.
        """
        parts = result.parts
        trained_s = parts.fit + (parts.other_budgets or 0.0)
        predict_s = parts.predict * self.n_validation / max(self.n_test, 1)
        evaluation_s = 2 * result.copy_s + 2 * predict_s + PAIR_S * self.n_validation
        n = max(result.checkpoints, result.epochs_ran)
        explained_s = MARGIN * (n * (evaluation_s + EVALUATION_S) + parts.warmup)
        tolerated_s = max(FLOOR_S, trained_s / 2)
        off_clock_s = self._window_s - trained_s
        found = []
        # A machine that is busy delays a process, but gives it no CPU seconds.
        if min(off_clock_s, result.off_clock_cpu_s) > explained_s + tolerated_s:
            found.append(
                f"busy for {off_clock_s:.2g} s ({result.off_clock_cpu_s:.2g} s of CPU) during fit "
                f"beside the {trained_s:.2g} s of the training clock"
            )
        fits = [each for each, _ in self._checkpoints] if parts.other_budgets is not None else []
        for fewer, more in itertools.pairwise(fits):
            if fewer.seconds > WARM * more.seconds + FLOOR_S:
                found.append(
                    f"a fit of {more.epoch} epochs took {more.seconds:.2g} s after one of "
                    f"{fewer.epoch} took {fewer.seconds:.2g} s: it is not from scratch"
                )
        unreported_s = 0.0 if cpu_s is None else cpu_s - result.cpu_s
        cores = os.cpu_count() or 1
        if unreported_s > UNREPORTED_S + trained_s / 2 + cores * parts.warmup:
            found.append(
                f"used {unreported_s:.2g} s of CPU that are in no part of its clock, and "
                f"{trained_s:.2g} s on the training clock"
            )
        return found


class DisturbedError(StorageError):
    """What the harness runs under was changed, and it has no right to set it back."""


class Inherited:
    """What each worker inherits from the harness, and any process of its user may change: nice
    level, CPU affinity, scheduling policy, limits on resources. As they are when this is made."""

    def __init__(self) -> None:
        self._settings = _inherited()

    def restore(self) -> list[str]:
        """Set back what changed; returns the names. Raises DisturbedError where that fails."""
        now = _inherited()
        changed = [name for name, value in self._settings.items() if now[name] != value]
        for name in changed:
            try:
                _set(name, self._settings[name])
            except (OSError, ValueError) as error:
                raise DisturbedError(
                    f"the harness's {name} was changed while it ran, and cannot be set back "
                    f"({error}): start the run again"
                ) from error
        return changed


def _inherited() -> dict[str, Any]:
    found: dict[str, Any] = {
        name: resource.getrlimit(number) for name, number in RESOURCES.items()
    } | {"nice level": os.getpriority(os.PRIO_PROCESS, 0)}
    if sys.platform == "linux":
        found["scheduling policy"] = os.sched_getscheduler(0)
        found["CPU affinity"] = os.sched_getaffinity(0)
    return found


def _set(name: str, value: Any) -> None:
    match name:
        case "nice level":
            os.setpriority(os.PRIO_PROCESS, 0, value)
        case "scheduling policy":
            os.sched_setscheduler(0, value, os.sched_param(0))
        case "CPU affinity":
            os.sched_setaffinity(0, value)
        case _:
            resource.setrlimit(RESOURCES[name], value)


RESOURCES = {
    f"limit {name}": getattr(resource, name)
    for name in dir(resource)
    if name.startswith("RLIMIT_") and name != "RLIMIT_OFILE"  # another name of RLIMIT_NOFILE
}


def _name(event: Event) -> str:
    if isinstance(event, Phase):
        return event.name
    return "energy of a fit" if event.event == "energy" else event.event


def _short(until: str, seconds: float, seen_s: float) -> str:
    return (
        f"reported {seconds:.2g} s of training until {until}, and the harness's clock counts "
        f"{seen_s:.2g} s that its other times do not explain"
    )
