"""Minutes of wall time, shared out as equal seconds of search for each model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.choose.outcome import Spent

FIRST_SHARE = 0.25
"""Of an equal part of all the minutes, that each model's first trial gets at least."""

MOST_RESERVED = 0.5
"""Of the minutes, that final runs can reserve."""

SPENT = 0.99
"""Of the minutes, less what is reserved, after which the search is over."""

LATE = 1.05
"""Of the minutes, after which no further seed is run."""

TOO_SHORT = 0.25
"""Of a model's usual trial: what is shorter would be cut too early to find anything."""

STALE = 100
"""Trials without a better one after which a search is over, whatever is left of its share: of a
model that is fitted in milliseconds thousands would fit in, and the harness needs longer for each
than the fit itself."""

BETTER = 1e-4
"""By how much of its RMSE a trial is to be better, for the search to go on for it."""

FIRST_EFFICIENCY = 0.9
"""Of wall time, that counts against models, as long as none was measured."""


@dataclass
class Account:
    """What one model has spent.

    n, stale  trials with a record, and those since the best one
    over      whether it searches no more
    """

    spent: Spent = field(default_factory=Spent)
    n: int = 0
    stale: int = 0
    over: bool = False

    def book(self, spent: Spent, *, better: bool) -> None:
        self.spent += spent
        self.n += 1
        self.stale = 0 if better else self.stale + 1
        self.over = self.over or self.stale >= STALE

    @property
    def typical_s(self) -> float:
        """Seconds of a trial."""
        return self.spent.counted_s / self.n if self.n else 0.0


@dataclass
class Budget:
    """Wall time of a choice, and who may spend it.

    total_s   seconds of wall time that were requested, of all calls together
    before_s  of those, what earlier calls took
    timer     the clock, in seconds
    """

    total_s: float
    before_s: float = 0.0
    timer: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _counted_before_s: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.timer()

    @property
    def elapsed_s(self) -> float:
        return self.before_s + self.timer() - self._began

    @property
    def is_late(self) -> bool:
        """Whether final runs end here, if each configuration has one."""
        return self.elapsed_s > LATE * self.total_s

    def _is_spent(self, reserved_s: float) -> bool:
        reserved_s = min(reserved_s, MOST_RESERVED * self.total_s)
        return self.elapsed_s + reserved_s > SPENT * self.total_s

    def share_s(
        self, searching: Sequence[Account], accounts: Sequence[Account], reserved_s: float
    ) -> float:
        """What each of the models that search may count in all, so that they end level: what is
        left of the wall time, less what is reserved, as far as wall time has become counted seconds
        so far, of all accounts. It goes to those that have spent least."""
        counted_s = sum(account.spent.counted_s for account in accounts)
        # Wall seconds beside counted ones are of evaluations, and of the harness itself.
        elapsed_s = self.elapsed_s
        efficiency = min(1.0, counted_s / elapsed_s) if counted_s else FIRST_EFFICIENCY
        reserved_s = min(reserved_s, MOST_RESERVED * self.total_s)
        left_s = max(0.0, self.total_s - elapsed_s - reserved_s) * efficiency
        return level([account.spent.counted_s for account in searching], left_s)

    def next(self, accounts: Sequence[Account], reserved_s: float) -> tuple[int, float] | None:
        """The place of the model whose turn it is, and the seconds that its trial may count; None
        where the search is over. Each gets its first trial first; then the one is next that has
        spent least, of those for whose trials enough is left."""
        searching = [n for n, account in enumerate(accounts) if not account.over]
        searching.sort(key=lambda n: (accounts[n].n > 0, accounts[n].spent.counted_s))
        for first, place in enumerate(searching):
            account = accounts[place]
            share_s = self.share_s([accounts[n] for n in searching[first:]], accounts, reserved_s)
            left_s = share_s - account.spent.counted_s
            if not account.n:
                return place, max(left_s, FIRST_SHARE * self.total_s / len(accounts))
            if left_s > TOO_SHORT * account.typical_s and not self._is_spent(reserved_s):
                return place, left_s
        return None


def level(heights: Sequence[float], more: float) -> float:
    """How high `more` reaches, poured over columns of these heights, the lowest first."""
    lowest_first = sorted(heights)
    for n, height in enumerate(lowest_first, start=1):
        reached = (sum(lowest_first[:n]) + more) / n
        if n == len(lowest_first) or reached <= lowest_first[n]:
            return max(reached, height)
    return more
