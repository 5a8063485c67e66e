"""Trials of a search, in workers that each serve several of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from bench.cell.audit import Audit
from bench.cell.events import Checkpoint, Event, Failed, Result
from bench.cell.execute import (
    INHERITED,
    CancelledError,
    Listener,
    Outcome,
    checked,
    is_late,
    judged,
    n_validation,
    new_folder,
    note,
    read_into,
    refuse_unstarted,
)
from bench.cell.execute import never as never_cancelled
from bench.cell.job import ENOUGH, Job, hand_over
from bench.cell.process import WorkerProcess
from bench.cell.watch import Limits, Stop, Watch
from bench.records import Status
from datasets.ratings import HeldOut

Pruner = Callable[[Checkpoint], str]
"""Why a trial is to end after a checkpoint; "" where it goes on."""


def never(_: Checkpoint) -> str:
    """Every trial goes on."""
    return ""


class ServingExecutor:
    """One worker for all jobs of a row, a device and a number of threads.

    A trial pays for the start of a process and for what is compiled only where its worker is new.
    It has its own folder, clock, checks and events, and no other worker runs meanwhile. What it
    shares with the trials before it in its worker: the process's memory, caches of libraries, and
    pools of threads. So its peak of host memory is not recorded, except in a new worker. A worker
    that fails, or exceeds a limit, is ended, and the next trial gets a new one.

    pruner        decides after each checkpoint whether the trial goes on
    wall_limit_s  after which it does not, evaluations included: it is a "timeout" then
    cancelled     as of `ProcessExecutor`
    """

    tick_s = 0.05

    def __init__(self, cancelled: Callable[[], bool] = never_cancelled) -> None:
        self._cancelled = cancelled
        self.pruner: Pruner = never
        self.wall_limit_s = math.inf
        self._workers: dict[Hashable, tuple[WorkerProcess, ExitStack]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_workers()

    def end_workers(self) -> None:
        """The next trial of each row starts a process."""
        for key in [*self._workers]:
            self._end(key)

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        """As `ProcessExecutor`; the outcome is "pruned" where the pruner ended it."""
        key = (job.class_path, job.device, job.threads)
        INHERITED.restore()
        laid_out = Path(job.arrays)
        try:
            with ExitStack() as held:
                folder = new_folder(held)
                hand_over(["sample"], laid_out, folder)
                job = replace(job, arrays=str(folder), more=True)
                outcome = self._trial(key, job, laid_out, test, limits, listener)
        except BaseException:
            self._end(key)
            raise
        if outcome.result is None or outcome.status == "failed":
            self._end(key)
        else:
            self._workers[key][0].pause()
        return outcome

    def _trial(
        self,
        key: Hashable,
        job: Job,
        laid_out: Path,
        test: HeldOut,
        limits: Limits,
        listener: Listener,
    ) -> Outcome:
        n_known = int(test.known.sum())
        outcome = Outcome("failed")
        audit = Audit(n_validation(laid_out), n_known, job.blocks)
        watch = Watch(limits, time.monotonic())
        stop: Stop | None = None
        ended: tuple[Status, str] | None = None
        worker, began_ns = self._begin(key, job)
        order = f"{ENOUGH} {None if began_ns == worker.spawned_ns else began_ns}"
        for event in worker.events(self.tick_s):
            if event is None and self._cancelled():
                raise CancelledError
            if event is not None:
                event = checked(audit, laid_out, Path(job.arrays), test, event, worker)
                watch.note(event, time.monotonic())
                note(outcome, event)
                listener(event)
                if isinstance(event, Result | Failed):
                    break
                if ended is None and (ended := self._ended(event, began_ns)):
                    worker.order(order)
            elif not stop and (stop := watch.verdict(time.monotonic(), *worker.use())):
                worker.kill()
        outcome.log = worker.log
        if began_ns == worker.spawned_ns:  # one that served trials before did start
            refuse_unstarted(watch, stop, worker)
        unread = read_into(outcome, Path(job.arrays), n_known)
        _note_times(outcome, worker, audit, began_ns)
        if changed := INHERITED.restore():
            outcome.reason = f"changed the harness's {' and '.join(changed)}, or somebody did"
        outcome = judged(outcome, stop, 0, worker.ending, unread)
        if ended and outcome.status == "ok":
            outcome.status, outcome.reason = ended
        return outcome

    def _begin(self, key: Hashable, job: Job) -> tuple[WorkerProcess, int]:
        """The worker, which has the job, and the reading of the clock from which that counts."""
        if key in self._workers and self._workers[key][0].has_ended:  # killed while it waited
            self._end(key)
        if key in self._workers:
            worker, _ = self._workers[key]
            worker.resume()
            began_ns = time.perf_counter_ns()
            worker.order(replace(job, began_ns=began_ns).to_json())
            return worker, began_ns
        held = ExitStack()
        worker = held.enter_context(WorkerProcess(job.to_json(), job.threads))
        self._workers[key] = worker, held
        return worker, worker.spawned_ns

    def _ended(self, event: Event, began_ns: int) -> tuple[Status, str] | None:
        """As what the trial ends after the event, and why; None where it goes on."""
        # After the last epoch, or the one evaluation of a model without epochs, it has ended.
        if not isinstance(event, Checkpoint) or event.epoch >= event.planned:
            return None
        if pruned := self.pruner(event):
            return "pruned", pruned
        if late := is_late(event, began_ns, self.wall_limit_s):
            return "timeout", late
        return None

    def _end(self, key: Hashable) -> None:
        if key in self._workers:
            _, held = self._workers.pop(key)
            held.close()


def _note_times(outcome: Outcome, worker: WorkerProcess, audit: Audit, began_ns: int) -> None:
    ended_ns = time.perf_counter_ns()
    if (result := outcome.result) is not None:
        outcome.reason = outcome.reason or audit.contradiction(result, began_ns) or ""
        outcome.doubts = audit.doubts(result, None)
        ended_ns = result.ended_ns
        if began_ns != worker.spawned_ns:  # the peak may be that of an earlier trial
            memory = result.memory.model_copy(update={"host_peak_bytes": None})
            outcome.result = result.model_copy(update={"memory": memory})
    outcome.wall_s = (ended_ns - began_ns) / 1e9
