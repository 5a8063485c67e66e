"""Minutes of wall time, shared out as equal seconds of search for each model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.choose.outcome import Spent

FIRST_SHARE = 0.25
"""Of an equal part of all the minutes, that each model's first trial gets at least."""

FIRST_START_S = 3.0
"""Counted seconds of a first trial before it trains: on 2 cores processes start and compile in 0.2
to 4 s."""

FIRST_PACE = 1.25
"""Wall seconds for a counted one, of a model without a trial: on ml-100k 1.1 to 3.3 were measured,
on ml-latest-small 1.05 to 1.3."""

SLOWEST = 2.0
"""How many times as much wall time as foreseen a trial may take, before it ends as if its seconds
were over: what is evaluated for longer than it trains would leave none to other models."""

MOST_RESERVED = 0.5
"""Of the minutes, that final runs can reserve: what does not fit into them is left out, and a
search with less than half of the minutes would have little to run them for."""

SPENT = 0.98
"""Of the minutes, less what is reserved, after which the search is over: the page that is written
at the end takes seconds, too."""

LATE = 1.05
"""Of the minutes, after which no final run may end: half of the 10 % that a call may differ, as
runs take longer than they were measured to."""

TOO_SHORT = 0.25
"""Of a model's usual trial: what is shorter would be cut too early to find anything."""

UNEVEN = 0.1
"""Of the seconds of each model, that one may have less than the others, so as not to run a trial
that is too short."""

AGAIN = 1.5
"""How many times as long as it trained must be left for a trial that was cut to run again: what it
trained until then is spent once more."""

HARNESS = 5.0
"""Wall seconds for a counted one, evaluations apart, from which on the harness takes them: a trial
of `bias`, fitted in milliseconds, takes 0.1 s. Such a model has an equal part of the minutes, and
no more."""

STALE = 300
"""Trials without a better one after which a search is over, whatever is left of its share. In 325
trials of numba_sgd on ml-100k the longest gap between two better ones was of 90, and in 400 of bias
of 65. With 100, numpy_sgd_strata spent 7.5 s there where others spent 15.2 s; with 300 only a model
that is fitted in milliseconds ends early, for which the harness needs longer than for the fit."""

BETTER = 1e-4
"""By how much of its RMSE a trial is to be better, for the search to go on for it."""


@dataclass
class Account:
    """What one model has spent.

    wall_s    of its trials, with evaluations and the harness's own work
    n, stale  trials with a record, and those since the best one
    ended     whether nothing is left to search for
    cut_s     the least that any of its trials trained which was cut by a limit; None without one
    """

    spent: Spent = field(default_factory=Spent)
    wall_s: float = 0.0
    n: int = 0
    stale: int = 0
    ended: bool = False
    cut_s: float | None = None

    def book(self, spent: Spent, wall_s: float, *, better: bool) -> None:
        self.spent += spent
        self.wall_s += wall_s
        self.n += 1
        self.stale = 0 if better else self.stale + 1

    @property
    def over(self) -> bool:
        """Whether it suggests no further trial."""
        return self.ended or self.stale >= STALE

    @property
    def typical_s(self) -> float:
        """Counted seconds of a trial."""
        return self.spent.counted_s / self.n if self.n else 0.0

    @property
    def pace(self) -> float:
        """Wall seconds for a counted one."""
        counted_s = self.spent.counted_s  # 0, too, where its workers ended before they reported
        return max(1.0, self.wall_s / counted_s) if counted_s else FIRST_PACE

    @property
    def is_harness(self) -> bool:
        """Whether the harness takes its time, rather than trials and their evaluations."""
        wall_s = self.wall_s - self.spent.evaluation_s
        return self.n > 0 and wall_s >= HARNESS * self.spent.counted_s

    def wall_until(self, level_s: float) -> float:
        """Wall seconds until it has counted so many; no more than until its search is over, if
        none of its trials is better any more."""
        wall_s = max(0.0, level_s - self.spent.counted_s) * self.pace
        left = max(0, STALE - self.stale)  # trials; one that runs again may be beyond
        return min(wall_s, left * self.wall_s / self.n) if self.n else wall_s

    def least_s(self, level_s: float) -> float:
        """Counted seconds that have to be left for a turn."""
        if self.over:
            return AGAIN * (self.cut_s or 0.0)
        return min(TOO_SHORT * self.typical_s, UNEVEN * level_s)


class Turn(NamedTuple):
    """A trial of the model at `place`, which may train for `train_s` and take `wall_s`."""

    place: int
    train_s: float
    wall_s: float


@dataclass
class Budget:
    """Wall time of a choice, and who may spend it.

    total_s   seconds of wall time that were requested, of all calls together
    before_s  of those, what earlier calls took
    timer     the clock, in seconds
    waited_s  what this call waited for the machine: it is no part of the minutes
    """

    total_s: float
    before_s: float = 0.0
    timer: Callable[[], float] = time.monotonic
    waited_s: float = 0.0
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.timer()

    @property
    def elapsed_s(self) -> float:
        return self.before_s + self.timer() - self._began - self.waited_s

    def has_room(self, seconds: float) -> bool:
        """Whether a final run of so many seconds ends in time."""
        return self.elapsed_s + seconds <= LATE * self.total_s

    def left_s(self, reserved_s: float) -> float:
        """Wall seconds that are left to the search."""
        reserved_s = min(reserved_s, MOST_RESERVED * self.total_s)
        return max(0.0, SPENT * self.total_s - self.elapsed_s - reserved_s)

    def next(
        self, accounts: Sequence[Account], reserved_s: float, one_seed_s: float
    ) -> Turn | None:
        """Whose turn it is; None where the search is over. Each gets its first trial first, while
        anything is left; then the one is next that has spent least, of those for whose trials
        enough is left. One trial is run whatever is left: without any, all the minutes were for
        nothing.

        reserved_s  for the final runs
        one_seed_s  for those of one seed: a first trial goes before another seed of any model
        """
        part_s = self.total_s / len(accounts) if accounts else 0.0
        able = [
            n
            for n, each in enumerate(accounts)
            if (not each.over or each.cut_s is not None)
            and not (each.is_harness and each.wall_s >= part_s)
        ]
        able.sort(key=lambda n: (accounts[n].n > 0, accounts[n].spent.counted_s))
        for first, place in enumerate(able):
            account = accounts[place]
            wall_s = self.left_s(reserved_s if account.n else one_seed_s)
            if not wall_s and any(each.n for each in accounts):
                continue
            level_s = level([accounts[n] for n in able[first:]], wall_s)
            left_s = min(level_s - account.spent.counted_s, wall_s / account.pace)
            if not account.n:
                least_s = FIRST_SHARE * self.total_s / len(accounts)
                train_s = max(left_s - FIRST_START_S, least_s)
                return Turn(place, train_s, SLOWEST * (train_s + FIRST_START_S) * account.pace)
            if left_s > account.least_s(level_s):
                return Turn(place, left_s, min(wall_s, SLOWEST * left_s * account.pace))
        return None


def level(accounts: Sequence[Account], wall_s: float) -> float:
    """Counted seconds that each of these models ends with where they end level: as many as the
    wall seconds allow, which go to those that have spent least."""
    low = min(account.spent.counted_s for account in accounts)
    high = max(account.spent.counted_s for account in accounts) + wall_s
    for _ in range(40):  # halves: to a millionth of a second of a day
        middle = (low + high) / 2
        if sum(account.wall_until(middle) for account in accounts) <= wall_s:
            low = middle
        else:
            high = middle
    return low
