"""Generated ratings: reproducible, like MovieLens 100K, and with the stated floor."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from datasets import catalog, splits, synthetic
from datasets.ratings import Dataset, HeldOut, Ratings
from datasets.synthetic_pairs import FEWEST, Shape

SMALL = Shape(200, 150, 8_000, 110, head=0.01, power=0.7, taper=1.6)


@cache
def generated() -> Dataset:
    return synthetic.generate("synthetic-100k")


def test_the_fingerprint_is_reproduced() -> None:
    assert generated().fingerprint == (
        "2d47877f4a5766352ecdb1753689fafa6d249bbf341dcfdb3a3d123149630817"
    )


def test_size_and_degrees() -> None:
    ratings = generated().ratings
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 943, 1_682)
    of_users, of_items = np.bincount(ratings.users), np.bincount(ratings.items)
    assert of_users.min() >= FEWEST
    assert of_items.min() >= 1
    # MovieLens 100K: 33, 65, 148, 310 by users and 6, 27, 80, 229 by items.
    quantiles = [0.25, 0.5, 0.75, 0.95]
    assert np.allclose(np.quantile(of_users, quantiles), [33, 65, 148, 310], rtol=0.2)
    assert np.allclose(np.quantile(of_items, quantiles), [6, 27, 80, 229], rtol=0.35)


def test_histogram_is_that_of_movielens() -> None:
    shares = np.bincount(generated().ratings.values.astype(int), minlength=6)[1:] / 100_000
    assert np.allclose(shares, [0.0611, 0.1137, 0.2715, 0.3417, 0.2120], atol=0.005)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_pair_twice_and_canonical_order(seed: int) -> None:
    ratings, _, _ = synthetic.draw(SMALL, seed)
    pairs = ratings.users.astype(int) * ratings.n_items + ratings.items
    assert (np.diff(pairs) > 0).all()
    assert len(ratings) == SMALL.n_ratings
    assert set(np.unique(ratings.values)) == {1, 2, 3, 4, 5}


def test_the_best_predictor_reaches_the_floor() -> None:
    ratings, truth, floor = synthetic.draw(synthetic.SHAPES["synthetic-100k"], 3)
    best, _ = synthetic.expected(truth.score(ratings.users, ratings.items))
    squares = (best - ratings.values) ** 2
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - floor**2) < 4 * error
    for worse in (best + 0.05, best * 0.98, np.round(best)):
        assert ((worse - ratings.values) ** 2).mean() > squares.mean()


def test_mean_and_variance_agree_with_simulation() -> None:
    score = np.array([-2.0, 0.1, 1.5])
    mean, variance = synthetic.expected(score)
    noise = synthetic.NOISE * np.random.default_rng(0).standard_normal((200_000, 3))
    simulated = 1 + np.searchsorted(synthetic.THRESHOLDS, score + noise)
    assert np.allclose(simulated.mean(axis=0), mean, atol=0.01)
    assert np.allclose(simulated.var(axis=0), variance, atol=0.015)


def regularised_bias(train: Ratings, held_out: HeldOut) -> float:
    """RMSE of mean + b_u + c_i by alternating ridge regression, damping 5 and 3."""
    mean = train.values.mean(dtype=float)
    b, c = np.zeros(train.n_users), np.zeros(train.n_items)
    for _ in range(10):
        left = train.values - mean - b[train.users]
        c = np.bincount(train.items, left) / (np.bincount(train.items) + 3)
        left = train.values - mean - c[train.items]
        b = np.bincount(train.users, left) / (np.bincount(train.users) + 5)
    b, c = np.append(b, 0), np.append(c, 0)  # for UNKNOWN, which is -1
    predicted = np.clip(mean + b[held_out.users] + c[held_out.items], *train.scale)
    return float(np.sqrt(np.mean((predicted - held_out.values) ** 2)))


def test_the_baselines_have_the_rmse_that_they_have_on_movielens() -> None:
    cut = splits.cut(generated(), "random:80/10/10", 0)
    global_mean = np.sqrt(np.mean((cut.test.values - cut.train.values.mean()) ** 2))
    assert abs(global_mean - 1.125) < 0.01
    assert abs(regularised_bias(cut.train, cut.test) - 0.94) < 0.01


def test_goals_are_steps_from_bias_to_floor() -> None:
    cut = splits.cut(generated(), "random:80/10/10", 0)
    bias = regularised_bias(cut.train, cut.validation)
    floor = generated().floor
    assert floor is not None
    steps = [bias - part * (bias - floor) for part in (0.1, 0.3, 0.6)]
    assert np.allclose(list(catalog.CATALOG["synthetic-100k"].goals), steps, atol=0.0015)


def test_every_synthetic_entry_has_a_shape() -> None:
    listed = {name for name in catalog.CATALOG if name.startswith("synthetic")}
    assert listed == synthetic.SHAPES.keys()
