"""The start and the order of the implementations that update on one rating at a time.

With equal seeds and hyperparameters `numpy_sgd`, `autograd_mf` and, on a CPU with batches of 1,
`sparse_embedding_mf` start from the same factors and visit the ratings in the same order: each
draws the factors first, then one permutation per epoch, from `np.random.default_rng(seed)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import Ratings

Initialisation = Literal["normal", "uniform"]

BLOCK = 1 << 16
"""Ratings that are Python numbers at a time: fast to read, but 100 bytes each."""


def initial_factors(
    rng: np.random.Generator,
    train: Ratings,
    factors: int,
    initialisation: Initialisation,
    std: float,
    dtype: str,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """P (n_users, factors) and Q (n_items, factors), of `dtype`.

    Entries are normal(0, `std`), or uniform on [0, 1), which `std` does not change.
    """

    def draw(rows: int) -> NDArray[np.floating]:
        shape = (rows, factors)
        drawn = rng.random(shape) if initialisation == "uniform" else rng.normal(0.0, std, shape)
        return drawn.astype(dtype)

    return draw(train.n_users), draw(train.n_items)


def in_random_order(
    rng: np.random.Generator, train: Ratings, response: NDArray[np.floating]
) -> Iterator[tuple[int, int, float]]:
    """One epoch: every (user, item, response) once, as Python numbers, in a new order.

    response  (n,)  of the ratings of `train`
    """
    order = rng.permutation(len(train))
    for start in range(0, len(train), BLOCK):
        rows = order[start : start + BLOCK]
        yield from zip(
            train.users[rows].tolist(),
            train.items[rows].tolist(),
            response[rows].tolist(),
            strict=True,
        )
