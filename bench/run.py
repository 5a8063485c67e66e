"""Cells to records: what is already done is left, each of the rest is run and kept at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from bench import locks, machine
from bench.cell import numerics
from bench.cell.data import Prepared, Splits
from bench.cell.execute import Event, Executor, Outcome
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.planning.plan import BASELINE, Cell
from bench.planning.rerun import why_again
from bench.records import (
    WELL,
    Energy,
    Goal,
    Memory,
    Metrics,
    Numerics,
    Point,
    Record,
    Source,
    Status,
    Times,
)
from bench.score import doubts, score
from bench.store import RecordStore


class Observer(Protocol):
    """Hears how a run goes, for a terminal, a log, or a test."""

    def already_done(self, cell: Cell) -> None: ...
    def waiting(self) -> None: ...
    def started(self, cell: Cell, again: str) -> None:
        """`again`: why a cell with a record runs again; "" where it is new."""

    def heard(self, event: Event) -> None: ...
    def finished(self, record: Record) -> None: ...


@dataclass
class Runner:
    """Runs a plan.

    exclusive  holds the machine for one cell at a time
    settled    the statuses of a record that need no other run
    """

    store: RecordStore
    executor: Executor
    observer: Observer
    memory_limit_bytes: int
    splits: Splits = field(default_factory=Splits)
    exclusive: Callable[[Callable[[], None]], AbstractContextManager[None]] = locks.exclusive
    settled: Collection[Status] = WELL
    _goals: dict[tuple[str, str, int], tuple[float, ...]] = field(default_factory=dict)

    def run(self, cells: list[Cell], *, fresh: bool) -> list[Record]:
        """Run what has no record yet (all, where `fresh`); returns the records, old and new."""
        records = [self.record_of(cell, fresh=fresh) for cell in cells]
        self.splits.discard()
        return records

    def record_of(self, cell: Cell, *, fresh: bool = False) -> Record:
        """The record that the cell has, else (or where `fresh`) that of a run of it now."""
        if not fresh and (done := self._done(cell)):
            return done
        with self.exclusive(self.observer.waiting):
            # Asked again: another run may have finished it while this one waited.
            if not fresh and (done := self._done(cell)):
                return done
            again = "" if fresh else self._why_again(cell)
            self.observer.started(cell, again)
            record = self._run(cell)
            # Written before the next cell starts, so that a crash loses one at most.
            self.store.append(record)
        self.observer.finished(record)
        return record

    def _why_again(self, cell: Cell) -> str:
        return why_again(cell, machine.environment(), self.store.read()[0], self.settled)

    def _done(self, cell: Cell) -> Record | None:
        done = self.store.finished(self.settled).get(cell.identity(machine.environment()))
        if done is not None:
            self._learn_goals(cell, done.curve)
            # A run that has come to stand beside a published number needs no other run.
            if cell.reference not in (None, done.reference):
                done = done.model_copy(update={"reference": cell.reference})
                self.store.append(done)
            self.observer.already_done(cell)
        return done

    def _run(self, cell: Cell) -> Record:
        record = self._blank(cell)
        if cell.skip is not None:
            record.status, record.reason = cell.skip.status, cell.skip.reason
            return record
        asked = cell.asked
        prepared = self.splits.prepare(asked.dataset, asked.split, asked.seed)
        limits = Limits(cell.rules.time_limit_s, self.memory_limit_bytes)
        job = _job(cell, prepared)
        outcome = self.executor.execute(job, prepared.test, limits, self.observer.heard)
        if not self.splits.are_intact():
            self.splits.discard()  # the next cell gets what was cut, not what is left of it
            outcome = Outcome("failed", "changed the files that hold the ratings", log=outcome.log)
        self._learn_goals(cell, outcome.curve)
        _fill(record, outcome, prepared, self._goals_for(cell))
        return record

    def _blank(self, cell: Cell) -> Record:
        environment = cell.environment(machine.current_environment())
        sha, dirty = machine.source_state()
        return Record(
            identity=cell.identity(environment),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            status="failed",
            cell=cell.asked,
            data=cell.facts.data,
            source=Source(git_sha=sha, dirty=dirty, implementation_hash=cell.implementation_hash),
            environment=environment,
            reference=cell.reference,
        )

    def _goals_for(self, cell: Cell) -> tuple[float, ...]:
        asked = cell.asked
        return cell.facts.goals or self._goals.get((asked.dataset, asked.split, asked.seed), ())

    def _learn_goals(self, cell: Cell, curve: list[Point]) -> None:
        """Where the catalog has no target, what the baseline reached is one."""
        asked = cell.asked
        if asked.implementation == BASELINE and curve:
            best = min(point.rmse for point in curve)
            self._goals[asked.dataset, asked.split, asked.seed] = (round_up(best),)


def round_up(rmse: float) -> float:
    """To four decimals, so that what reached it still does."""
    return math.ceil(rmse * 1e4) / 1e4


def _job(cell: Cell, prepared: Prepared) -> Job:
    asked = cell.asked
    return Job(
        target=cell.target,
        hyperparameters=asked.hyperparameters,
        device=asked.device,
        seed=asked.seed,
        threads=asked.threads,
        arrays=prepared.folder.name,
        n_users=prepared.n_users,
        n_items=prepared.n_items,
        scale=cell.facts.data.scale,
        rules=cell.rules,
    )


def _fill(record: Record, outcome: Outcome, prepared: Prepared, goals: tuple[float, ...]) -> None:
    record.status, record.reason = outcome.status, outcome.reason
    record.curve = outcome.curve
    record.goals = [Goal(rmse=rmse, seconds=_reached(outcome.curve, rmse)) for rmse in goals]
    scored = len(prepared.test) and outcome.predicted is not None
    if scored and outcome.status in ("ok", "timeout"):
        record.metrics = _metrics(outcome, prepared, record.data.scale)
    if outcome.status != "ok":
        record.log = outcome.log
    if outcome.result:
        record.times = _times(outcome)
        record.epoch_budgets = "epoch_budgets" in outcome.result["parts"]
        record.thread_pools = outcome.result["threads"]
        if found := outcome.result["numerics"]:
            record.numerics = Numerics(**found)
        record.memory = Memory(
            host_peak_bytes=outcome.result["host_peak_bytes"],
            device_peak_bytes=outcome.result["device_peak_bytes"],
            host_base_bytes=outcome.result["host_base_bytes"],
        )
    if outcome.energy:
        record.energy_reason = outcome.energy["reason"]
        if measured := outcome.energy["measured"]:
            record.energy = Energy(**measured)


def _metrics(outcome: Outcome, prepared: Prepared, scale: tuple[float, float]) -> Metrics:
    test = prepared.test
    assert outcome.predicted is not None
    predicted = prepared.cold_start.complete(test, outcome.predicted)
    scores = score(predicted, test.values, scale)
    return Metrics(
        rmse=scores.rmse,
        mae=scores.mae,
        rmse_raw=scores.rmse_raw,
        mae_raw=scores.mae_raw,
        val_rmse=outcome.result["val_rmse"],
        n_test=len(test),
        n_cold_start=int((~test.known).sum()),
        n_train=prepared.n_train,
        epochs=outcome.result["epochs"],
        best_epoch=outcome.result["best_epoch"],
        flags=[
            *doubts(
                outcome.predicted,
                test,
                scores,
                prepared.cold_start.global_mean,
                fit_s=outcome.result["parts"]["fit"],
                predict_s=outcome.result["parts"]["predict"],
            ),
            *numerics.departures(outcome.result["numerics"]),
        ],
    )


def _times(outcome: Outcome) -> Times:
    parts = outcome.result["parts"]
    return Times(
        import_s=parts["import"],
        warmup_s=parts["warmup"],
        fit_s=parts["fit"],
        other_budgets_s=parts.get("epoch_budgets", 0.0),
        epoch_s=outcome.result["epoch_s"],
        predict_s=parts["predict"],
        evaluation_s=parts.get("evaluation", 0.0),
        overhead_s=parts["overhead"] + outcome.exit_s,
        first_model_s=parts["import"] + parts["warmup"] + parts["fit"],
        wall_s=outcome.wall_s,
    )


def _reached(curve: list[Point], rmse: float) -> float | None:
    return next((point.seconds for point in curve if point.rmse <= rmse), None)
