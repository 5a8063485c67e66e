"""What `predict` returns: one finite float32 a pair, whatever the other pairs."""

from __future__ import annotations

import numpy as np
import pytest

from bench.conformance.ratings import all_pairs, tiny
from bench.conformance.subject import Subject
from impls.protocol import Implementation

ROUNDING = 1e-5
"""Ratings; a matrix product may add up in another order when it has more rows."""


class Predictions(Subject):
    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls) -> Implementation:
        return cls().quick().fit(tiny())

    @pytest.mark.parametrize("n", [0, 1, 1_000_000])
    def test_predictions_are_finite_float32(self, fitted: Implementation, n: int) -> None:
        rng = np.random.default_rng(0)
        users = rng.integers(tiny().n_users, size=n, dtype=np.int32)
        items = rng.integers(tiny().n_items, size=n, dtype=np.int32)
        predicted = fitted.predict(users, items)
        assert isinstance(predicted, np.ndarray)
        assert predicted.shape == (n,)
        assert predicted.dtype == np.float32
        assert np.isfinite(predicted).all()
        table = fitted.predict(*all_pairs(tiny())).reshape(tiny().n_users, tiny().n_items)
        np.testing.assert_allclose(predicted, table[users, items], atol=ROUNDING)

    def test_the_order_of_pairs_does_not_matter(self, fitted: Implementation) -> None:
        users, items = all_pairs(tiny())
        order = np.random.default_rng(1).permutation(len(users))
        in_order, shuffled = (
            fitted.predict(users, items),
            fitted.predict(users[order], items[order]),
        )
        np.testing.assert_allclose(shuffled, in_order[order], atol=ROUNDING)

    def test_a_pair_alone_is_predicted_as_among_others(self, fitted: Implementation) -> None:
        users, items = (ids[::150] for ids in all_pairs(tiny()))
        alone = [fitted.predict(users[[n]], items[[n]])[0] for n in range(len(users))]
        np.testing.assert_allclose(alone, fitted.predict(users, items), atol=ROUNDING)
