"""Who searches next, and when the minutes are over, by a clock that the test moves."""

from __future__ import annotations

import pytest

from bench.choose.budget import AGAIN, STALE, Account, Budget, level
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
    while (turn := budget.next(accounts, reserved_s, reserved_s)) is not None:
        place, left_s, _ = turn
        seconds = min(trials_s[place], left_s)
        clock.now += seconds + evaluation_s
        spent = Spent(training_s=seconds, evaluation_s=evaluation_s)
        accounts[place].book(spent, seconds + evaluation_s, better=True)
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


def test_evaluations_are_foreseen_model_by_model() -> None:
    """One that is evaluated for longer than it trains takes more of the wall time, and counts as
    much as the others; the first trial of no other is cut for what the search will not use."""
    clock = Clock()
    budget = Budget(100, timer=clock)
    accounts = [Account(), Account()]
    while (turn := budget.next(accounts, 0, 0)) is not None:
        place, left_s, _ = turn
        seconds = min(2.0, left_s)
        wall_s = seconds * (1, 4)[place]
        clock.now += wall_s
        accounts[place].book(Spent(training_s=seconds), wall_s, better=True)
    counted = [account.spent.counted_s for account in accounts]
    assert counted == [pytest.approx(20, rel=0.1)] * 2
    assert clock.now == pytest.approx(100, rel=0.1)


def test_the_work_beside_fits_of_milliseconds_keeps_no_other_model_from_its_seconds() -> None:
    clock = Clock()
    budget = Budget(100, timer=clock)
    accounts = [Account(), Account()]
    granted: list[float] = []
    while (turn := budget.next(accounts, 0, 0)) is not None:
        place, left_s, _ = turn
        seconds = (0.001, min(10.0, left_s))[place]
        granted += [left_s] * (place == 1 and not accounts[1].n)
        wall_s = max(seconds, 0.1)
        clock.now += wall_s
        accounts[place].book(Spent(training_s=seconds), wall_s, better=place == 1)
    assert accounts[0].n == STALE
    assert granted[0] > 50
    assert clock.now == pytest.approx(100, rel=0.1)


def test_where_the_harness_takes_the_time_a_model_has_an_equal_part_of_the_minutes() -> None:
    clock = Clock()
    budget = Budget(60, timer=clock)
    accounts = [Account() for _ in range(4)]
    while (turn := budget.next(accounts, 0, 0)) is not None:
        seconds = 0.001 if turn.place == 0 else min(2.0, turn.train_s)
        wall_s = max(seconds, 0.1)
        clock.now += wall_s
        accounts[turn.place].book(Spent(training_s=seconds), wall_s, better=True)
    assert accounts[0].wall_s == pytest.approx(15, abs=0.1)
    assert clock.now == pytest.approx(60, rel=0.1)


def test_a_model_that_is_evaluated_for_long_has_the_seconds_of_the_others() -> None:
    clock = Clock()
    budget = Budget(600, timer=clock)
    accounts = [Account() for _ in range(4)]
    while (turn := budget.next(accounts, 0, 0)) is not None:
        fit_s = min(1.0, turn.train_s)
        evaluation_s = 9 * fit_s if turn.place == 0 else 0.0
        clock.now += fit_s + evaluation_s
        spent = Spent(training_s=fit_s, evaluation_s=evaluation_s)
        accounts[turn.place].book(spent, fit_s + evaluation_s, better=True)
    assert accounts[0].wall_s > 600 / 4
    counted = [account.spent.counted_s for account in accounts]
    assert max(counted) <= 1.15 * min(counted)


def test_what_is_left_over_by_trials_that_are_too_short_is_a_tenth_at_most() -> None:
    accounts, _ = searched(100, [21.0, 1.0])
    counted = [account.spent.counted_s for account in accounts]
    assert max(counted) <= 1.15 * min(counted)


def test_no_first_trial_begins_after_the_minutes_but_one() -> None:
    clock = Clock()
    budget = Budget(60, timer=clock)
    accounts = [Account() for _ in range(14)]
    while (turn := budget.next(accounts, 20, 20)) is not None:
        clock.now += 9  # a process that starts slowly, whatever its limit
        accounts[turn.place].book(Spent(start_s=9), 9, better=True)
    assert [account.n for account in accounts] == [1] * 5 + [0] * 9
    assert budget.next([Account()], 20, 20) is not None


def test_a_first_trial_goes_before_another_seed_of_the_models_that_have_one() -> None:
    clock = Clock()
    budget = Budget(100, 60, clock)
    known, untried = Account(), Account()
    known.book(Spent(training_s=10), 10, better=True)
    turn = budget.next([known, untried], reserved_s=50, one_seed_s=10)
    assert turn is not None
    assert turn.place == 1
    untried.book(Spent(training_s=5), 5, better=True)
    assert budget.next([known, untried], reserved_s=50, one_seed_s=10) is None


def test_a_search_without_a_better_trial_ends_and_leaves_its_seconds() -> None:
    clock = Clock()
    budget = Budget(100, timer=clock)
    accounts = [Account(), Account()]
    while (turn := budget.next(accounts, 0, 0)) is not None:
        seconds = min((0.001, 5.0)[turn.place], turn.train_s)
        clock.now += seconds
        accounts[turn.place].book(Spent(training_s=seconds), seconds, better=turn.place == 1)
    assert accounts[0].n == STALE
    assert clock.now == pytest.approx(100, rel=0.1)


def test_a_search_that_is_over_has_a_turn_for_a_trial_that_was_cut_alone() -> None:
    account = Account(ended=True)
    account.book(Spent(training_s=10), 10, better=True)
    assert Budget(100, 10, Clock()).next([account], 0, 0) is None
    account.cut_s = 10
    assert Budget(10 + 10 * AGAIN, 10, Clock()).next([account], 0, 0) is None, (
        "for no longer than it"
    )
    assert Budget(100, 10, Clock()).next([account], 0, 0) is not None


def test_seconds_of_earlier_calls_are_spent_and_those_of_a_wait_are_not() -> None:
    clock = Clock()
    accounts = [Account(), Account()]
    for account in accounts:
        account.book(Spent(training_s=20), 20, better=True)
    assert Budget(40, 40, clock).next(accounts, 0, 0) is None
    assert Budget(80, 40, clock).next(accounts, 0, 0) is not None
    waited = Budget(80, 40, clock)
    clock.now += 1000
    assert waited.next(accounts, 0, 0) is None
    waited.waited_s = 1000
    assert waited.next(accounts, 0, 0) is not None


@pytest.mark.parametrize(
    ("heights", "more", "reached"),
    [([1, 1], 10, 6), ([1, 8], 3, 4), ([1, 8], 9, 9), ([5], 0, 5), ([1, 2, 30], 5, 4)],
)
def test_a_level_rises_from_the_lowest(heights: list[float], more: float, reached: float) -> None:
    accounts = [Account(Spent(training_s=each), each, n=1) for each in heights]
    assert level(accounts, more) == pytest.approx(reached)
