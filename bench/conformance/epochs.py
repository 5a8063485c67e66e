"""`training` owns the epoch loop: it evaluates, stops and restores the best epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.cell.training import EpochLimit
from bench.conformance.ratings import all_pairs, noisy, rmse, tiny
from bench.conformance.subject import Subject
from datasets.ratings import HeldOut
from impls.protocol import Implementation, Training, ValidationReferee


class Watch(ValidationReferee):
    """Records what `look()` returns after each epoch, and calls the first epoch the best.

    copies  of the model, which the training loop evaluates
    """

    def __init__(self, model: Implementation, look: Callable[[], Any]) -> None:
        super().__init__(model, noisy()[1])
        self.look = look
        self.seen: list[Any] = []
        self.copies: list[Implementation] = []

    def evaluate(self, model: Implementation, validation: HeldOut) -> float:
        self.seen.append(self.look())
        self.copies.append(model)
        return float(len(self.seen))


class Epochs(Subject):
    def table(self, model: Implementation) -> NDArray[np.float32]:
        return model.predict(*all_pairs(tiny()))

    def watch(self, model: Implementation, look: Callable[[], Any]) -> Watch:
        if not self.has_epochs:
            pytest.skip("a closed form has no epochs")
        return Watch(model, look)

    def test_without_training_it_trains_all_epochs(self) -> None:
        alone, with_training = self.quick().fit(tiny()), self.quick().fit(tiny(), Training())
        assert np.array_equal(self.table(alone), self.table(with_training))

    def test_stops_when_training_stops(self) -> None:
        """Stopped after 2 of 3 epochs it is the model that 2 epochs make."""
        if not self.has_epochs:
            pytest.skip("a closed form has no epochs")
        stopped = self.quick()
        stopped.fit(tiny(), Training(referee=EpochLimit(2)))
        assert np.array_equal(self.table(stopped), self.table(self.quick(epochs=2).fit(tiny())))
        assert not np.array_equal(self.table(stopped), self.table(self.quick().fit(tiny())))

    def test_predict_between_epochs_does_not_disturb_training(self) -> None:
        watched = self.quick()
        watch = self.watch(watched, lambda: self.table(watched))
        watched.fit(tiny(), Training(referee=watch))
        assert len(watch.seen) == 3
        assert np.array_equal(watch.seen[-1], self.table(self.quick().fit(tiny())))

    def test_a_copy_is_evaluated_and_predicts_the_same(self) -> None:
        """It has all that `predict` needs, and further training does not change it."""
        model = self.quick()
        watch = self.watch(model, lambda: self.table(model))
        model.fit(tiny(), Training(referee=watch))
        assert all(copy is not model for copy in watch.copies)
        answers = [self.table(copy) for copy in watch.copies]
        assert all(map(np.array_equal, answers, watch.seen))

    def test_the_best_epoch_comes_back_exactly(self) -> None:
        model = self.quick()
        watch = self.watch(model, lambda: self.table(model))
        model.fit(tiny(), Training(referee=watch))
        assert not np.array_equal(watch.seen[0], watch.seen[-1])
        assert np.array_equal(self.table(model), watch.seen[0])

    def test_loss_falls_in_the_first_epochs(self) -> None:
        train = noisy()[0]
        model = self.quick()
        watch = self.watch(model, lambda: rmse(model, train))
        model.fit(train, Training(referee=watch))
        first, second, third = watch.seen
        assert first > second > third
