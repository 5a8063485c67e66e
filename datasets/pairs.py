"""Which user rates which item: long-tailed degrees on both sides, no pair twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 20
"""Ratings of the least active user, as in MovieLens."""

_USER_TAIL = 2.0


@dataclass(frozen=True)
class Shape:
    """The size of a generated set and the form of its degree distributions.

    busiest      ratings of the most active user
    head, power, cutoff
                 popularity of the item at relative rank x in (0, 1) is
                 (x + head)^-power · exp(-cutoff · x): a Zipf-Mandelbrot law with a cut-off
    """

    n_users: int
    n_items: int
    n_ratings: int
    busiest: int
    head: float
    power: float
    cutoff: float


def draw_pairs(
    shape: Shape, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    degrees = rng.permutation(_user_degrees(shape))
    rank = (np.arange(shape.n_items) + 0.5) / shape.n_items
    popularity = (rank + shape.head) ** -shape.power * (1 - rank) ** shape.cutoff
    popularity = rng.permutation(popularity / popularity.sum())
    items = np.full(shape.n_ratings, -1, dtype=np.int32)
    # Every item gets one rating somewhere, so that none is left out.
    seats = rng.choice(shape.n_ratings, shape.n_items, replace=False)
    items[seats] = np.arange(shape.n_items)
    _compiled_fill()(items, degrees, np.cumsum(popularity), rng)
    users = np.repeat(np.arange(shape.n_users, dtype=np.int32), degrees)
    return users, items, popularity


def _user_degrees(shape: Shape) -> NDArray[np.int64]:
    """Evenly spaced quantiles of a truncated Lomax law, sum n_ratings."""
    from scipy.optimize import brentq

    u = (np.arange(shape.n_users) + 0.5) / shape.n_users
    longest = shape.busiest - LEAST

    def excess(scale: float) -> NDArray[np.float64]:
        reached = 1 - (1 + longest / scale) ** -_USER_TAIL
        return scale * ((1 - reached * u) ** (-1 / _USER_TAIL) - 1)

    wanted = shape.n_ratings - LEAST * shape.n_users
    scale = brentq(lambda scale: excess(scale).sum() - wanted, 1e-3, 1e9)
    # Rounding the running sum keeps the total exact.
    return LEAST + np.diff(np.round(np.cumsum(excess(scale))), prepend=0).astype(np.int64)


def _compiled_fill() -> Any:
    from numba import njit

    @njit
    def fill(items, degrees, cumulative, rng):
        seen = np.full(len(cumulative), -1, dtype=np.int32)
        stop = 0
        for user, degree in enumerate(degrees):
            start, stop = stop, stop + degree
            own = items[start:stop]
            for item in own:
                if item >= 0:
                    seen[item] = user
            for row in range(degree):
                while own[row] < 0:
                    item = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
                    if seen[item] != user:
                        seen[item] = user
                        own[row] = item
            own.sort()

    return fill
