"""Ratings generated from a seed, with a known irreducible error.

The score of user u for item i is b_u + c_i + p_u · q_i: two biases (higher for items that are
rated often) and a low-rank part. Normal noise is added, and four thresholds divide the sum into
the ratings 1 to 5, as in an ordered probit model. The constants were chosen so that
synthetic-100k resembles MovieLens 100K; docs/datasets.md compares the two.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datasets.assemble import fingerprint
from datasets.cache import Stamp
from datasets.ratings import Dataset, Ratings
from datasets.synthetic_pairs import Shape, draw_pairs

VERSION = 1
"""Increased whenever an equal shape gives other ratings than before."""
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
SCALE = (1.0, 5.0)

USER_BIAS = 0.45
ITEM_BIAS = 0.44
POPULARITY_BIAS = 0.28
FACTORS = 0.29 * 0.7 ** np.arange(10)
NOISE = 0.82
"""Standard deviations, in units of the score; of the low-rank part one per factor."""
THRESHOLDS = np.array([-1.78, -1.09, -0.17, 0.89])

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Truth:
    """The parameters behind a generated set.

    user_bias (n_users,), item_bias (n_items,), P (k, n_users), Q (k, n_items)
    """

    user_bias: NDArray[np.float64]
    item_bias: NDArray[np.float64]
    P: NDArray[np.float64]
    Q: NDArray[np.float64]

    @classmethod
    def draw(cls, shape: Shape, popular: NDArray[np.float64], rng: np.random.Generator) -> Self:
        """`popular` (n_items,) is the items' standardised log popularity."""
        k = len(FACTORS)
        return cls(
            USER_BIAS * rng.standard_normal(shape.n_users),
            ITEM_BIAS * rng.standard_normal(shape.n_items) + POPULARITY_BIAS * popular,
            rng.standard_normal((k, shape.n_users)),
            FACTORS[:, None] * rng.standard_normal((k, shape.n_items)),
        )

    def score(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float64]:
        """Scores without noise (n,)."""
        score = self.user_bias[users] + self.item_bias[items]
        # One factor at a time: no BLAS, whose sums differ between machines.
        for p, q in zip(self.P, self.Q, strict=True):
            score += p[users] * q[items]
        return score


def expected(score: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (n,) and variance (n,) of the rating given its score.

    The mean is the best prediction there is; r = 1 + [r > 1] + … + [r > 4] gives both.
    """
    from scipy.special import ndtr

    above = ndtr((score[:, None] - THRESHOLDS) / NOISE)  # (n, 4) P(r > k), k = 1 … 4
    mean = 1 + above.sum(axis=1)
    mean_square = 1 + above @ np.array([3.0, 5.0, 7.0, 9.0])  # (k + 1)² − k²
    return mean, mean_square - mean**2


def draw(shape: Shape, seed: int) -> tuple[Ratings, Truth, float]:
    """Ratings in canonical order, the parameters behind them, and their irreducible RMSE.

    The RMSE is the root of the mean variance of a rating given its score, over the rated
    pairs: the expected RMSE of a predictor that knows the scores.
    """
    rng = np.random.default_rng(seed)
    users, items, popularity = draw_pairs(shape, rng)
    log = np.log(popularity)
    truth = Truth.draw(shape, (log - log[items].mean()) / log[items].std(), rng)
    values = np.empty(len(users), dtype=np.float32)
    variance = 0.0
    for start in range(0, len(users), _BLOCK):
        rows = slice(start, start + _BLOCK)
        score = truth.score(users[rows], items[rows])
        noisy = score + NOISE * rng.standard_normal(len(score))
        values[rows] = 1 + np.searchsorted(THRESHOLDS, noisy)
        variance += float(expected(score)[1].sum())
    ratings = Ratings(users, items, values, shape.n_users, shape.n_items, SCALE)
    return ratings, truth, float(np.sqrt(variance / len(users)))


def generate(name: str) -> Dataset:
    """The dataset of that name in `SHAPES`; source ids are 0, 1, 2, …"""
    ratings, _, floor = draw(SHAPES[name], SEED)
    users, items = np.arange(ratings.n_users), np.arange(ratings.n_items)
    return Dataset(name, ratings, users, items, fingerprint(ratings, users, items), floor=floor)


def stamp(name: str) -> Stamp:
    """What a cached copy of the dataset depends on."""
    return [name, VERSION, SEED, asdict(SHAPES[name])]
