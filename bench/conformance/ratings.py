"""Ratings whose structure is known, few enough for a loop over single ratings."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from datasets import catalog, splits
from datasets.ratings import HeldOut, Ratings, Split
from impls.protocol import Implementation

SCALE = (0.0, 6.0)
NOISE = 0.3
"""Standard deviation of the noise in `noisy`, which no model can predict."""


@functools.cache
def tiny() -> Ratings:
    """600 ratings of 40 users and 30 items: for what holds at any accuracy."""
    return low_rank(40, 30, 600, noise=NOISE, seed=1)[0]


@functools.cache
def noisy() -> tuple[Ratings, HeldOut]:
    """1,200 ratings to learn from and 300 held out, of biases, a product of rank 2 and noise."""
    return low_rank(50, 40, 1_200, noise=NOISE, seed=2)


@functools.cache
def exact() -> tuple[Ratings, HeldOut]:
    """The same without noise: 640 ratings and 160 held out, four of five pairs."""
    return low_rank(40, 25, 640, noise=0.0, seed=3)


@functools.cache
def additive() -> tuple[Ratings, HeldOut]:
    """User and item biases and nothing else: 640 ratings and 160 held out."""
    return low_rank(40, 25, 640, noise=0.0, seed=6, rank=0)


@functools.cache
def ml_100k() -> Split | None:
    """MovieLens 100K, 80/10/10 by seed 0; None if it is not on this machine."""
    if catalog.find("ml-100k") is None:
        return None
    return splits.cut(catalog.load("ml-100k", download=False), "random:80/10/10", 0)


def low_rank(
    n_users: int, n_items: int, n: int, noise: float, seed: int, rank: int = 2
) -> tuple[Ratings, HeldOut]:
    """`n` ratings and `n` / 4 held out, in random order: 3 + b_u + c_i + p_u·q_i + noise."""
    rng = np.random.default_rng(seed)
    users, items = np.divmod(rng.permutation(n_users * n_items)[: n + n // 4], n_items)
    b, c = 0.4 * rng.standard_normal(n_users), 0.4 * rng.standard_normal(n_items)
    P, Q = (0.65 * rng.standard_normal((size, rank)) for size in (n_users, n_items))
    score = 3 + b[users] + c[items] + np.einsum("nk,nk->n", P[users], Q[items])
    values = np.clip(score + noise * rng.standard_normal(len(score)), *SCALE)
    train = Ratings(users[:n], items[:n], values[:n], n_users, n_items, SCALE)
    return train, HeldOut(users[n:], items[n:], values[n:])


def rescaled(ratings: Ratings, lowest: float, highest: float) -> Ratings:
    """The same ratings on another scale."""
    low, high = ratings.scale
    values = lowest + (ratings.values - low) * (highest - lowest) / (high - low)
    return dataclasses.replace(ratings, values=values, scale=(lowest, highest))


def thresholded(ratings: Ratings) -> Ratings:
    """1 for a rating above the middle of the scale, else 0."""
    values = (ratings.values > sum(ratings.scale) / 2).astype(np.float32)
    return dataclasses.replace(ratings, values=values, scale=(0.0, 1.0))


def all_pairs(ratings: Ratings) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Every user with every item: users (n,), items (n,)."""
    users, items = np.divmod(np.arange(ratings.n_users * ratings.n_items), ratings.n_items)
    return users.astype(np.int32), items.astype(np.int32)


def rmse(model: Implementation, ratings: Ratings | HeldOut) -> float:
    """Unclipped, over ratings whose users and items are all known."""
    errors = model.predict(ratings.users, ratings.items) - ratings.values
    return float(np.sqrt(np.mean(errors.astype(np.float64) ** 2)))
