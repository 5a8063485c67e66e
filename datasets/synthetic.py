"""Ratings generated from a seed, with a known irreducible error.

The score of user u for item i is b_u + c_i + p_u · q_i: two biases (higher for items that are
rated often) and a low-rank part. Normal noise is added, and thresholds divide the sum into the
ratings of the scale, as in an ordered probit model. Most constants were chosen so that
synthetic-100k resembles MovieLens 100K; docs/datasets.md compares the two.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from datasets.assemble import fingerprint
from datasets.cache import Stamp
from datasets.ratings import Dataset, Ratings
from datasets.synthetic_pairs import Shape, draw_pairs
from datasets.synthetic_scores import BOOKS, CLICKS, HALF_STARS, JOKES, MOVIES, Taste, Truth

VERSION = 1
"""Increased whenever an equal recipe gives other ratings than before."""
SEED = 20
SHAPES = {
    "synthetic-100k": Shape(943, 1_682, 100_000, 740, head=0.01, power=0.7, taper=1.6),
    "synthetic-1m": Shape(6_040, 3_706, 1_000_000, 2_350, head=0.01, power=0.7, taper=1.6),
    "synthetic-10m": Shape(69_878, 10_677, 10_000_000, 7_400, head=0.006, power=1.5, taper=1.0),
    "synthetic-25m": Shape(162_541, 59_047, 25_000_000, 32_300, head=0.004, power=2.2, taper=0.1),
    "synthetic-100m": Shape(
        650_164, 236_188, 100_000_000, 32_300, head=0.004, power=2.2, taper=0.1
    ),
}
"""Of the films, at growing sizes."""


class Recipe(NamedTuple):
    """What a generated set is made by, besides its seed."""

    shape: Shape
    taste: Taste = MOVIES


RECIPES = {
    **{name: Recipe(shape) for name, shape in SHAPES.items()},
    "synthetic-jokes": Recipe(
        Shape(4_000, 100, 240_000, 100, head=1.0, power=0.5, taper=0.2, fewest=36), JOKES
    ),
    "synthetic-books": Recipe(
        Shape(12_000, 8_000, 96_000, 2_000, 0.01, power=0.7, taper=0.5, fewest=1, tail=1.1), BOOKS
    ),
    "synthetic-half-stars": Recipe(
        Shape(1_500, 2_000, 35_000, 240, head=0.01, power=1.0, taper=1.0, fewest=1), HALF_STARS
    ),
    "synthetic-clicks": Recipe(
        Shape(2_000, 1_000, 100_000, 500, head=0.02, power=0.7, taper=0.5, fewest=5), CLICKS
    ),
}
"""By the name of the dataset."""

_CELLS = 1 << 22
"""Ratings × thresholds that are in memory at a time."""


def draw(shape: Shape, seed: int, taste: Taste = MOVIES) -> tuple[Ratings, Truth, float]:
    """Ratings in canonical order, the parameters behind them, and their irreducible RMSE.

    The RMSE is the root of the mean variance of a rating given its score, over the rated
    pairs: the expected RMSE of a predictor that knows the scores.
    """
    rng = np.random.default_rng(seed)
    users, items, popularity = draw_pairs(shape, rng)
    log = np.log(popularity)
    truth = Truth.draw(shape, taste, (log - log[items].mean()) / log[items].std(), rng)
    values = np.empty(len(users), dtype=np.float32)
    variance = 0.0
    block = _CELLS // len(taste.thresholds)
    for start in range(0, len(users), block):
        rows = slice(start, start + block)
        score = truth.score(users[rows], items[rows])
        values[rows] = taste.rated(score + taste.noise * rng.standard_normal(len(score)))
        variance += float(taste.expected(score)[1].sum())
    ratings = Ratings(users, items, values, shape.n_users, shape.n_items, taste.scale)
    return ratings, truth, float(np.sqrt(variance / len(users)))


def generate(name: str) -> Dataset:
    """The dataset of that name in `RECIPES`; source ids are 0, 1, 2, …"""
    shape, taste = RECIPES[name]
    ratings, _, floor = draw(shape, SEED, taste)
    users, items = np.arange(ratings.n_users), np.arange(ratings.n_items)
    return Dataset(name, ratings, users, items, fingerprint(ratings, users, items), floor=floor)


def stamp(name: str) -> Stamp:
    """What a cached copy of the dataset depends on."""
    shape, taste = RECIPES[name]
    return [name, VERSION, SEED, asdict(shape), asdict(taste)]
