"""Small rating sets and short fits for the tests of implementations."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from datasets.ratings import HeldOut, Ratings
from impls.protocol import Implementation
from impls.registry import IMPLEMENTATIONS

ON_CUDA_ALONE = {"triton_sgd"}
NAMES = sorted(
    name for name in IMPLEMENTATIONS.keys() - ON_CUDA_ALONE if not name.startswith("peer:")
)
"""The built-in ones that run on a CPU; tests/impls/peers has those that wrap a library."""
TRAINED = [name for name in NAMES if name not in ("global_mean", "bias", "blend")]
"""Those with epochs."""
SAME_MATHS = ["numpy_sgd", "autograd_mf", "sparse_embedding_mf"]


def class_of(name: str) -> type[Any]:
    module, _, class_name = IMPLEMENTATIONS[name].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), class_name)
    return found


def make(name: str, **hyperparameters: Any) -> Any:
    """The implementation, with two epochs unless `hyperparameters` has another number."""
    if name in TRAINED:
        hyperparameters = {"epochs": 2} | hyperparameters
    if name == "blend":  # of rows that are quick
        hyperparameters = {"of": ("bias", "als")} | hyperparameters
    return class_of(name)(**hyperparameters)


def low_rank(n_users: int, n_items: int, rank: int = 2, seed: int = 0) -> tuple[Ratings, HeldOut]:
    """Ratings 1 … 5 of biases and a matrix of low rank, 40 % of it for training and 5 % held out.

    Every user and every item has training ratings.
    """
    rng = np.random.default_rng(seed)
    P, Q = rng.normal(size=(n_users, rank)), rng.normal(size=(n_items, rank))
    b_user, b_item = rng.normal(0, 0.4, (n_users, 1)), rng.normal(0, 0.4, n_items)
    values = 3 + b_user + b_item + 0.8 * P @ Q.T / np.sqrt(rank)
    values = values.clip(1, 5).ravel().astype(np.float32)
    cells = rng.permutation(n_users * n_items)
    train, held_out = np.split(cells[: int(0.45 * len(cells))], [int(0.4 * len(cells))])
    users, items = np.divmod(train, n_items)
    return (
        Ratings(users, items, values[train], n_users, n_items, (1.0, 5.0)),
        HeldOut(*np.divmod(held_out, n_items), values[held_out]),
    )


def rmse(model: Implementation, held_out: HeldOut) -> float:
    known = held_out.known
    predicted = model.predict(held_out.users[known], held_out.items[known]).clip(1, 5)
    return float(np.sqrt(np.mean((predicted - held_out.values[known]) ** 2)))
