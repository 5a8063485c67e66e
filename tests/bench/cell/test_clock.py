"""The ledger on a fake timer, and the epoch loop on it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cell.clock import Clock
from bench.cell.training import ClockedReferee, EpochLimit, only_its_verdicts
from bench.planning.rules import Rules
from bench.score import ColdStart
from datasets.ratings import HeldOut, Ratings
from impls.protocol import Training

SECOND = 1_000_000_000


class FakeTimer:
    """Nanoseconds that move only when a test moves them."""

    def __init__(self) -> None:
        self.now = 0

    def __deepcopy__(self, _: object) -> FakeTimer:
        """A copy of a model lives in the same time."""
        return self

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


class Stepwise:
    """A model whose constant prediction is off by `errors[epoch]`; each epoch takes `epoch_s`."""

    device, seed = "cpu", 0
    set_up_s = 0.0
    epoch_s = 1.0

    def __init__(self, timer: FakeTimer, errors: list[float]) -> None:
        self.timer, self.errors = timer, errors

    def fit(self, train, training):
        self.timer.pass_seconds(self.set_up_s)
        for epoch in training.epochs(len(self.errors)):
            self.timer.pass_seconds(self.epoch_s)
            self.error_ = self.errors[epoch]
        return self

    def predict(self, users, items):
        # Evaluation, which predicts twice, is slow, and must not be on the clock.
        self.timer.pass_seconds(10)
        self.predicted_ = True
        return np.full(len(users), 3 + self.error_, np.float32)


class Uninterruptible(Stepwise):
    """The same, all epochs of a fit at once after two seconds of setting up; budgets 1, 2, 3, …"""

    def fit(self, train, training):
        n = len(self.errors)
        for epochs in training.fits(n, range(1, n)):
            self.timer.pass_seconds(2 + epochs)
            self.error_ = self.errors[epochs - 1]
        return self


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


def fit(
    timer: FakeTimer,
    errors: list[float],
    rules: Rules = Rules(),
    kind: type[Stepwise] = Stepwise,
    validation: int = 4,
    blocks: int = 0,
) -> ClockedReferee:
    ids = np.zeros(4, np.int32)
    train = Ratings(ids, ids, np.full(4, 3, np.float32), 1, 1, (-100, 100))
    model = kind(timer, errors)
    referee = ClockedReferee(
        model=model,
        validation=HeldOut(*(column[:validation] for column in (ids, ids, train.values))),
        clock=Clock(timer(), "fit", timer),
        cold_start=ColdStart(train),
        scale=train.scale,
        rules=rules,
        blocks=blocks,
    )
    model.fit(train, Training(referee=referee))
    referee.clock.enter("overhead")
    return referee


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**12)), min_size=1))
def test_parts_sum_to_wall_time(stretches: list[tuple[str, int]]) -> None:
    timer = FakeTimer()
    clock = Clock(timer(), "import", timer)
    for part, length in stretches:
        clock.enter(part)
        timer.now += length
    clock.enter("end")
    assert sum(clock.parts().values()) == pytest.approx(timer.now / SECOND)


def test_a_block_books_to_its_part_even_when_it_raises(timer: FakeTimer) -> None:
    clock = Clock(timer(), "fit", timer)
    with pytest.raises(KeyError), clock.during("evaluation"):
        timer.pass_seconds(5)
        raise KeyError
    timer.pass_seconds(2)
    clock.enter("end")
    assert clock.parts() == {"fit": 2.0, "evaluation": 5.0}


def test_device_is_synchronised_before_each_reading(timer: FakeTimer) -> None:
    """Work queued in `fit` and done during the wait is charged to `fit`."""
    clock = Clock(timer(), "fit", timer, synchronise=lambda: timer.pass_seconds(3))
    clock.enter("evaluation")
    assert clock.seconds("fit") == 3


def test_evaluation_is_not_on_the_training_clock(timer: FakeTimer) -> None:
    referee = fit(timer, [3, 2, 1])
    assert referee.clock.seconds("fit") == 3
    assert referee.clock.seconds("evaluation") == 60
    assert [point.seconds for point in referee.curve] == [1, 2, 3]
    assert referee.epoch_s == 1


def test_squared_errors_of_parts_are_those_of_the_best_epoch(timer: FakeTimer) -> None:
    assert fit(timer, [3, 1, 2], blocks=2).val_blocks == [1, 1]
    assert fit(timer, [3, 1, 2]).val_blocks == []
    assert fit(timer, [3, 1, 2], blocks=2, validation=0).val_blocks == []


def test_best_epoch_is_put_back(timer: FakeTimer) -> None:
    referee = fit(timer, [3, 1, 2])
    assert referee.best_epoch == 2
    assert vars(referee.model)["error_"] == 1


def test_patience_counts_epochs_without_a_better_one(timer: FakeTimer) -> None:
    referee = fit(timer, [3, 2, 2.5, 1, 2, 2, 0], Rules(patience=2))
    assert len(referee.curve) == 6
    assert referee.best_epoch == 4


SPARING = Rules(sparing=True)
"""An evaluation takes as long as 20 epochs."""


def evaluated(referee: ClockedReferee) -> list[int]:
    return [point.epoch for point in referee.curve]


QUARTERS = [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48]
"""Epochs of which each is a quarter further than the one before, or more."""


def test_evaluations_longer_than_training_are_spared_but_for_each_quarter_further(
    timer: FakeTimer,
) -> None:
    referee = fit(timer, [2] * 50, SPARING)
    assert evaluated(referee) == [*QUARTERS, 50]
    assert referee.epochs_ran == len(referee.epoch_lengths) == 50


def test_evaluations_shorter_than_training_are_not_spared(timer: FakeTimer) -> None:
    slow = type("Slow", (Stepwise,), {"epoch_s": 30.0})
    assert evaluated(fit(timer, [2] * 50, SPARING, slow)) == [*range(1, 51)]


def test_the_last_epoch_within_the_limit_is_evaluated(timer: FakeTimer) -> None:
    found = evaluated(fit(timer, [2] * 50, replace(SPARING, time_limit_s=29)))
    assert found == [*QUARTERS[:11], 29]


def test_a_fit_whose_best_epoch_is_spared_others_ends_after_it(timer: FakeTimer) -> None:
    """It takes as many evaluations as its patience has, not all epochs."""
    curve = [abs(12.0 - epoch) for epoch in range(1, 201)]
    referee = fit(timer, curve, replace(SPARING, patience=5))
    assert referee.best_epoch == 12
    assert evaluated(referee) == [*QUARTERS[:13]]


def test_an_epoch_that_is_not_evaluated_ends_no_patience(timer: FakeTimer) -> None:
    improving = [50.0 - epoch for epoch in range(50)]
    assert evaluated(fit(timer, improving, replace(SPARING, patience=5))) == [*QUARTERS, 50]
    assert evaluated(fit(timer, improving[::-1], replace(SPARING, patience=5))) == QUARTERS[:6]


def test_each_fit_at_an_epoch_budget_is_evaluated(timer: FakeTimer) -> None:
    assert evaluated(fit(timer, [3, 2, 1], SPARING, Uninterruptible)) == [1, 2, 3]


def test_stops_at_the_goal(timer: FakeTimer) -> None:
    assert len(fit(timer, [3, 2, 1], Rules(until_rmse=2)).curve) == 2


def test_time_limit_is_on_the_training_clock(timer: FakeTimer) -> None:
    referee = fit(timer, [5, 4, 3, 2, 1], Rules(time_limit_s=2))
    assert len(referee.curve) == 2
    assert referee.timed_out


def test_no_epoch_is_begun_that_would_not_end_in_time(timer: FakeTimer) -> None:
    """Epochs take 1 s: the third would end after the limit, and be killed with all scores."""
    referee = fit(timer, [5, 4, 3, 2, 1], Rules(time_limit_s=2.9))
    assert len(referee.curve) == 2
    assert referee.timed_out
    assert not fit(timer, [2, 1], Rules(time_limit_s=1.5)).curve[1:]


def test_a_limit_met_by_the_last_epoch_is_no_timeout(timer: FakeTimer) -> None:
    assert not fit(timer, [2, 1], Rules(time_limit_s=2)).timed_out


def test_divergence_ends_training_and_leaves_no_point(timer: FakeTimer) -> None:
    referee = fit(timer, [2, float("nan"), 1])
    assert referee.diverged_at == 2
    assert [point.epoch for point in referee.curve] == [1]


def test_a_closed_form_is_evaluated_and_left_as_fitted(timer: FakeTimer) -> None:
    referee = fit(timer, [])
    model = referee.model
    assert isinstance(model, Stepwise)
    model.error_ = 1
    referee.finish()
    assert [(point.epoch, point.rmse) for point in referee.curve] == [(0, 1)]
    assert not hasattr(model, "predicted_")


def test_first_epoch_length_includes_set_up(timer: FakeTimer) -> None:
    slow_start = type("SlowStart", (Stepwise,), {"set_up_s": 4.0})
    assert fit(timer, [1], kind=slow_start).epoch_s == 5.0
    assert fit(timer, [3, 2, 1], kind=slow_start).epoch_s == 1.0


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_booked_anew_leaves_the_sum_as_it_was(fit_ms: int, share_ms: int) -> None:
    timer = FakeTimer()
    clock = Clock(timer(), "fit", timer)
    timer.pass_seconds(fit_ms / 1000)
    clock.enter("overhead")
    total = sum(clock.parts().values())
    clock.rebook(min(share_ms, fit_ms) / 1000, "fit", to="other_budgets")
    assert sum(clock.parts().values()) == pytest.approx(total)
    assert clock.seconds("other_budgets") == pytest.approx(min(share_ms, fit_ms) / 1000)


def fit_all(timer: FakeTimer, errors: list[float], **more: Any) -> ClockedReferee:
    referee = fit(timer, errors, kind=Uninterruptible, **more)
    referee.finish()
    return referee


def test_the_fit_of_each_epoch_budget_is_timed_by_itself(timer: FakeTimer) -> None:
    referee = fit_all(timer, [3, 2, 1])
    points = [(point.epoch, point.seconds, point.rmse) for point in referee.curve]
    assert points == [(1, 3, 3), (2, 4, 2), (3, 5, 1)]
    assert referee.clock.seconds("evaluation") == 60
    assert referee.epoch_s == 1.0  # the slope through (1, 3), (2, 4) and (3, 5)


def test_with_epoch_budgets_the_chosen_fit_is_the_fit(timer: FakeTimer) -> None:
    referee = fit_all(timer, [3, 1, 2])
    assert (referee.best_epoch, referee.epochs_of_fit, referee.epochs_ran) == (2, 2, 3)
    assert (referee.clock.seconds("fit"), referee.clock.seconds("other_budgets")) == (4, 8)
    assert vars(referee.model)["error_"] == 1


def test_epoch_budgets_end_at_the_goal(timer: FakeTimer) -> None:
    assert len(fit_all(timer, [3, 2, 1], rules=Rules(until_rmse=2)).curve) == 2


def test_patience_counts_budgets(timer: FakeTimer) -> None:
    assert len(fit_all(timer, [1, 2, 2, 0], rules=Rules(patience=2)).curve) == 3


def test_the_time_limit_is_over_all_budgets_together(timer: FakeTimer) -> None:
    referee = fit_all(timer, [4, 3, 2, 1], rules=Rules(time_limit_s=7))
    assert [point.seconds for point in referee.curve] == [3, 4]
    assert referee.timed_out


def test_without_validation_the_last_budget_alone_is_fitted(timer: FakeTimer) -> None:
    referee = fit_all(timer, [3, 2, 1], validation=0)
    assert (referee.curve, referee.epochs_of_fit) == ([], 3)
    assert (referee.clock.seconds("fit"), referee.clock.seconds("other_budgets")) == (5, 0)


def test_an_epoch_limit_of_one_takes_the_smallest_budget() -> None:
    warm_up = Training(referee=EpochLimit(1))
    assert list(warm_up.fits(9, (2, 4))) == [2]
    assert list(warm_up.fits(1, (2, 4))) == [1]
    assert list(warm_up.epochs(9)) == [0]


def test_an_epoch_limit_takes_the_budget_with_as_many_epochs() -> None:
    assert list(Training(referee=EpochLimit(2)).epochs(9)) == [0, 1]
    assert list(Training(referee=EpochLimit(4)).fits(9, (2, 4))) == [4]
    assert list(Training(referee=EpochLimit(9)).fits(9, (2, 4))) == [9]


def test_cpu_time_is_booked_beside_the_clock_and_never_read_on_it(timer: FakeTimer) -> None:
    """Each reading takes a second here, and none of them is training."""
    cpu = itertools.count(0, SECOND)

    def cpu_timer() -> int:
        timer.pass_seconds(1)
        return next(cpu)

    clock = Clock(timer(), "import", timer, cpu_timer=cpu_timer)
    for part in ("overhead", "fit", "evaluation", "fit", "overhead"):
        clock.enter(part)
        timer.pass_seconds(5)
    assert clock.seconds("fit") == 10
    assert clock.cpu_seconds("fit") == 2
    assert clock.cpu_seconds() == 4


def test_a_row_gets_nothing_of_the_referee_but_its_verdicts(timer: FakeTimer) -> None:
    referee = fit(timer, [3, 2, 1])
    verdicts = only_its_verdicts(referee)
    assert not [name for name in vars(referee) if hasattr(verdicts, name)]
    assert verdicts.budgets(3, [1]) == referee.budgets(3, [1])
    assert verdicts.stops(4, 9) is False
    assert referee.epochs_ran == 4
