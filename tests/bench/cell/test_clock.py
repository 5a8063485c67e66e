"""The ledger on a fake timer, and the epoch loop on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cell.clock import Clock
from bench.cell.training import AsManyEpochs, ClockedTraining, OneEpoch, Rules
from bench.score import ColdStart
from datasets.ratings import HeldOut, Ratings

SECOND = 1_000_000_000


class FakeTimer:
    """Nanoseconds that move only when told to."""

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
    """A model whose constant prediction is off by `errors[epoch]`; each epoch takes a second."""

    device, seed = "cpu", 0
    set_up_s = 0.0

    def __init__(self, timer: FakeTimer, errors: list[float]) -> None:
        self.timer, self.errors = timer, errors

    def fit(self, train, training):
        self.timer.pass_seconds(self.set_up_s)
        for epoch in training.epochs(len(self.errors)):
            self.timer.pass_seconds(1)
            self.error_ = self.errors[epoch]
        return self

    def predict(self, users, items):
        # Evaluation, which asks twice, is slow, and must not be on the clock.
        self.timer.pass_seconds(10)
        self.asked_ = True
        return np.full(len(users), 3 + self.error_, np.float32)


class Uninterruptible(Stepwise):
    """The same, all epochs of a fit at once, after two seconds of setting up; ladder 1, 2, 3, …"""

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
) -> ClockedTraining:
    ids = np.zeros(4, np.int32)
    train = Ratings(ids, ids, np.full(4, 3, np.float32), 1, 1, (-100, 100))
    model = kind(timer, errors)
    training = ClockedTraining(
        model=model,
        validation=HeldOut(*(column[:validation] for column in (ids, ids, train.values))),
        clock=Clock(timer(), "fit", timer),
        cold_start=ColdStart(train),
        scale=train.scale,
        rules=rules,
    )
    model.fit(train, training)
    training.clock.enter("overhead")
    return training


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
    training = fit(timer, [3, 2, 1])
    assert training.clock.seconds("fit") == 3
    assert training.clock.seconds("evaluation") == 60
    assert [point.seconds for point in training.curve] == [1, 2, 3]
    assert training.epoch_s == 1


def test_best_epoch_is_put_back(timer: FakeTimer) -> None:
    training = fit(timer, [3, 1, 2])
    assert training.best_epoch == 2
    assert training.model is not None
    assert vars(training.model)["error_"] == 1


def test_patience_counts_epochs_without_a_better_one(timer: FakeTimer) -> None:
    training = fit(timer, [3, 2, 2.5, 1, 2, 2, 0], Rules(patience=2))
    assert len(training.curve) == 6
    assert training.best_epoch == 4


def test_stops_at_the_target(timer: FakeTimer) -> None:
    assert len(fit(timer, [3, 2, 1], Rules(until_rmse=2)).curve) == 2


def test_time_limit_is_on_the_training_clock(timer: FakeTimer) -> None:
    training = fit(timer, [5, 4, 3, 2, 1], Rules(time_limit_s=2))
    assert len(training.curve) == 2
    assert training.timed_out


def test_a_limit_met_by_the_last_epoch_is_no_timeout(timer: FakeTimer) -> None:
    assert not fit(timer, [2, 1], Rules(time_limit_s=2)).timed_out


def test_divergence_ends_training_and_leaves_no_point(timer: FakeTimer) -> None:
    training = fit(timer, [2, float("nan"), 1])
    assert training.diverged_at == 2
    assert [point.epoch for point in training.curve] == [1]


def test_a_closed_form_is_evaluated_and_left_as_fit_made_it(timer: FakeTimer) -> None:
    training = fit(timer, [])
    model = training.model
    assert isinstance(model, Stepwise)
    model.error_ = 1
    training.finish()
    assert [(point.epoch, point.rmse) for point in training.curve] == [(0, 1)]
    assert not hasattr(model, "asked_")


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
    clock.rebook(min(share_ms, fit_ms) / 1000, "fit", to="epoch_budgets")
    assert sum(clock.parts().values()) == pytest.approx(total)
    assert clock.seconds("epoch_budgets") == pytest.approx(min(share_ms, fit_ms) / 1000)


def climb(timer: FakeTimer, errors: list[float], **more: Any) -> ClockedTraining:
    training = fit(timer, errors, kind=Uninterruptible, **more)
    training.finish()
    return training


def test_each_rung_of_a_ladder_is_timed_by_itself(timer: FakeTimer) -> None:
    training = climb(timer, [3, 2, 1])
    points = [(point.epoch, point.seconds, point.rmse) for point in training.curve]
    assert points == [(1, 3, 3), (2, 4, 2), (3, 5, 1)]
    assert training.clock.seconds("evaluation") == 60
    assert training.epoch_s == 1.0  # the slope through (1, 3), (2, 4) and (3, 5)


def test_of_a_ladder_the_chosen_fit_is_the_fit(timer: FakeTimer) -> None:
    training = climb(timer, [3, 1, 2])
    assert (training.best_epoch, training.epochs_of_fit, training.epochs_ran) == (2, 2, 3)
    assert (training.clock.seconds("fit"), training.clock.seconds("epoch_budgets")) == (4, 8)
    assert vars(training.model)["error_"] == 1


def test_a_ladder_ends_at_the_target(timer: FakeTimer) -> None:
    assert len(climb(timer, [3, 2, 1], rules=Rules(until_rmse=2)).curve) == 2


def test_patience_counts_rungs(timer: FakeTimer) -> None:
    assert len(climb(timer, [1, 2, 2, 0], rules=Rules(patience=2)).curve) == 3


def test_the_time_limit_is_over_all_rungs_together(timer: FakeTimer) -> None:
    training = climb(timer, [4, 3, 2, 1], rules=Rules(time_limit_s=7))
    assert [point.seconds for point in training.curve] == [3, 4]
    assert training.timed_out


def test_without_validation_there_is_nothing_to_climb_for(timer: FakeTimer) -> None:
    training = climb(timer, [3, 2, 1], validation=0)
    assert (training.curve, training.epochs_of_fit) == ([], 3)
    assert (training.clock.seconds("fit"), training.clock.seconds("epoch_budgets")) == (5, 0)


def test_the_warm_up_takes_the_smallest_rung() -> None:
    assert list(OneEpoch().fits(9, (2, 4))) == [2]
    assert list(OneEpoch().fits(1, (2, 4))) == [1]


def test_a_fit_that_is_made_again_has_as_many_epochs_as_the_first_one_ran() -> None:
    assert list(AsManyEpochs(ran=2).epochs(9)) == [0, 1]
    assert list(AsManyEpochs(ran=4).fits(9, (2, 4))) == [4]
    assert list(AsManyEpochs(ran=9).fits(9, (2, 4))) == [9]
