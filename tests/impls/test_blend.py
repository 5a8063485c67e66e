"""A blend: its weights are the best ones, its rows see what they may, and its epochs are theirs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.conformance.ratings import all_pairs, noisy, rmse, tiny
from bench.conformance.subject import one_thread
from datasets.ratings import HeldOut, Ratings
from impls.bayesian.bayesian_mf import BayesianMF
from impls.bias import Bias
from impls.blend import Blend, Counting, divided, weights
from impls.protocol import Training


@pytest.fixture(autouse=True)
def _on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def squared_error(w: np.ndarray, predicted: np.ndarray, values: np.ndarray) -> float:
    return float(((values - predicted @ w) ** 2).sum())


@given(seed=st.integers(0, 10_000), m=st.integers(2, 4), n=st.integers(1, 40))
def test_no_other_weights_have_a_lower_error(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(3, 1, n).astype(np.float32)
    predicted = values[:, None] * rng.uniform(0, 1, m) + rng.normal(0, 1, (n, m))
    found = weights(predicted, values)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    lowest = squared_error(found, predicted, values)
    grid = [np.array(w) / 10 for w in itertools.product(range(11), repeat=m) if sum(w) == 10]
    assert all(lowest <= squared_error(w, predicted, values) * (1 + 1e-9) + 1e-9 for w in grid)


def test_weights_of_two_are_those_of_the_regression() -> None:
    """Where neither is zero: w = Σ (r − r̂₂)(r̂₁ − r̂₂) / Σ (r̂₁ − r̂₂)²."""
    rng = np.random.default_rng(0)
    values = rng.normal(3, 1, 200).astype(np.float32)
    predicted = values[:, None] + rng.normal(0, (0.5, 0.8), (200, 2))
    between = predicted[:, 0] - predicted[:, 1]
    first = ((values - predicted[:, 1]) * between).sum() / (between**2).sum()
    np.testing.assert_allclose(weights(predicted, values), [first, 1 - first])


def test_without_ratings_held_out_the_weights_are_equal() -> None:
    assert weights(np.empty((0, 2)), np.empty(0, np.float32)).tolist() == [0.5, 0.5]


@given(seed=st.integers(0, 1000), share=st.floats(0.01, 0.95))
def test_each_rating_is_in_one_part_under_the_ids_of_the_rest(seed: int, share: float) -> None:
    """Each rating is 100 times its user plus its item, by which it is known again."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(20 * 15)[:120]
    users, items = np.unique(pairs // 15, return_inverse=True)[1], pairs % 15
    train = Ratings(users, items, 100 * users + items, users.max() + 1, 15, (0, 2000))
    rest, part = divided(train, share, seed)
    assert len(rest) == 120 - int(share * 120)
    found = np.concatenate([rest.values, part.values])
    assert len(np.unique(found)) == len(found)
    missing = np.setdiff1d(train.values, found)
    kept_users, kept_items = np.unique(rest.values // 100), np.unique(rest.values % 100)
    assert not (np.isin(missing // 100, kept_users) & np.isin(missing % 100, kept_items)).any()
    for each in (rest, part):
        assert np.array_equal(kept_users[each.users], each.values // 100)
        assert np.array_equal(kept_items[each.items], each.values % 100)
    assert (rest.n_users, rest.n_items) == (len(kept_users), len(kept_items))


def test_rows_are_fitted_again_for_the_epochs_that_were_best() -> None:
    """On all the ratings; and together they are better than with equal weights."""
    train, held_out = noisy()
    rest, part = divided(train, 0.1, 0)
    model = BayesianMF()
    referee = Counting(model, part)
    model.fit(rest, Training(referee=referee))
    again = BayesianMF(epochs=referee.best_epoch).fit(train)
    blend = Blend(of=("bias", "bayesian_mf")).fit(train)
    pairs = all_pairs(train)
    assert np.array_equal(blend.models_[1].predict(*pairs), again.predict(*pairs))
    weighted = rmse(blend, held_out)
    blend.weights_ = np.array([0.5, 0.5])
    assert weighted < 0.9 * rmse(blend, held_out)


def test_counts_epochs_up_to_the_best() -> None:
    class Falling(Counting):
        def evaluate(self, model: object, validation: HeldOut) -> float:
            self.seen = getattr(self, "seen", 0) + 1
            return [5.0, 3.0, 4.0, 3.5][self.seen - 1]

    referee = Falling(Bias().fit(tiny()), noisy()[1], 2)
    assert [referee.stops(epoch, 10) for epoch in (1, 2, 3, 4)] == [False, False, False, True]
    assert referee.best_epoch == 2


def test_another_seed_is_another_result() -> None:
    one, other = (Blend(of=("bias", "bayesian_mf"), seed=seed).fit(tiny()) for seed in (5, 6))
    pairs = all_pairs(tiny())
    assert not np.array_equal(one.predict(*pairs), other.predict(*pairs))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"of": ("autorec", "no_row")}, "no row 'no_row' in a blend; there are als, autorec"),
        ({"of": ("autorec",)}, "two different rows or more, not autorec"),
        ({"of": ()}, "two different rows or more, not none"),
        ({"of": ("bias", "bias")}, "two different rows or more, not bias, bias"),
        ({"held_out": 0.0}, "a share between 0 and 1, not 0.0"),
        ({"held_out": 1.0}, "a share between 0 and 1, not 1.0"),
    ],
)
def test_refuses(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Blend(**settings)  # type: ignore[arg-type]
