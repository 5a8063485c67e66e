"""Cells to records: cells with a record are left out, each of the others is run and recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench import machine
from bench.cell import locks, numerics
from bench.cell.data import Prepared, Splits
from bench.cell.events import Event, Result
from bench.cell.execute import Executor, Outcome
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.planning.describing import Sources
from bench.planning.plan import BASELINE, Cell
from bench.planning.repeats import Done, Precision, next_repeats
from bench.planning.rerun import History, is_of
from bench.records import WELL, Goal, Metrics, Point, Record, Source, Status, Times, round_up
from bench.score import doubts, score, squared_errors
from bench.store import RecordStore, keep_elsewhere


class Observer(Protocol):
    """Is called as a run proceeds, for a terminal, a log, or a test."""

    def already_done(self, cell: Cell) -> None: ...
    def waiting(self) -> None: ...
    def started(self, cell: Cell, again: str) -> None:
        """`again`: why a cell with a record runs again; "" where it is new."""

    def on_event(self, event: Event) -> None: ...
    def tried_again(self, reason: str) -> None:
        """The cell runs once more: what came of it may not be the row's fault."""

    def repeats(self, cells: Sequence[Cell]) -> None:
        """These run, too, since the times of their rows are not known precisely enough yet."""

    def finished(self, record: Record) -> None: ...
    def not_stored(self, count: int, error: OSError, kept: Path | None) -> None:
        """`count` records are not in their store yet; the file `kept` has them meanwhile."""

    def never_stored(self, records: list[Record], kept: Path | None) -> None:
        """The run ends, and these are in the file `kept` alone, or in none."""


