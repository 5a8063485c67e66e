"""Blocks that threads do not share; kernels/test_references.py has the step."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.ratings import Ratings
from impls.kernels.scaling import Scaling
from impls.kernels.sgd.blocked import cut
from impls.numba_sgd import NumbaSGD
from tests.support.low_rank import low_rank


@given(st.integers(1, 9), st.integers(1, 3), st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_the_grid_holds_every_rating_once_in_the_block_of_its_groups(
    groups: int, threads: int, seed: int
) -> None:
    train, _ = low_rank(23, 17, seed=seed)
    blocks, scaling = cut(train, groups, threads, np.random.default_rng(seed))
    assert blocks.starts[0] == 0
    assert blocks.starts[-1] == len(train)
    expected = Scaling.of(train.values, "standardised")
    assert (scaling.mean, scaling.sd) == pytest.approx((expected.mean, expected.sd))
    rows = sorted(zip(train.users, train.items, expected.response(train.values), strict=True))
    np.testing.assert_allclose(sorted(blocks.ratings.tolist()), rows, rtol=1e-4, atol=1e-5)
    of = np.repeat(np.arange(groups**2), np.diff(blocks.starts))
    users, items = blocks.ratings["user"], blocks.ratings["item"]
    for ids, group in ((users, of // groups), (items, of % groups)):
        assert all(len(set(group[ids == each])) == 1 for each in set(ids))


def test_the_scaling_holds_far_from_zero() -> None:
    train, _ = low_rank(30, 20)
    far = Ratings(train.users, train.items, train.values + 10_000, 30, 20, (10_000, 10_010))
    _, scaling = cut(far, 2, 2, np.random.default_rng(0))
    expected = Scaling.of(far.values, "standardised")
    assert (scaling.mean, scaling.sd) == pytest.approx((expected.mean, expected.sd), rel=1e-6)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_two_threads_give_the_same_each_time() -> None:
    train, _ = low_rank(80, 50)
    before = numba.get_num_threads()
    numba.set_num_threads(2)
    try:
        one, other = (NumbaSGD(seed=1).fit(train) for _ in range(2))
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(one.U_, other.U_)
    assert np.array_equal(one.V_, other.V_)
