"""One cell in one fresh process: a job goes in, an outcome comes out."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.cell.audit import Audit, Inherited
from bench.cell.events import Checkpoint, Energy, Event, Failed, Phase, Result
from bench.cell.job import (
    DIGEST_BYTES,
    DTYPES,
    ENOUGH,
    ChangedFolderError,
    Job,
    StorageError,
    check_storage,
    digest_of,
    hand_over,
    read_predictions,
    write_pairs,
)
from bench.cell.process import Launch, StartError, WorkerProcess
from bench.cell.sandbox.compiled import digest
from bench.cell.watch import Limits, Stop, Watch
from bench.planning.loading import shortened
from bench.records import Point, Status
from datasets import cache
from datasets.ratings import HeldOut
from datasets.temporary import TemporaryFolder

INHERITED = Inherited()
"""As this process was started."""

RATINGS = ("train", "validation")

REASON_CHARS = 2_000
"""How much of a worker's reason a record has: all of an exception's, and no list without end."""

Listener = Callable[[Event], None]


@dataclass
class Outcome:
    """What came of a cell, before anything is scored.

    predicted  float32 (n_known,) for the known test pairs, or None
    result     the worker's last report on the cell; None where it did not come to its end
    epoch_budgets  whether each point of the curve is a fit of its own
    energy     what came of measuring the energy of a fit; None where that was not tried
    wall_s     spawn to exit; exit_s the result to the exit. Neither includes the fits that are
               repeated to measure their energy
    doubts     about its figures, as flags of the record
    log        the end of what the process printed
    sandbox    what contained the process; "" for nothing
    doubtful   what harness and worker exchanged was lost: whose fault that is, another run shows
    """

    status: Status
    reason: str = ""
    predicted: NDArray[np.float32] | None = None
    result: Result | None = None
    energy: Energy | None = None
    curve: list[Point] = field(default_factory=list)
    epoch_budgets: bool = False
    wall_s: float = 0.0
    exit_s: float = 0.0
    doubts: list[str] = field(default_factory=list)
    log: str = ""
    sandbox: str = ""
    doubtful: bool = False


class Executor(Protocol):
    """Runs a job to its outcome. Tests put a fake here, to plan and resume without a process."""

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        """Train on the job's arrays and predict the known pairs of `test`. Raises HarnessError."""


def unsandboxed(job: Job) -> Launch:
    """What numba stores of one source is not used for another, as in a sandbox (`Compiled`)."""
    stored = cache.folder() / "numba" / digest(job.source)
    try:
        stored.mkdir(parents=True, exist_ok=True)
    except OSError:  # then beside the source, where numba takes a place of its own if it must
        return Launch()
    return Launch(environment={**os.environ, "NUMBA_CACHE_DIR": str(stored)})


class CancelledError(Exception):
    """Nobody waits for the cell any more: its worker was ended, and there is no outcome."""


def never() -> bool:
    """Somebody waits, whatever happens."""
    return False


