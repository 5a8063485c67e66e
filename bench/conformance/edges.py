"""Edge cases: rare users and items, equal ratings, other scales, every preset."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from bench.conformance.ratings import all_pairs, rescaled, rmse, thresholded, tiny
from bench.conformance.subject import Subject
from datasets.ratings import Ratings

NOT_OF_THE_MODEL = {"device", "seed", "dtype", "epoch_budgets", "step"}
"""`dtype` is tested by parity; `epoch_budgets` decides which fits come before the last one, and
`step` how a device gets its work."""


def another(value: Any, kind: Any) -> Any:
    """A value that differs a little, or another choice of a Literal; None if none is known."""
    if not isinstance(value, tuple | str | int | float):
        return None
    if isinstance(value, tuple):
        others = tuple(another(entry, None) for entry in value)
        return None if None in others else others
    if isinstance(value, str):
        return next((choice for choice in get_args(kind) if choice != value), None)
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value / 2 or 0.1


class Edges(Subject):
    def test_every_preset_trains(self, preset: str) -> None:
        epochs = {"epochs": 2} if self.has_epochs else {}
        predicted = self.make(preset, **epochs).fit(tiny()).predict(*all_pairs(tiny()))
        assert np.isfinite(predicted).all()

    def test_every_hyperparameter_matters(self) -> None:
        """Another value of any of them makes another model."""
        kinds = get_type_hints(self.implementation)
        unchanged = self.quick()
        expected = unchanged.fit(tiny()).predict(*all_pairs(tiny()))
        idle = []
        for field in dataclasses.fields(self.implementation):
            other = another(getattr(unchanged, field.name), kinds[field.name])
            if other is not None and field.name not in NOT_OF_THE_MODEL:
                model = self.quick(**{field.name: other}).fit(tiny())
                if np.array_equal(model.predict(*all_pairs(tiny())), expected):
                    idle.append(field.name)
        assert idle == []

    def test_ratings_that_are_all_equal(self) -> None:
        train = dataclasses.replace(tiny(), values=np.full(len(tiny()), 4.0))
        assert np.isfinite(self.quick().fit(train).predict(*all_pairs(train))).all()

    def test_a_user_and_an_item_with_one_rating(self) -> None:
        """Two more ratings: a new user's of a known item, a known user's of a new item."""
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

    @pytest.mark.parametrize("scale", ["-10..10", "0..1"])
    def test_learns_on_other_scales(self, scale: str) -> None:
        train = thresholded(tiny()) if scale == "0..1" else rescaled(tiny(), -10.0, 10.0)
        model = self.make(**self.small).fit(train)
        spread = float(train.values.std())
        assert rmse(model, train) < (0.9 if self.has_epochs else 1.001) * spread
        bias = model.predict(train.users, train.items).mean() - train.values.mean()
        assert abs(bias) < 0.1 * spread
