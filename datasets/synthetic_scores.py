"""From a user's score for an item to a rating: noise, and thresholds on the rating scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datasets.synthetic_pairs import Shape

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Taste:
    """How scores are distributed, and which ratings come of them.

    Standard deviations, in units of the score:

    user_bias, item_bias
    popularity_bias  what the standardised log popularity of an item adds to its bias
    factors          of the low-rank part, one per factor
    noise

    ratings     the values of the scale, ascending
    thresholds  of the noisy score, between each rating and the next: one fewer than ratings
    """

    user_bias: float
    item_bias: float
    popularity_bias: float
    factors: tuple[float, ...]
    noise: float
    ratings: tuple[float, ...]
    thresholds: tuple[float, ...]

    @property
    def scale(self) -> tuple[float, float]:
        return self.ratings[0], self.ratings[-1]

    def rated(self, noisy: Floats) -> NDArray[np.float32]:
        """The ratings of noisy scores. (n,)"""
        return np.array(self.ratings, np.float32)[np.searchsorted(self.thresholds, noisy)]

    def expected(self, score: Floats) -> tuple[Floats, Floats]:
        """Mean (n,) and variance (n,) of the rating given its score without noise.

        The mean is the best prediction there is; r = r_0 + Σ_k (r_k − r_(k−1)) [r ≥ r_k] gives
        both.
        """
        from scipy.special import ndtr

        levels = np.array(self.ratings)
        # (n, thresholds) P(r > the rating below the threshold)
        above = ndtr((score[:, None] - np.array(self.thresholds)) / self.noise)
        mean = levels[0] + (above * np.diff(levels)).sum(axis=1)
        mean_square = levels[0] ** 2 + above @ np.diff(levels**2)
        return mean, mean_square - mean**2


MOVIES = Taste(
    user_bias=0.45,
    item_bias=0.44,
    popularity_bias=0.28,
    factors=tuple((0.29 * 0.7 ** np.arange(10)).tolist()),
    noise=0.82,
    ratings=(1.0, 2.0, 3.0, 4.0, 5.0),
    thresholds=(-1.78, -1.09, -0.17, 0.89),
)
"""As of MovieLens 100K."""

HALF_STARS = Taste(
    user_bias=0.45,
    item_bias=0.35,
    popularity_bias=0.15,
    factors=(0.25, 0.18, 0.12),
    noise=0.75,
    ratings=tuple((np.arange(1, 11) / 2).tolist()),
    thresholds=(-1.85, -1.55, -1.25, -0.95, -0.6, -0.25, 0.15, 0.7, 1.25),
)
"""0.5 to 5, of films."""

BOOKS = Taste(
    user_bias=0.5,
    item_bias=0.3,
    popularity_bias=0.1,
    factors=(0.2, 0.1),
    noise=0.8,
    ratings=tuple(np.arange(1.0, 11.0).tolist()),
    thresholds=(-2.6, -2.3, -2.0, -1.7, -1.0, -0.68, -0.16, 0.44, 0.98),
)
"""1 to 10, mostly high, and hardly anything of it low-rank."""

_JOKES = np.arange(81) / 4 - 10
JOKES = Taste(
    user_bias=0.52,
    item_bias=0.2,
    popularity_bias=0.05,
    factors=(0.35, 0.25, 0.2, 0.15, 0.1),
    noise=0.7,
    ratings=tuple(_JOKES.tolist()),
    # The rating is 0.7 + 5.2 noisy scores, to the next quarter.
    thresholds=tuple(((_JOKES[:-1] + 0.125 - 0.7) / 5.2).tolist()),
)
"""−10 to 10 in quarters, as of Jester: users differ by far more than items."""

CLICKS = Taste(
    user_bias=0.5,
    item_bias=0.6,
    popularity_bias=0.3,
    factors=(0.6, 0.4, 0.3),
    noise=0.7,
    ratings=(0.0, 1.0),
    thresholds=(0.3,),
)
"""0 or 1."""


@dataclass(frozen=True)
class Truth:
    """The parameters behind a generated set.

    user_bias (n_users,), item_bias (n_items,), P (k, n_users), Q (k, n_items)
    """

    user_bias: Floats
    item_bias: Floats
    P: Floats
    Q: Floats

    @classmethod
    def draw(cls, shape: Shape, taste: Taste, popular: Floats, rng: np.random.Generator) -> Self:
        """`popular` (n_items,) is the items' standardised log popularity."""
        factors = np.array(taste.factors)
        return cls(
            taste.user_bias * rng.standard_normal(shape.n_users),
            taste.item_bias * rng.standard_normal(shape.n_items) + taste.popularity_bias * popular,
            rng.standard_normal((len(factors), shape.n_users)),
            factors[:, None] * rng.standard_normal((len(factors), shape.n_items)),
        )

    def score(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> Floats:
        """Scores without noise (n,)."""
        score: Floats = self.user_bias[users] + self.item_bias[items]
        # One factor at a time: no BLAS, whose sums differ between machines.
        for p, q in zip(self.P, self.Q, strict=True):
            score += p[users] * q[items]
        return score
