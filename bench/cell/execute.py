"""One cell in one fresh process: what was asked for goes in, an outcome comes out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.cell.job import Job, read_predictions, write_pairs
from bench.cell.process import WorkerProcess
from bench.cell.watch import Limits, Stop, Watch
from bench.records import Point, Status
from datasets.ratings import HeldOut

Event = Mapping[str, Any]
Listener = Callable[[Event], None]


@dataclass
class Outcome:
    """What came of a cell, before anything is scored.

    predicted  float32 (n_known,) for the known test pairs, or None
    result     what the worker told last of the cell: epochs, parts of the clock in seconds, …
    energy     what it told of the energy of a fit, `measured` or None and the `reason`; empty
               where it did not measure any
    wall_s     spawn to exit; exit_s the result to the exit. Neither has the fits in it that were
               made again for their energy
    log        the end of what the process printed
    """

    status: Status
    reason: str = ""
    predicted: NDArray[np.float32] | None = None
    result: dict[str, Any] = field(default_factory=dict)
    energy: dict[str, Any] = field(default_factory=dict)
    curve: list[Point] = field(default_factory=list)
    wall_s: float = 0.0
    exit_s: float = 0.0
    log: str = ""


class Executor(Protocol):
    """Runs a job to its outcome. Tests put a fake here, to plan and resume without a process."""

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        """Train on the job's arrays and predict the known pairs of `test`."""


class ProcessExecutor:
    """The real one: a fresh process per cell, watched, and nothing of it left afterwards."""

    tick_s = 0.2

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        """Never raises for what a worker does; a KeyboardInterrupt ends the worker first."""
        outcome = Outcome("failed")
        stop: Stop | None = None
        watch = Watch(limits, time.monotonic())
        with (
            tempfile.TemporaryDirectory(prefix="ratebench-") as pairs,
            WorkerProcess(job.to_json(), job.threads) as worker,
        ):
            for event in worker.events(self.tick_s):
                if event is not None:
                    watch.hear(event, time.monotonic())
                    _note(outcome, event)
                    listener(event)
                    if event.get("name") == "predict":
                        write_pairs(test, Path(pairs))
                        worker.order(pairs)
                elif stop is None:
                    stop = watch.verdict(time.monotonic(), worker.memory_bytes())
                    if stop is not None:
                        worker.kill()
            left_behind = worker.kill_leftovers()
            outcome.log = worker.log
            if stop is not None and watch.phase == "energy":  # the cell itself was over
                outcome.energy["reason"], stop = stop.reason, None
            energy_ns = _energy_ns(outcome, worker.exited_ns)
            outcome.wall_s = (worker.exited_ns - worker.spawned_ns - energy_ns) / 1e9
            if outcome.result:
                ended_ns = outcome.result["ended_ns"]
                outcome.exit_s = (worker.exited_ns - ended_ns - energy_ns) / 1e9
                outcome.predicted = read_predictions(Path(pairs))
            return _judged(outcome, stop, left_behind, worker.ending)


def _note(outcome: Outcome, event: Event) -> None:
    match event["event"]:
        case "checkpoint" if event["rmse"] is not None:
            outcome.curve.append(Point.model_validate(event))
        case "failed":
            outcome.status, outcome.reason = event["status"], event["reason"]
        case "result":
            outcome.result = dict(event)
        case "phase" if event["name"] == "energy":
            outcome.energy = {"measured": None, "reason": "the process died of the fit, made again"}
        case "energy":
            outcome.energy = dict(event)


def _energy_ns(outcome: Outcome, exited_ns: int) -> int:
    """How long the worker stayed for the energy of a fit, after its result."""
    if not outcome.energy:
        return 0
    ended_ns: int = outcome.energy.get("ended_ns", exited_ns)
    return ended_ns - int(outcome.result["ended_ns"])


def _judged(outcome: Outcome, stop: Stop | None, left_behind: int, ending: str) -> Outcome:
    """Settle the status: its own fault first, then what the harness had to do, then its result."""
    result = outcome.result
    if outcome.reason:  # the worker told what went wrong; that it was slow to end adds nothing
        pass
    elif stop is not None:
        outcome.status, outcome.reason = stop.status, stop.reason
    elif not result:
        outcome.reason = ending
    elif left_behind:
        outcome.reason = f"left {left_behind} process(es) running after it ended; they were ended"
    elif result["diverged_at"] is not None:
        outcome.status = "diverged"
        outcome.reason = f"validation RMSE was not finite after epoch {result['diverged_at']}"
    elif outcome.predicted is not None and not np.isfinite(outcome.predicted).all():
        outcome.status, outcome.reason = "diverged", "test predictions are not all finite"
    elif result["timed_out"]:
        outcome.status = "timeout"
        outcome.reason = f"time limit reached after {result['epochs_ran']} epoch(s)"
    else:
        outcome.status = "ok"
    return outcome
