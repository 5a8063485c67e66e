"""One model while it searches: its trials so far, and the cell of the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.choose.budget import BETTER, Account
from bench.choose.models import with_settings
from bench.choose.outcome import Searched, Spent, Trial
from bench.choose.trials import Search
from bench.planning.describing import Contain
from bench.planning.hyperparameters import SettingError
from bench.planning.plan import Cell
from bench.records import Record
from bench.tune.study import Study

REPEATS = 50
"""Suggestions in a row that were tried before, or cannot be tried, after which a search is over:
its space has no more."""

FAILURES = 3
"""First trials without a result, after which a search is over."""


@dataclass
class Searching:
    """A model's search.

    cell     of the preset `default`, with what the study fixes
    default  trial 0; None where it has no record yet
    best     the trial with the lowest validation RMSE
    """

    plan: Searched
    cell: Cell
    study: Study | None
    contain: Contain
    account: Account = field(default_factory=Account)
    default: Trial | None = None
    best: Trial | None = None
    _next: Cell | None = None
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        values = self.cell.request.hyperparameters
        self.search = Search(self.study, values) if self.study else None

    def prepare(self, known: Callable[[Cell], Record | None]) -> None:
        """Find the next cell that has no record, and take the records of those before it."""
        repeats = 0
        while self._next is None and not self.account.over:
            cell = self._ask()
            record = None if cell is None else known(cell)
            if cell is not None and record is None:
                self._next = cell
            elif record is not None and record.identity not in self._seen:
                self.take(record)
                repeats = 0
            else:
                if self.search is not None:
                    self.search.tell(record)
                repeats += 1
                self.account.over = self.search is None or repeats >= REPEATS

    @property
    def next(self) -> Cell:
        """The cell of the next trial, once it is prepared."""
        assert self._next is not None
        return self._next

    def take(self, record: Record, wall_s: float = 0.0) -> bool:
        """Learn from the next trial's record; returns whether it is clearly the best so far.

        wall_s  what it took: what counts where its worker was killed and reported no times
        """
        self._next = None
        self._seen.add(record.identity)
        trial = Trial(self.account.n, record, self.account.spent.counted_s)
        self.default = self.default or trial
        rmse, before = trial.rmse, self.best.rmse if self.best else None
        if rmse is not None and (before is None or rmse < before):
            self.best = trial
        better = rmse is not None and (before is None or rmse < before * (1 - BETTER))
        spent = trial.spent if record.times else Spent(training_s=wall_s)
        self.account.book(spent, better=better)
        failed = self.best is None and self.account.n >= FAILURES
        self.account.over = self.account.over or failed or self.search is None
        if self.search is not None:
            self.search.tell(record)
        return better

    @property
    def first_spent(self) -> Spent | None:
        """Of trial 0; None before it."""
        return self.default.spent if self.default else None

    @property
    def to_run(self) -> list[Trial]:
        """The trials whose hyperparameters get final runs: the best one, and the default where
        that is another."""
        trials = {t.number: t for t in (self.best, self.default) if t and t.best}
        return [*trials.values()]

    def _ask(self) -> Cell | None:
        """The next suggestion; None where the row refuses its hyperparameters."""
        if self.search is None:
            return self.cell
        try:
            return with_settings(self.cell, self.search.ask(), self.contain)
        except SettingError:
            return None
