"""Ratings divided into a grid of blocks, so that threads never share a user or an item."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from datasets.ratings import Ratings
from impls.kernels.scaling import Scaling

RATING = np.dtype([("user", np.int32), ("item", np.int32), ("standard_score", np.float32)])
"""A rating, its value standardised, in one place: one read for all three. 12 bytes."""


class Blocks(NamedTuple):
    """A G × G grid: block g·G + h holds the ratings of user group g by item group h.

    The blocks g·G + (g + d) mod G of one diagonal d share neither users nor items.

    starts   int64 (G² + 1,)  start of each block in `ratings`
    ratings  RATING (n,)      block by block, within a block in the order of `train`
    """

    starts: NDArray[np.int64]
    ratings: NDArray[np.void]


def cut(
    train: Ratings, groups: int, threads: int, rng: np.random.Generator
) -> tuple[Blocks, Scaling]:
    """The grid, with users and items in `groups` random groups, and the scaling of its ratings."""
    starts, ratings, mean, sd = _cut(
        train.users,
        train.items,
        train.values,
        _drawn(train.n_users, groups, rng),
        _drawn(train.n_items, groups, rng),
        groups,
        threads,
    )
    return Blocks(starts, ratings), Scaling(mean, sd)


def _drawn(n: int, groups: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """A random group for each of n rows (n,), equally many in each group."""
    return rng.permutation((np.arange(n) % groups).astype(np.uint16))


@njit(parallel=True, cache=True)
def _cut(users, items, values, user_group, item_group, groups, threads):  # type: ignore[no-untyped-def]
    """A counting sort by block; each thread processes its share of the ratings."""
    n, blocks = len(users), groups * groups
    share = (np.arange(threads + 1) * n) // threads
    counts = np.zeros((threads, blocks), np.int64)
    sums = np.zeros((threads, 2))
    origin = np.float64(values[0])
    for thread in prange(threads):
        mine = counts[thread]
        total = squares = 0.0
        for row in range(share[thread], share[thread + 1]):
            mine[user_group[users[row]] * groups + item_group[items[row]]] += 1
            value = np.float64(values[row]) - origin  # squares far from 0 are less precise
            total += value
            squares += value * value
        sums[thread, 0], sums[thread, 1] = total, squares

    offset = sums[:, 0].sum() / n
    variance = sums[:, 1].sum() / n - offset**2
    mean, sd = origin + offset, variance**0.5 if variance > 0 else 1.0
    places = np.empty((threads, blocks), np.int64)
    starts = np.empty(blocks + 1, np.int64)
    place = 0
    for block in range(blocks):
        starts[block] = place
        for thread in range(threads):
            places[thread, block] = place
            place += counts[thread, block]
    starts[blocks] = n

    ratings = np.empty(n, RATING)
    for thread in prange(threads):
        next_place = places[thread]
        for row in range(share[thread], share[thread + 1]):
            u, i = users[row], items[row]
            block = user_group[u] * groups + item_group[i]
            place = next_place[block]
            next_place[block] = place + 1
            ratings[place].user, ratings[place].item = u, i
            ratings[place].standard_score = (values[row] - mean) / sd
    return starts, ratings, mean, sd