class ProcessExecutor:
    """A fresh process per cell, watched, and nothing of it left afterwards.

    launcher   how the worker is started, by its job
    cancelled  whether nobody waits for the cell any more; called every `tick_s`
    """

    tick_s = 0.2

    def __init__(
        self,
        launcher: Callable[[Job], Launch] = unsandboxed,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        self._launcher, self._cancelled = launcher, cancelled

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        """Never raises for what a worker does; a KeyboardInterrupt ends the worker first.

        Raises HarnessError for what is the harness's own fault, or its surroundings', and
        CancelledError.
        """
        outcome = Outcome("failed")
        stop: Stop | None = None
        late = ""
        watch = Watch(limits, time.monotonic())
        INHERITED.restore()
        laid_out = Path(job.arrays)
        n_known = int(test.known.sum())
        audit = Audit(n_validation(laid_out), n_known, job.blocks)
        cpu_before_s = _cpu_of_children_s()
        with ExitStack() as held:
            folder = new_folder(held)
            hand_over(["sample"], laid_out, folder)
            job = replace(job, arrays=str(folder))
            process = WorkerProcess(job.to_json(), job.threads, self._launcher(job), job.core)
            worker = held.enter_context(process)
            for event in worker.events(self.tick_s):
                if event is None and self._cancelled():
                    raise CancelledError
                if event is not None:
                    event = checked(audit, laid_out, folder, test, event, worker)
                    watch.note(event, time.monotonic())
                    note(outcome, event)
                    listener(event)
                    if late := late or is_late(event, process.spawned_ns, limits.wall_limit_s):
                        worker.order(f"{ENOUGH} None")
                elif stop is None:
                    stop = watch.verdict(time.monotonic(), *worker.use())
                    if stop is not None:
                        worker.kill()
            left_behind = worker.kill_leftovers()
            outcome.log = worker.log
            refuse_unstarted(watch, stop, worker)
            if stop is not None and watch.phase == "energy":  # the cell itself was over
                outcome.energy, stop = Energy(reason=stop.reason), None
            _note_times(outcome, worker)
            unread = read_into(outcome, folder, n_known)
            _audit(outcome, audit, worker.spawned_ns, _cpu_of_children_s() - cpu_before_s)
            if changed := INHERITED.restore():
                names = " and ".join(changed)
                outcome.reason = f"changed the harness's {names}, or somebody did, while it ran"
            if outcome.doubtful:
                check_storage(new_folder(held), n_known)
            return judged(outcome, stop, left_behind, worker.ending, unread, late)


def is_late(event: Event, began_ns: int, wall_limit_s: float) -> str:
    """Why a fit is to end after a checkpoint that is not its last; "" where it goes on."""
    if not isinstance(event, Checkpoint) or event.epoch >= event.planned:
        return ""
    took_s = (time.perf_counter_ns() - began_ns) / 1e9
    return f"it took {wall_limit_s:.3g} s with its evaluations" if took_s > wall_limit_s else ""


def _audit(outcome: Outcome, audit: Audit, spawned_ns: int, cpu_s: float) -> None:
    if (result := outcome.result) is not None:
        outcome.reason = outcome.reason or audit.contradiction(result, spawned_ns) or ""
        outcome.doubts = audit.doubts(result, None if outcome.energy else cpu_s)


def _note_times(outcome: Outcome, worker: WorkerProcess) -> None:
    exited_ns = worker.exited_ns
    if (result := outcome.result) is not None:
        if outcome.energy is not None:  # the time it took is no part of the cell
            exited_ns -= (outcome.energy.ended_ns or exited_ns) - result.ended_ns
        outcome.exit_s = (exited_ns - result.ended_ns) / 1e9
    outcome.wall_s = (exited_ns - worker.spawned_ns) / 1e9


def read_into(outcome: Outcome, folder: Path, n_known: int) -> str:
    """Read the predictions for the pairs; returns why there are none, else ""."""
    if outcome.result is None:
        return ""
    try:
        predicted = read_predictions(folder, n_known)
    except StorageError as error:
        outcome.doubtful = True
        return f"its predictions were lost: {error}"
    if digest_of(predicted) != outcome.result.predictions:
        return "its predictions were changed after it had reported them"
    outcome.predicted = predicted
    return ""


def new_folder(held: ExitStack) -> Path:
    """Gone with `held`. Raises StorageError."""
    try:
        return Path(held.enter_context(TemporaryFolder()).name)
    except OSError as error:
        raise StorageError(f"the harness has no temporary folder: {error.strerror}") from error


def refuse_unstarted(watch: Watch, stop: Stop | None, worker: WorkerProcess) -> None:
    """Raises StartError where the worker ended before it reported its first phase, in which the
    row is imported: none of the row's code has run."""
    if watch.phase != "start" or (stop is not None and stop.status == "out of memory"):
        return
    problem = worker.ending if stop is None else stop.reason
    last = worker.log.strip().rpartition("\n")[2]
    raise StartError(f"a worker did not start: {problem}{last and f': {last}'}")


def checked(
    audit: Audit, laid_out: Path, folder: Path, test: HeldOut, event: Event, worker: WorkerProcess
) -> Event:
    """The event, once the worker has what it waits for; or what is wrong with it, which ends the
    worker."""
    if fault := audit.note(event, worker.sent_after_ns, time.perf_counter_ns()):
        event = Failed(reason=fault)
    elif problem := _answer(event, worker, laid_out, folder, test):
        event = Failed(reason=problem, storage=True)
    else:
        return event
    worker.kill()
    return event


def _answer(
    event: Event, worker: WorkerProcess, laid_out: Path, folder: Path, test: HeldOut
) -> str | None:
    """Give the worker what it waits for, if it does. Returns why not, where its folder changed, by
    the row or whatever cleans up: what lies in the way may be a link, or have no end. Raises
    StorageError."""
    match event:
        case Phase(name="data"):
            expected = ["sample"]
        case Phase(name="predict"):
            expected = ["sample", *RATINGS]
        case _:
            return None
    changed = "changed the folder that it was given for its ratings"
    found = {path.name for path in folder.glob("*")}
    if found != {f"{part}.{column}" for part in expected for column in DTYPES}:
        return changed
    try:
        if event.name == "data":
            hand_over(RATINGS, laid_out, folder)
        else:
            write_pairs(test, folder)
    except ChangedFolderError:  # between the look and the writing
        return changed
    worker.order(json.dumps(str(folder)))
    return None


def n_validation(laid_out: Path) -> int:
    try:
        size = (laid_out / "validation.users").stat().st_size - DIGEST_BYTES
        return size // np.dtype(np.int32).itemsize
    except OSError:  # the next thing that is read says so
        return 0


def _cpu_of_children_s() -> float:
    """CPU seconds of all children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def note(outcome: Outcome, event: Event) -> None:
    match event:
        case Checkpoint() if (point := event.point) is not None:
            outcome.curve.append(point)
            outcome.epoch_budgets = event.budget
        case Failed() if not outcome.reason:
            outcome.status, outcome.reason = event.status, shortened(event.reason, REASON_CHARS)
            outcome.doubtful = event.storage
        case Result():
            outcome.result = event
        case Phase(name="energy"):
            outcome.energy = Energy(reason="the process died in the repeated fit")
        case Energy():
            outcome.energy = event


def judged(
    outcome: Outcome,
    stop: Stop | None,
    left_behind: int,
    ending: str,
    unread: str,
    late: str = "",
) -> Outcome:
    """Settle the status: its own fault first, then what the harness had to do, then its result.

    ending  how its process ended; unread: why it has no predictions; late: why its fit was ended
    """
    result = outcome.result
    if outcome.reason:  # the worker reported it; that it was slow to end adds nothing
        pass
    elif stop is not None:
        outcome.status, outcome.reason = stop.status, stop.reason
    elif result is None:
        outcome.reason = ending
    elif left_behind:
        outcome.reason = f"left {left_behind} process(es) running after it ended; they were ended"
    elif result.diverged_at is not None:
        outcome.status = "diverged"
        outcome.reason = f"validation RMSE was not finite after epoch {result.diverged_at}"
    elif outcome.predicted is None:
        outcome.reason = unread
    elif not np.isfinite(outcome.predicted).all():
        outcome.status, outcome.reason = "diverged", "test predictions are not all finite"
    elif result.timed_out:
        outcome.status = "timeout"
        outcome.reason = f"time limit reached after {result.epochs_ran} epoch(s)"
    elif late:
        outcome.status, outcome.reason = "timeout", late
    else:
        outcome.status = "ok"
    return outcome
