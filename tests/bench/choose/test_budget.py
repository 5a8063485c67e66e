"""Who searches next, and when the minutes are over, by a clock that the test moves."""

from __future__ import annotations

import pytest

from bench.choose.budget import STALE, Account, Budget, level
from bench.choose.outcome import Spent


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def searched(
    total_s: float, trials_s: list[float], reserved_s: float = 0.0, evaluation_s: float = 0.0
) -> tuple[list[Account], float]:
    """Accounts after a search in which a trial of each model takes so many seconds, unless less is
    left, and `evaluation_s` more that do not count; and what the clock then shows."""
    clock = Clock()
    budget = Budget(total_s, timer=clock)
    accounts = [Account() for _ in trials_s]
    while (turn := budget.next(accounts, reserved_s)) is not None:
        place, left_s = turn
        seconds = min(trials_s[place], left_s)
        clock.now += seconds + evaluation_s
        accounts[place].book(Spent(training_s=seconds, evaluation_s=evaluation_s), better=True)
    return accounts, clock.now


@pytest.mark.parametrize("evaluation_s", [0.0, 0.5])
def test_models_with_long_and_short_trials_count_equal_seconds(evaluation_s: float) -> None:
    accounts, wall_s = searched(600, [0.5, 3.0, 11.0, 40.0], 100, evaluation_s)
    counted = [account.spent.counted_s for account in accounts]
    assert max(counted) <= 1.15 * min(counted)
    assert wall_s == pytest.approx(500, rel=0.1)


def test_a_trial_longer_than_a_share_is_cut_at_it() -> None:
    accounts, wall_s = searched(60, [1000.0, 1.0])
    assert accounts[0].n <= 2
    assert [a.spent.counted_s for a in accounts] == [pytest.approx(30, rel=0.15)] * 2
    assert wall_s == pytest.approx(60, rel=0.1)


def test_every_model_gets_its_default_however_little_is_left() -> None:
    accounts, _ = searched(1, [0.1] * 5, reserved_s=100)
    assert [account.n for account in accounts] == [1] * 5


def test_a_search_without_a_better_trial_ends_and_leaves_its_seconds() -> None:
    clock = Clock()
    budget = Budget(100, timer=clock)
    accounts = [Account(), Account()]
    while (turn := budget.next(accounts, 0)) is not None:
        seconds = min((0.001, 5.0)[turn[0]], turn[1])
        clock.now += seconds
        accounts[turn[0]].book(Spent(training_s=seconds), better=turn[0] == 1)
    assert accounts[0].n == STALE
    assert clock.now == pytest.approx(100, rel=0.1)


def test_seconds_of_earlier_calls_are_spent() -> None:
    clock = Clock()
    accounts = [Account(), Account()]
    for account in accounts:
        account.book(Spent(training_s=20), better=True)
    assert Budget(40, 40, clock).next(accounts, 0) is None
    for account in accounts:
        account.over = False
    assert Budget(80, 40, clock).next(accounts, 0) is not None


@pytest.mark.parametrize(
    ("heights", "more", "reached"),
    [([0, 0], 10, 5), ([0, 8], 4, 4), ([0, 8], 10, 9), ([5], 0, 5), ([1, 2, 30], 5, 4)],
)
def test_a_level_rises_from_the_lowest(heights: list[float], more: float, reached: float) -> None:
    assert level(heights, more) == reached
