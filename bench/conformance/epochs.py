"""`training` owns the epoch loop: it evaluates, stops and restores the best epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.conformance.ratings import all_pairs, noisy, rmse, tiny
from bench.conformance.subject import Subject
from datasets.ratings import HeldOut
from impls.protocol import Implementation, Training


@dataclass
class StopAfter(Training):
    """Ends training after `last` epochs."""

    last: int = field(kw_only=True)

    def checkpoint(self, epoch: int, n: int) -> bool:
        return epoch == self.last


@dataclass
class Watch(Training):
    """Stores what `look()` returns after each epoch, and takes the first epoch for the best.

    seen       what `look()` returned, by epoch
    evaluated  the models that were evaluated, by epoch
    """

    look: Callable[[], Any] = field(kw_only=True)
    seen: list[Any] = field(default_factory=list)
    evaluated: list[Implementation] = field(default_factory=list)

    def evaluate(self, model: Implementation, validation: HeldOut) -> float:
        self.seen.append(self.look())
        self.evaluated.append(model)
        return float(len(self.seen))


class Epochs(Subject):
    def table(self, model: Implementation) -> NDArray[np.float32]:
        return model.predict(*all_pairs(tiny()))

    def watch(self, model: Implementation, look: Callable[[], Any]) -> Watch:
        if not self.has_epochs:
            pytest.skip("a closed form has no epochs")
        return Watch(model, noisy()[1], look=look)

    def test_without_training_it_trains_all_epochs(self) -> None:
        alone, with_training = self.quick().fit(tiny()), self.quick().fit(tiny(), Training())
        assert np.array_equal(self.table(alone), self.table(with_training))

    def test_stops_when_training_stops(self) -> None:
        """Stopped after 2 of 3 epochs it is the model that 2 epochs make."""
        if not self.has_epochs:
            pytest.skip("a closed form has no epochs")
        stopped = self.quick()
        stopped.fit(tiny(), StopAfter(stopped, noisy()[1], last=2))
        assert np.array_equal(self.table(stopped), self.table(self.quick(epochs=2).fit(tiny())))
        assert not np.array_equal(self.table(stopped), self.table(self.quick().fit(tiny())))

    def test_predict_between_epochs_does_not_disturb_training(self) -> None:
        watched = self.quick()
        watch = self.watch(watched, lambda: self.table(watched))
        watched.fit(tiny(), watch)
        assert len(watch.seen) == 3
        assert np.array_equal(watch.seen[-1], self.table(self.quick().fit(tiny())))

    def test_a_copy_is_evaluated_and_predicts_the_same(self) -> None:
        """It has all that `predict` needs, and further training does not change it."""
        model = self.quick()
        watch = self.watch(model, lambda: self.table(model))
        model.fit(tiny(), watch)
        assert all(copy is not model for copy in watch.evaluated)
        predicted = [self.table(copy) for copy in watch.evaluated]
        assert all(map(np.array_equal, predicted, watch.seen))

    def test_the_best_epoch_comes_back_exactly(self) -> None:
        model = self.quick()
        watch = self.watch(model, lambda: self.table(model))
        model.fit(tiny(), watch)
        assert not np.array_equal(watch.seen[0], watch.seen[-1])
        assert np.array_equal(self.table(model), watch.seen[0])

    def test_loss_falls_in_the_first_epochs(self) -> None:
        train = noisy()[0]
        model = self.quick()
        watch = self.watch(model, lambda: rmse(model, train))
        model.fit(train, watch)
        first, second, third = watch.seen
        assert first > second > third
