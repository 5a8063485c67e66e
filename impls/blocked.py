"""Ratings cut into a grid of blocks, so that threads never share a user or an item."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from datasets.ratings import Ratings
from impls.scaling import Scaling

LINE = 16
"""Ratings read in a row before jumping elsewhere: a cache line of each array."""


class Blocks(NamedTuple):
    """A G × G grid: block g·G + h holds the ratings of user group g by item group h.

    The blocks g·G + (g + d) mod G of one diagonal d share neither users nor items.

    starts   int64 (G² + 1,)  where each block starts in the arrays below
    users    int32 (n,)
    items    int32 (n,)
    targets  float32 (n,)     as `Scaling` has them
    """

    starts: NDArray[np.int64]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    targets: NDArray[np.float32]


def cut(
    train: Ratings, groups: int, threads: int, rng: np.random.Generator
) -> tuple[Blocks, Scaling]:
    """The grid, users and items drawn into `groups` groups, and the scaling of its targets.

    Ratings are dealt out a few at a time from all over `train`, so that a block has them in
    scattered order, in whatever order they come.
    """
    lines = -(-len(train) // LINE)
    golden = int(lines * (math.sqrt(5) - 1) / 2)
    stride = next(a for a in range(max(golden, 1), 2 * lines + 2) if math.gcd(a, lines) == 1)
    *arrays, mean, sd = _cut(
        train.users,
        train.items,
        train.values,
        _drawn(train.n_users, groups, rng),
        _drawn(train.n_items, groups, rng),
        groups,
        threads,
        int(rng.integers(lines)),
        stride,
    )
    return Blocks(*arrays), Scaling(mean, sd)


def _drawn(n: int, groups: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """The group of each of n rows (n,), as many in one as in another."""
    return rng.permutation((np.arange(n) % groups).astype(np.uint16))


@njit(parallel=True, cache=True)
def _cut(users, items, values, user_group, item_group, groups, threads, first, stride):  # type: ignore[no-untyped-def]
    """A counting sort by block, in which each thread takes its share of the lines."""
    n = len(users)
    blocks = groups * groups
    lines = -(-n // LINE)
    share = (np.arange(threads + 1) * lines) // threads
    counts = np.zeros((threads, blocks), np.int64)
    sums = np.zeros((threads, 2))
    for thread in prange(threads):
        mine = counts[thread]
        total = squares = 0.0
        for line in range(share[thread], share[thread + 1]):
            start = (first + line * stride) % lines * LINE
            for row in range(start, min(start + LINE, n)):
                mine[user_group[users[row]] * groups + item_group[items[row]]] += 1
                total += values[row]
                squares += values[row] * values[row]
        sums[thread, 0], sums[thread, 1] = total, squares

    mean = sums[:, 0].sum() / n
    variance = sums[:, 1].sum() / n - mean**2
    sd = variance**0.5 if variance > 1e-9 * mean**2 else 1.0
    places = np.empty((threads, blocks), np.int64)
    starts = np.empty(blocks + 1, np.int64)
    place = 0
    for block in range(blocks):
        starts[block] = place
        for thread in range(threads):
            places[thread, block] = place
            place += counts[thread, block]
    starts[blocks] = n

    by_users, by_items = np.empty(n, np.int32), np.empty(n, np.int32)
    targets = np.empty(n, np.float32)
    for thread in prange(threads):
        next_place = places[thread]
        for line in range(share[thread], share[thread + 1]):
            start = (first + line * stride) % lines * LINE
            for row in range(start, min(start + LINE, n)):
                u, i = users[row], items[row]
                block = user_group[u] * groups + item_group[i]
                place = next_place[block]
                next_place[block] = place + 1
                by_users[place], by_items[place] = u, i
                targets[place] = (values[row] - mean) / sd
    return starts, by_users, by_items, targets, mean, sd
