"""Ratings made from a seed, whose irreducible error is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.assemble import fingerprint
from datasets.pairs import Shape, draw_pairs
from datasets.ratings import Dataset, Ratings

VERSION = 1
"""Raised whenever equal shapes give other ratings than before."""

USER_BIAS = 0.42
ITEM_BIAS = 0.40
POPULARITY = 0.25
FACTOR_SCALES = 0.30 * 0.85 ** np.arange(12)
NOISE = 0.85
THRESHOLDS = np.array([-1.78, -1.08, -0.16, 0.92])
_BLOCK = 1 << 20


def generate(name: str, shape: Shape, seed: int = 20) -> Dataset:
    rng = np.random.default_rng(seed)
    users, items, popularity = draw_pairs(shape, rng)
    truth = Truth.draw(shape, popularity[items], popularity, rng)
    values = np.empty(len(users), dtype=np.float32)
    error = 0.0
    for start in range(0, len(users), _BLOCK):
        rows = slice(start, start + _BLOCK)
        score = truth.score(users[rows], items[rows])
        noisy = score + NOISE * rng.standard_normal(len(score))
        values[rows] = 1 + np.searchsorted(THRESHOLDS, noisy)
        error += moments(score)[1].sum()
    ratings = Ratings(users, items, values, shape.n_users, shape.n_items, (1.0, 5.0))
    return ratings, truth, float(np.sqrt(error / len(users)))


def moments(score):
    from scipy.special import ndtr
    above = ndtr((score[:, None] - THRESHOLDS) / NOISE)  # P(rating > k), (n, 4)
    mean = 1 + above.sum(axis=1)
    square = 1 + above @ np.array([3, 5, 7, 9])
    return mean, square - mean**2


@dataclass
class Truth:
    user_bias: object
    item_bias: object
    P: object
    Q: object

    @classmethod
    def draw(cls, shape, drawn, popularity, rng):
        lp = np.log(popularity)
        m, s = np.log(drawn).mean(), np.log(drawn).std()
        k = len(FACTOR_SCALES)
        return cls(
            USER_BIAS * rng.standard_normal(shape.n_users),
            ITEM_BIAS * rng.standard_normal(shape.n_items) + POPULARITY * (lp - m) / s,
            rng.standard_normal((k, shape.n_users)),
            FACTOR_SCALES[:, None] * rng.standard_normal((k, shape.n_items)),
        )

    def score(self, u, i):
        s = self.user_bias[u] + self.item_bias[i]
        for p, q in zip(self.P, self.Q):
            s += p[u] * q[i]
        return s
