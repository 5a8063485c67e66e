"""One cell becomes one record, on this machine."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import psutil
from numpy.typing import NDArray

from bench import machine
from bench.cell import numerics
from bench.cell.data import Prepared, Splits
from bench.cell.events import Result
from bench.cell.execute import Executor, Outcome
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.planning.describing import Sources
from bench.planning.plan import Cell
from bench.records import Environment, Metrics, Record, Source, Times
from bench.running.goals import Goals, reached
from bench.running.observer import Listener
from bench.score import doubts, score, squared_errors

SHARES = "RATEBENCH_SHARES"
"""A variable that says with what the cells of this process share their machine: a doubt about every
record of them."""


SOURCE_CHANGED = "changed the source of"


def was_refused(record: Record) -> bool:
    """Whether the record has no figures because a source, of its row or of another one, changed
    while it ran: perhaps by an edit, so it says nothing of the row."""
    return record.reason.startswith(SOURCE_CHANGED)


def memory_limit_bytes(gigabytes: float | None) -> int:
    """By default 90 % of what is free."""
    return int(gigabytes * 1e9 if gigabytes else psutil.virtual_memory().available * 0.9)


def now() -> str:
    """As records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Cells:
    """Runs cells, one at a time.

    blocks   parts of the test ratings, and of the validation ratings, whose squared errors each
             record has; 0 for none
    sources  of the rows, watched while cells run
    """

    executor: Executor
    splits: Splits
    memory_limit_bytes: int
    blocks: int = 0
    sources: Sources = field(default_factory=lambda: Sources({}))

    def run(self, cell: Cell, goals: Goals, listener: Listener) -> Record:
        """The record of a run of the cell now, from whose curve `goals` learn. Raises HarnessError
        and DataError."""
        record = blank(cell, machine.current_environment(), *machine.source_state())
        if cell.skip is not None:
            record.status, record.reason = cell.skip.status, cell.skip.reason
            return record
        self.sources.look()
        if cell.class_path in self.sources.changed:
            record.status, record.reason = "skipped", "its source changed after the run began"
            return record
        prepared, outcome = self._execute(cell, listener)
        if outcome.doubtful:
            listener.tried_again(outcome.reason)
            prepared, outcome = self._execute(cell, listener)
        goals.learn(cell, outcome.curve)
        _fill(record, outcome, prepared, goals.of(cell), self.blocks)
        return record

    def _execute(self, cell: Cell, listener: Listener) -> tuple[Prepared, Outcome]:
        """One run of the cell. Files that changed meanwhile may be the row's fault, or that of
        whatever cleans up temporary folders: if it is the row's, they change again."""
        request = cell.request
        prepared = self.splits.prepare(request.dataset, request.split, request.seed)
        limits = Limits(cell.rules.time_limit_s, self.memory_limit_bytes)
        job = _job(cell, prepared, self.blocks)
        outcome = self.executor.execute(job, prepared.test, limits, listener.on_event)
        if not self.splits.are_intact():
            self.splits.discard()  # the next run gets them anew
            reason = "changed the files that hold the ratings"
            outcome = _refused(outcome, reason, doubtful=True)
        if changed := self.sources.look():
            names = ", ".join(changed)
            reason = f"{SOURCE_CHANGED} {names}, or somebody did, while it ran"
            outcome = _refused(outcome, reason)
        return prepared, outcome


def blank(cell: Cell, here: Environment, sha: str | None, dirty: bool | None) -> Record:
    """A record of the cell on a machine without what came of it.

    sha, dirty  commit of ratebench there, and whether its code differs from it
    """
    environment = cell.environment(here)
    return Record(
        identity=cell.identity(environment),
        started_at=now(),
        status="failed",
        cell=cell.request,
        data=cell.facts.data,
        source=Source(
            git_sha=sha,
            dirty=dirty,
            implementation_hash=cell.implementation_hash,
            unfollowed=list(cell.unfollowed),
        ),
        environment=environment,
        reference=cell.reference,
    )


def _refused(outcome: Outcome, reason: str, *, doubtful: bool = False) -> Outcome:
    """In the place of an outcome of which no figure may count."""
    return Outcome("failed", reason, log=outcome.log, sandbox=outcome.sandbox, doubtful=doubtful)


def _job(cell: Cell, prepared: Prepared, blocks: int) -> Job:
    request = cell.request
    return Job(
        class_path=cell.class_path,
        hyperparameters=request.hyperparameters,
        device=request.device,
        seed=request.seed,
        threads=request.threads,
        arrays=prepared.folder.name,
        n_users=prepared.n_users,
        n_items=prepared.n_items,
        scale=cell.facts.data.scale,
        rules=cell.rules,
        source=cell.implementation_hash,
        core=machine.timing_core() if request.pinned else None,
        blocks=blocks,
    )


def _fill(
    record: Record, outcome: Outcome, prepared: Prepared, goals: tuple[float, ...], blocks: int
) -> None:
    record.status, record.reason = outcome.status, machine.without_places(outcome.reason)
    log = "" if outcome.status in ("ok", "pruned") else outcome.log
    record.log = machine.without_places(log)
    record.sandbox = outcome.sandbox
    record.curve, record.epoch_budgets = outcome.curve, outcome.epoch_budgets
    record.goals = reached(outcome.curve, goals)
    if outcome.energy is not None:
        record.energy, record.energy_reason = outcome.energy.measured, outcome.energy.reason
    if (result := outcome.result) is None:
        record.ran_s = outcome.wall_s
        return
    record.times, record.disturbance = _times(result, outcome), result.disturbance
    record.epoch_budgets = result.parts.other_budgets is not None
    record.thread_pools, record.numerics = result.thread_pools, result.numerics
    record.memory, record.val_blocks = result.memory, result.val_blocks
    predicted = outcome.predicted
    if predicted is not None and len(prepared.test) and outcome.status in ("ok", "timeout"):
        scale = record.data.scale
        record.metrics = _metrics(result, outcome, predicted, prepared, scale, blocks)


def _metrics(
    result: Result,
    outcome: Outcome,
    predicted: NDArray[np.float32],
    prepared: Prepared,
    scale: tuple[float, float],
    blocks: int,
) -> Metrics:
    test, cold_start = prepared.test, prepared.cold_start
    complete = cold_start.complete(test, predicted)
    scores = score(complete, test.values, scale)
    settings = result.numerics.model_dump() if result.numerics else None
    fit_s, predict_s = result.parts.fit, result.parts.predict
    return Metrics(
        **dataclasses.asdict(scores),
        val_rmse=result.val_rmse,
        n_test=len(test),
        n_cold_start=int((~test.known).sum()),
        n_train=prepared.n_train,
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        flags=[
            *doubts(predicted, test, scores, cold_start.global_mean, fit_s, predict_s),
            *numerics.departures(settings),
            *outcome.doubts,
            *filter(None, [os.environ.get(SHARES)]),
        ],
        slices=[
            each
            for slicing in prepared.slicings
            for each in slicing.scores(complete, test.values, scale)
        ],
        blocks=squared_errors(complete, test.values, scale, blocks),
    )


def _times(result: Result, outcome: Outcome) -> Times:
    parts = result.parts
    return Times(
        import_s=parts.import_,
        warmup_s=parts.warmup,
        fit_s=parts.fit,
        other_budgets_s=parts.other_budgets or 0.0,
        epoch_s=result.epoch_s,
        predict_s=parts.predict,
        evaluation_s=parts.evaluation,
        overhead_s=parts.overhead + outcome.exit_s,
        first_model_s=parts.import_ + parts.warmup + parts.fit,
        wall_s=outcome.wall_s,
    )
