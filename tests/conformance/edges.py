"""Ratings at the edge of what there is: rare users and items, other scales, every preset."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.ratings import Ratings
from tests.conformance.base import Subject
from tests.conformance.making import all_pairs, noisy, rescaled, rmse, thresholded, tiny


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "preset" in metafunc.fixturenames:
        metafunc.parametrize("preset", metafunc.cls.presets)


class MeetsEdges(Subject):
    pytest_generate_tests = staticmethod(pytest_generate_tests)

    def test_presets_are_all_tested(self) -> None:
        assert set(self.presets) == set(self.implementation.presets)
        assert "default" in self.presets

    def test_every_preset_trains(self, preset: str) -> None:
        epochs = {"epochs": 2} if self.has_epochs else {}
        predicted = self.make(preset, **epochs).fit(tiny()).predict(*all_pairs(tiny()))
        assert np.isfinite(predicted).all()

    def test_a_user_and_an_item_with_one_rating(self) -> None:
        """Two ratings more: a new user's of an old item, an old user's of a new item."""
        train = tiny()
        once = Ratings(
            np.append(train.users, [train.n_users, 0]),
            np.append(train.items, [0, train.n_items]),
            np.append(train.values, [5.0, 1.0]),
            train.n_users + 1,
            train.n_items + 1,
            train.scale,
        )
        assert np.isfinite(self.quick().fit(once).predict(*all_pairs(once))).all()

    @pytest.mark.parametrize("scale", ["-10 … 10", "0/1"])
    def test_learns_on_other_scales(self, scale: str) -> None:
        train = noisy()[0]
        train = thresholded(train) if scale == "0/1" else rescaled(train, -10.0, 10.0)
        model = self.make(**self.small).fit(train)
        spread = float(train.values.std())
        assert rmse(model, train) <= (0.9 if self.has_epochs else 1 + 1e-6) * spread
        assert abs(model.predict(train.users, train.items).mean() - train.values.mean()) < (
            0.1 * spread
        )
