"""Which user rates which item: long-tailed degrees on both sides, no pair twice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shape:
    """The size of a generated set and the form of its degree distributions.

    busiest  ratings of the most active user
    head, power, taper
             an item at relative rank x in (0, 1) is drawn with a probability proportional to
             (x + head)^-power · (1 - x)^taper, the generalised beta law of ranked data
             (Martínez-Mekler et al. 2009): a power law that falls off at the rare end
    fewest   ratings of the least active user; 20 as in MovieLens
    tail     exponent of the Lomax law of the users: P(more than x ratings) falls as x^-tail
    """

    n_users: int
    n_items: int
    n_ratings: int
    busiest: int
    head: float
    power: float
    taper: float
    fewest: int = 20
    tail: float = 2.0


def draw_pairs(
    shape: Shape, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Users (n,), items (n,) sorted by user, then item; and each item's popularity (n_items,).

    Each item is rated at least once; beyond that a user's items are drawn by popularity
    without replacement, independently of how they will be rated.
    """
    degrees = rng.permutation(_user_degrees(shape))
    rank = (np.arange(shape.n_items) + 0.5) / shape.n_items
    popularity = (rank + shape.head) ** -shape.power * (1 - rank) ** shape.taper
    popularity = rng.permutation(popularity / popularity.sum())
    items = np.full(shape.n_ratings, -1, dtype=np.int32)
    seats = rng.choice(shape.n_ratings, shape.n_items, replace=False)
    items[seats] = np.arange(shape.n_items)
    _compiled_fill()(items, degrees, np.cumsum(popularity), rng)
    users = np.repeat(np.arange(shape.n_users, dtype=np.int32), degrees)
    return users, items, popularity


def _user_degrees(shape: Shape) -> NDArray[np.int64]:
    """Evenly spaced quantiles of a truncated Lomax law, of sum n_ratings. (n_users,)"""
    from scipy.optimize import brentq

    quantile = (np.arange(shape.n_users) + 0.5) / shape.n_users
    longest = shape.busiest - shape.fewest

    def beyond_fewest(scale: float) -> NDArray[np.float64]:
        reached = 1 - (1 + longest / scale) ** -shape.tail
        excess: NDArray[np.float64] = scale * ((1 - reached * quantile) ** (-1 / shape.tail) - 1)
        return excess

    wanted = shape.n_ratings - shape.fewest * shape.n_users
    scale = brentq(lambda scale: float(beyond_fewest(scale).sum()) - wanted, 1e-3, 1e9)
    # The running sum is rounded, not the degrees, so that the total is exact.
    running = np.round(np.cumsum(beyond_fewest(scale))).astype(np.int64)
    return shape.fewest + np.diff(running, prepend=0)


def _fill(
    items: NDArray[np.int32],
    degrees: NDArray[np.int64],
    cumulative: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Fill the places of `items` that hold -1, user after user, and sort each user's items."""
    seen = np.full(len(cumulative), -1)  # the last user who has each item
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


@cache
def _compiled_fill() -> Any:
    import numba

    return numba.njit(_fill)
