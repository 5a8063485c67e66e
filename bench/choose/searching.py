"""One model while it searches: its trials so far, and the cell of the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench import machine
from bench.choose.budget import AGAIN, BETTER, Account
from bench.choose.models import with_settings
from bench.choose.outcome import Searched, Spent, Trial, best_of, lowest_of
from bench.choose.trials import Search
from bench.planning.describing import Contain
from bench.planning.plan import Cell
from bench.planning.presets import SettingError
from bench.records import Record
from bench.tune.study import Study

REPEATS = 50
"""Suggestions in a row that were tried before, or cannot be tried, after which a search is over:
its space has no more."""

FAILURES = 3
"""First trials without a result, after which a search is over."""


@dataclass(frozen=True)
class Cut:
    """A trial that its time limit ended, to run again once more time is left.

    params    what the search suggested
    limit_s   what it trained; the time limit where its worker was killed
    n_points  checkpoints that it reached
    """

    cell: Cell
    params: Mapping[str, Any]
    limit_s: float
    n_points: int


@dataclass
class Searching:
    """A model's search.

    cell  of the preset `default`, with what the study fixes
    """

    plan: Searched
    cell: Cell
    study: Study | None
    contain: Contain
    account: Account = field(default_factory=Account)
    _next: Cell | None = None
    _params: Mapping[str, Any] = field(default_factory=dict)
    _trials: dict[str, Trial] = field(default_factory=dict)
    _cut: dict[str, Cut] = field(default_factory=dict)
    best: Trial | None = None
    """Of its trials so far: see `best_of`."""
    _first: Trial | None = None

    def __post_init__(self) -> None:
        values = self.cell.request.hyperparameters
        self.search = Search(self.study, values) if self.study else None

    def resume(self, records: Iterable[Record]) -> None:
        """Find the first cell that has no record, and take the records of those before it.

        records  of trials of any model, as they were stored
        """
        own = self.plan.implementation, self.plan.device, self.cell.request.split
        self.prepare()
        for record in records:
            if (record.cell.implementation, record.cell.device, record.cell.split) != own:
                continue
            if record.reused_at and record.identity in self._trials:  # copied, under another name
                continue
            if record.identity in self._cut:
                self._repeat(self._cut[record.identity])
            elif self._next is None or record.identity != _identity(self._next):
                # Of a search that suggested otherwise: another study, or another optuna.
                self._note(record, _took_s(record))
                continue
            self.take(record, _took_s(record))
            self.prepare()

    def prepare(self) -> None:
        """Find the next cell that has no record."""
        repeats = 0
        while self._next is None and not self.account.over:
            cell = self._suggested()
            known = self._trials.get(_identity(cell)) if cell else None
            if cell is not None and known is None:
                self._next = cell
                return
            if self.search is not None:
                self.search.tell(known.record if known else None)
            repeats += 1
            self.account.ended = self.search is None or repeats >= REPEATS

    def begin(self, train_s: float) -> tuple[Cell, bool]:
        """The cell of a trial that may train for so long, and whether it ran before: one that was
        cut by a limit which was clearly shorter, else the next, once it is prepared."""
        for cut in self._cut.values():
            if train_s > AGAIN * cut.limit_s:
                self._repeat(cut)
                return cut.cell, True
        assert self._next is not None
        return self._next, False

    def leave(self, problem: str) -> None:
        """Run nothing of it any more."""
        self.plan.problem = problem
        self._cut.clear()
        self.account.ended, self.account.cut_s = True, None

    def take(self, record: Record, wall_s: float) -> bool:
        """Learn from the record of the trial that began; returns whether it is clearly the best so
        far.

        wall_s  what it took, with the work of the harness
        """
        cut = self._cut.pop(record.identity, None)
        if cut is None:
            assert self._next is not None
            cut = Cut(self._next, self._params, 0.0, 0)
            self._next = None
        better = self._note(record, wall_s)
        if record.status == "timeout":
            spent_s = Spent.of(record).training_s
            limit_s = spent_s if record.times else record.cell.rules["time_limit_s"]
            self._cut[record.identity] = Cut(cut.cell, cut.params, limit_s, len(record.curve))
        self.account.cut_s = min((each.limit_s for each in self._cut.values()), default=None)
        failed = self.lowest is None and self.account.n >= FAILURES
        self.account.ended = failed or self.search is None
        if self.search is not None:
            self.search.tell(record)
        return better

    def _note(self, record: Record, wall_s: float) -> bool:
        """Count a trial; returns whether it is clearly the best so far."""
        before = self.lowest.rmse if self.lowest else None
        earlier = self._trials.get(record.identity)
        number = earlier.number if earlier else len(self._trials)
        trial = Trial(number, record, self.account.spent.counted_s)
        self._trials[record.identity] = trial
        self.best = best_of([*self._trials.values()])
        if self._first is None or not self._first.record.times:
            self._first = trial
        rmse = trial.rmse
        better = rmse is not None and (before is None or rmse < before * (1 - BETTER))
        self.account.book(trial.spent, wall_s, better=better)
        return better

    @property
    def first_spent(self) -> Spent | None:
        """Of the first run that reported its times: it started a process and compiled. Where none
        did, of one that was killed; None before any."""
        return self._first.spent if self._first else None

    @property
    def default(self) -> Trial | None:
        """Trial 0; None where it has no record yet."""
        return next(iter(self._trials.values()), None)

    @property
    def lowest(self) -> Trial | None:
        return lowest_of(self._trials.values())

    @property
    def to_run(self) -> list[Trial]:
        """The trials whose hyperparameters get final runs: the best one, and the default where
        that is another."""
        trials = {t.number: t for t in (self.best, self.default) if t and t.best}
        return [*trials.values()]

    def _repeat(self, cut: Cut) -> None:
        if self.search is not None:
            self.search.repeat(cut.params, cut.n_points)

    def _suggested(self) -> Cell | None:
        """The cell of the next suggestion; None where the row refuses its hyperparameters."""
        if self.search is None:
            return self.cell
        settings = self.search.ask()
        self._params = self.search.params
        try:
            return with_settings(self.cell, settings, self.contain)
        except SettingError:
            return None


def _took_s(record: Record) -> float:
    """Wall seconds of a recorded trial, as far as they are known."""
    return record.times.wall_s if record.times else Spent.of(record).counted_s


def _identity(cell: Cell) -> str:
    return cell.identity(machine.environment())