@dataclass
class Runner:
    """Runs a plan.

    exclusive  holds the machine for one cell at a time
    settled    the statuses of a record that need no other run
    blocks     parts of the test ratings, and of the validation ratings, whose squared errors each
               record has; 0 for none
    unwritten  records that the store could not take, the oldest first: each further record, and
               `close`, tries again
    """

    store: RecordStore
    executor: Executor
    observer: Observer
    memory_limit_bytes: int
    splits: Splits = field(default_factory=Splits)
    exclusive: Callable[[Callable[[], None]], AbstractContextManager[None]] = locks.exclusive
    settled: Collection[Status] = WELL
    blocks: int = 0
    unwritten: list[Record] = field(default_factory=list)
    _sources: Sources = field(default_factory=lambda: Sources({}))
    _kept: Path | None = None
    _known: History | None = None
    _goals: dict[tuple[str, str, int], tuple[float, ...]] = field(default_factory=dict)

    def run(
        self, cells: list[Cell], *, fresh: bool, wanted: Precision | None = None
    ) -> list[Record]:
        """Run what has no record yet (all, where `fresh`), then repeats until the rows' times are
        as precise as `wanted`; returns the records, old and new.

        Raises HarnessError, and whatever else ends a run; every finished cell is recorded then.
        """
        runnable = [cell for cell in cells if cell.skip is None]
        self._sources = Sources({cell.class_path: cell.implementation_hash for cell in runnable})
        done: list[Done] = []
        try:
            while cells:
                done += [(cell, self.record_of(cell, fresh=fresh)) for cell in cells]
                if cells := next_repeats(done, wanted):
                    self.observer.repeats(cells)
        finally:
            self.close()
        self.splits.discard()
        return [record for _, record in done]

    def close(self) -> None:
        """Try a last time to store what could not be, and say where it is otherwise."""
        if not self.unwritten:
            return
        # An interrupt may have come after one was stored, and before it was off the list.
        stored = {_name(record) for record in self.store.read()[0]}
        self.unwritten = [each for each in self.unwritten if _name(each) not in stored]
        if self._write() is not None:
            self.observer.never_stored(self.unwritten, self._kept)

    def record_of(self, cell: Cell, *, fresh: bool = False) -> Record:
        """The record that the cell has, else (or where `fresh`) that of a run of it now."""
        if not fresh and (done := self._done(cell)):
            return done
        with self.exclusive(self.observer.waiting):
            # Once more: another run may have finished it while this one waited.
            if not fresh and (done := self._done(cell)):
                return done
            again = "" if fresh else self._history().why_again(cell)
            self.observer.started(cell, again)
            record = self._run(cell)
            # Written before the next cell starts, so that a crash loses one at most.
            self._store(record)
        self.observer.finished(record)
        return record

    def _store(self, record: Record) -> None:
        self.unwritten.append(record)
        if error := self._write():
            self.observer.not_stored(len(self.unwritten), error, self._kept)

    def _write(self) -> OSError | None:
        """Store what is to be stored. Where that fails it is kept in memory and, should this
        process end before it is written, in a file elsewhere."""
        while self.unwritten:
            try:
                self.store.append(self.unwritten[0])
            except OSError as error:
                self._kept = keep_elsewhere(self.unwritten, self._kept)
                return error
            self.unwritten.pop(0)
        if self._kept is not None:
            self._kept.unlink(missing_ok=True)
            self._kept = None
        return None

    def _history(self) -> History:
        records = [*self.store.read()[0], *self.unwritten]
        if self._known is None or self._known.n_records != len(records):
            self._known = History(records, machine.environment(), self.settled)
        return self._known

    def _done(self, cell: Cell) -> Record | None:
        done = self._history().done(cell)
        if done is not None:
            self._learn_goals(cell, done.curve)
            changes: dict[str, object] = {}
            # A published number that is new needs no other run: the record is stored with it.
            if cell.reference not in (None, done.reference):
                changes["reference"] = cell.reference
            if not is_of(done, cell):
                changes |= self._under_its_name(cell, done)
            elif self._history().is_outdated(done):  # as after an edit that was taken back
                changes["reused_at"] = _now()
            if changes:
                done = done.model_copy(update=changes)
                self._store(done)
            self.observer.already_done(cell)
        return done

    def _under_its_name(self, cell: Cell, done: Record) -> dict[str, object]:
        """What of a record changes so that it stands for the same cell under other names."""
        goals = cell.facts.goals or self._goals.get(_split_of(cell)) or ()
        ran_as = f"{done.cell.implementation} on {done.cell.dataset}"
        return {
            "cell": cell.request.model_copy(update={"rules": done.cell.rules}),
            "data": cell.facts.data,
            "reference": cell.reference,
            "goals": _goals(done.curve, goals) if goals else done.goals,
            "reused_from": done.reused_from or ran_as,
            "reused_at": _now(),
        }

    def _run(self, cell: Cell) -> Record:
        record = self._blank(cell)
        if cell.skip is not None:
            record.status, record.reason = cell.skip.status, cell.skip.reason
            return record
        self._sources.look()
        if cell.class_path in self._sources.changed:
            record.status, record.reason = "skipped", "its source changed after the run began"
            return record
        prepared, outcome = self._execute(cell)
        if outcome.doubtful:
            self.observer.tried_again(outcome.reason)
            prepared, outcome = self._execute(cell)
        self._learn_goals(cell, outcome.curve)
        goals = cell.facts.goals or self._goals.get(_split_of(cell), ())
        _fill(record, outcome, prepared, goals, self.blocks)
        return record

    def _execute(self, cell: Cell) -> tuple[Prepared, Outcome]:
        """One run of the cell. Files that changed meanwhile may be the row's fault, or that of
        whatever cleans up temporary folders: if it is the row's, they change again."""
        request = cell.request
        prepared = self.splits.prepare(request.dataset, request.split, request.seed)
        limits = Limits(cell.rules.time_limit_s, self.memory_limit_bytes)
        job = _job(cell, prepared, self.blocks)
        outcome = self.executor.execute(job, prepared.test, limits, self.observer.on_event)
        if not self.splits.are_intact():
            self.splits.discard()  # the next run gets them anew
            reason = "changed the files that hold the ratings"
            outcome = _refused(outcome, reason, doubtful=True)
        if changed := self._sources.look():
            names = ", ".join(changed)
            reason = f"changed the source of {names}, or somebody did, while it ran"
            outcome = _refused(outcome, reason)
        return prepared, outcome

    def _blank(self, cell: Cell) -> Record:
        environment = cell.environment(machine.current_environment())
        sha, dirty = machine.source_state()
        return Record(
            identity=cell.identity(environment),
            started_at=_now(),
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

    def _learn_goals(self, cell: Cell, curve: Sequence[Point]) -> None:
        """Where the catalog has no goal RMSE, the lowest of the baseline is the goal."""
        if cell.request.implementation == BASELINE and curve:
            best = min(point.rmse for point in curve)
            self._goals[_split_of(cell)] = (round_up(best),)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _name(record: Record) -> tuple[str, ...]:
    """Of no other record."""
    return (*record.run, record.reused_at, record.cell.implementation, record.cell.dataset)


def _split_of(cell: Cell) -> tuple[str, str, int]:
    return cell.request.dataset, cell.request.split, cell.request.seed


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
    record.status, record.reason = outcome.status, outcome.reason
    record.log = "" if outcome.status in ("ok", "pruned") else outcome.log
    record.sandbox = outcome.sandbox
    record.curve = outcome.curve
    record.goals = _goals(outcome.curve, goals)
    if outcome.energy is not None:
        record.energy, record.energy_reason = outcome.energy.measured, outcome.energy.reason
    if (result := outcome.result) is None:
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


def _goals(curve: Sequence[Point], goals: Collection[float]) -> list[Goal]:
    return [Goal(rmse=rmse, seconds=_reached(curve, rmse)) for rmse in goals]


def _reached(curve: Sequence[Point], rmse: float) -> float | None:
    return next((point.seconds for point in curve if point.rmse <= rmse), None)
