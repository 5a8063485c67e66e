"""Generated ratings: reproducible, like MovieLens 100K, and with the stated floor."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from datasets import catalog, splits, synthetic
from datasets.ratings import Dataset, HeldOut, Ratings
from datasets.synthetic_pairs import Shape
from datasets.synthetic_scores import BOOKS, CLICKS, HALF_STARS, JOKES, MOVIES, Taste

OTHERS = ("synthetic-jokes", "synthetic-books", "synthetic-half-stars", "synthetic-clicks")
SMALL = Shape(200, 150, 8_000, 110, head=0.01, power=0.7, taper=1.6)


@cache
def generated(name: str = "synthetic-100k") -> Dataset:
    return synthetic.generate(name)


def test_the_fingerprint_is_reproduced() -> None:
    assert generated().fingerprint == (
        "2d47877f4a5766352ecdb1753689fafa6d249bbf341dcfdb3a3d123149630817"
    )


def test_size_and_degrees() -> None:
    ratings = generated().ratings
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 943, 1_682)
    of_users, of_items = np.bincount(ratings.users), np.bincount(ratings.items)
    assert of_users.min() >= 20
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


@pytest.mark.parametrize("name", [*OTHERS, "synthetic-100k"])
def test_the_best_predictor_reaches_the_floor(name: str) -> None:
    shape, taste = synthetic.RECIPES[name]
    ratings, truth, floor = synthetic.draw(shape, 3, taste)
    best, _ = taste.expected(truth.score(ratings.users, ratings.items))
    squares = (best - ratings.values) ** 2
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - floor**2) < 4 * error
    step = taste.ratings[1] - taste.ratings[0]
    for worse in (best + 0.05 * step, best * 0.96, np.round(best / step) * step):
        assert ((worse - ratings.values) ** 2).mean() > squares.mean()


@pytest.mark.parametrize("taste", [MOVIES, HALF_STARS, BOOKS, JOKES, CLICKS])
def test_mean_and_variance_agree_with_simulation(taste: Taste) -> None:
    score = np.array([-2.0, 0.1, 1.5])
    mean, variance = taste.expected(score)
    noise = taste.noise * np.random.default_rng(0).standard_normal((200_000, 3))
    simulated = taste.rated(score + noise).astype(float)
    width = taste.scale[1] - taste.scale[0]
    assert np.allclose(simulated.mean(axis=0), mean, atol=width / 400)
    assert np.allclose(simulated.var(axis=0), variance, atol=width**2 / 1000)
    assert set(np.unique(simulated)) <= set(taste.ratings)


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


def test_every_synthetic_entry_has_a_recipe() -> None:
    listed = {name for name in catalog.CATALOG if name.startswith("synthetic")}
    assert listed == synthetic.RECIPES.keys()
    assert synthetic.RECIPES.keys() == {*synthetic.SHAPES, *OTHERS}


@pytest.mark.parametrize(
    ("name", "counts", "scale", "density"),
    [
        ("synthetic-jokes", (240_000, 4_000, 100), (-10, 10), 0.6),
        ("synthetic-books", (96_000, 12_000, 8_000), (1, 10), 0.001),
        ("synthetic-half-stars", (35_000, 1_500, 2_000), (0.5, 5), 0.0117),
        ("synthetic-clicks", (100_000, 2_000, 1_000), (0, 1), 0.05),
    ],
)
def test_the_other_shapes(
    name: str, counts: tuple[int, int, int], scale: tuple[float, float], density: float
) -> None:
    ratings = generated(name).ratings
    assert (len(ratings), ratings.n_users, ratings.n_items) == counts
    assert ratings.scale == scale == catalog.CATALOG[name].scale
    assert abs(len(ratings) / (ratings.n_users * ratings.n_items) - density) < 0.001
    assert (np.diff(ratings.users.astype(int) * ratings.n_items + ratings.items) > 0).all()
    assert np.bincount(ratings.items, minlength=ratings.n_items).min() >= 1
    assert set(np.unique(ratings.values)) == set(synthetic.RECIPES[name].taste.ratings)


def test_of_the_books_many_users_rate_one_or_two() -> None:
    of_users = np.bincount(generated("synthetic-books").ratings.users)
    assert 0.4 < (of_users <= 2).mean() < 0.6
    assert of_users.max() > 1_000


def test_the_jokes_reach_from_end_to_end_and_users_differ_more_than_items() -> None:
    ratings = generated("synthetic-jokes").ratings
    means = [
        np.bincount(ids, ratings.values) / np.bincount(ids)
        for ids in (ratings.users, ratings.items)
    ]
    assert means[0].std() > 2 * means[1].std()
    assert abs(ratings.values.std() - 5.2) < 0.3
    assert np.allclose(ratings.values * 4 % 1, 0)


def test_each_of_two_clicks_is_common() -> None:
    assert 0.3 < generated("synthetic-clicks").ratings.values.mean() < 0.7


@pytest.mark.parametrize("name", OTHERS)
def test_of_the_other_shapes_the_bias_baseline_lies_between_mean_and_floor(name: str) -> None:
    dataset = generated(name)
    cut = splits.cut(dataset, "random:80/10/10", 0)
    known = cut.test.known
    held_out = HeldOut(cut.test.users[known], cut.test.items[known], cut.test.values[known])
    assert dataset.floor is not None
    mean = np.sqrt(np.mean((held_out.values - cut.train.values.mean()) ** 2))
    assert 1.02 * dataset.floor < regularised_bias(cut.train, held_out) < 0.99 * mean
