"""Strata, and that a step of a stratum is its ratings one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.ratings import Ratings
from impls.kernels.sgd.strata import strata
from impls.numpy_sgd import NumpySGD
from impls.numpy_sgd_strata import NumpySGDStrata
from tests.support.low_rank import low_rank


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000), st.integers(1, 8))
@settings(deadline=None, max_examples=50)
def test_strata_hold_every_rating_once_and_no_row_twice(
    n_users: int, n_items: int, seed: int, at_most: int
) -> None:
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(n_users * n_items)[: rng.integers(1, n_users * n_items + 1)]
    users, items = np.divmod(pairs, n_items)
    train = Ratings(users, items, np.ones(len(pairs)), n_users, n_items, (1, 5))
    parts = strata(train, rng.permutation(len(pairs)), at_most)
    assert sorted(np.concatenate(parts)) == list(range(len(pairs)))
    for part in parts:
        assert 0 < len(part) <= at_most
        assert len(set(users[part])) == len(set(items[part])) == len(part)


def test_there_are_hardly_more_strata_than_there_must_be() -> None:
    train, _ = low_rank(80, 50)
    parts = strata(train, np.random.default_rng(0).permutation(len(train)), len(train))
    most = max(np.bincount(train.users).max(), np.bincount(train.items).max())
    assert most <= len(parts) <= 1.3 * most


def test_it_is_numpy_sgd_in_the_order_of_the_strata(monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch of each, the per-rating loop going through the strata one by one."""
    train, _ = low_rank(30, 20)
    settings = {"factors": 5, "epochs": 2, "std": 0.3, "seed": 4}
    vectorised = NumpySGDStrata(**settings).fit(train)

    rng = np.random.default_rng(4)
    rng.normal(0.0, 0.3, (train.n_users, 5)), rng.normal(0.0, 0.3, (train.n_items, 5))
    parts = strata(train, rng.permutation(len(train)), 512)

    def in_order_of_strata(_: object, train: Ratings, response: np.ndarray):
        for n in rng.permutation(len(parts)):
            yield from zip(
                train.users[parts[n]], train.items[parts[n]], response[parts[n]], strict=True
            )

    monkeypatch.setattr("impls.numpy_sgd.in_random_order", in_order_of_strata)
    one_by_one = NumpySGD(**settings).fit(train)
    pairs = train.users, train.items
    np.testing.assert_allclose(
        vectorised.predict(*pairs), one_by_one.predict(*pairs), rtol=0, atol=1e-4
    )
