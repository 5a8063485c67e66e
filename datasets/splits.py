"""A dataset and the name of a split -> training, validation and test ratings."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import UNKNOWN, Dataset, HeldOut, Ratings, Split

GRAMMAR = "random:80/10/10, random:90/10, random:80/20, 5-fold, u1 … u5, leave-last"

Parts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Rows of the dataset for training, validation and test."""

_PARTITION_SEED = 0

_NO_ROWS = np.empty(0, dtype=np.int64)


def cut(dataset: Dataset, name: str, seed: int) -> Split:
    """Cut a dataset; equal arguments give equal splits.

    random:80/10/10  train/validation/test in per cent, at random by `seed`
    random:90/10     train/test in per cent, no validation part
    5-fold           part `seed` mod 5 of five random test parts, which together are the whole
                     set and are the same for every seed: seeds 0 … 4 are a cross-validation.
                     Any K-fold from 2-fold on; no validation part
    u1 … u5          the official folds of MovieLens 100K, no validation part
    leave-last       of each user with three or more ratings, the latest is test and the one
                     before it validation; equal times are ordered at random

    The training part is in random order and its ids are made contiguous from itself alone.
    Raises DataError for an unknown name, a fold or timestamps that the dataset lacks, and a
    part that would be empty.
    """
    rng = np.random.default_rng(seed)
    train, validation, test = _rows(dataset, name, seed, rng)
    too_few = len(dataset.ratings) < (folds(name) or 0)
    if too_few or not len(train) or not len(test):
        raise DataError(
            f"split {name} of {len(dataset.ratings)} ratings leaves a part empty",
            "Use more ratings or another split",
            where=dataset.name,
        )
    return _build(dataset, name, seed, (rng.permutation(train), validation, test))


def folds(name: str) -> int | None:
    """K of a split called K-fold, whose repeats are the K folds; None of any other."""
    found = re.fullmatch(r"([1-9]\d*)-fold", name)
    return int(found[1]) if found and int(found[1]) >= 2 else None


def _rows(dataset: Dataset, name: str, seed: int, rng: np.random.Generator) -> Parts:
    n = len(dataset.ratings)
    if found := re.fullmatch(r"random:(\d+)/(\d+)(?:/(\d+))?", name):
        percents = [int(part) for part in found.groups(default="0")]
        if found.group(3) is None:
            percents = [percents[0], 0, percents[1]]
        if sum(percents) == 100:
            ends = np.round(np.cumsum(percents[:2]) * n / 100).astype(np.int64)
            train, validation, test = np.split(rng.permutation(n), ends)
            return train, validation, test
    if k := folds(name):
        parts = np.array_split(np.random.default_rng(_PARTITION_SEED).permutation(n), k)
        test = parts.pop(seed % k)
        return np.concatenate(parts), _NO_ROWS, test
    if re.fullmatch(r"u[1-5]", name):
        return _official(dataset, name)
    if name == "leave-last":
        return _leave_last(dataset, rng)
    raise DataError(f"there is no split {name!r}", f"Splits are {GRAMMAR}")


def _official(dataset: Dataset, name: str) -> Parts:
    if name not in dataset.folds:
        raise DataError(
            f"there is no official fold {name}",
            "Only ml-100k in GroupLens' folder or archive has u1 … u5; use 5-fold",
            where=dataset.name,
        )
    is_test = dataset.folds[name]
    return np.flatnonzero(~is_test), _NO_ROWS, np.flatnonzero(is_test)


def _leave_last(dataset: Dataset, rng: np.random.Generator) -> Parts:
    if dataset.timestamps is None:
        raise DataError(
            "leave-last needs timestamps and this file has none",
            "Give a fourth column with the time of each rating, or use a random split",
            where=dataset.name,
        )
    users = dataset.ratings.users
    order = np.lexsort((rng.random(len(users)), dataset.timestamps, users))
    counts = np.bincount(users, minlength=dataset.ratings.n_users)
    ends = np.cumsum(counts)[counts >= 3]
    held_out = np.zeros(len(users), dtype=bool)
    held_out[ends - 1] = held_out[ends - 2] = True
    return order[~held_out], order[ends - 2], order[ends - 1]


def _build(dataset: Dataset, name: str, seed: int, parts: Parts) -> Split:
    """Copy each part's ratings; indexing with arrays never shares memory."""
    ratings = dataset.ratings
    train, validation, test = parts
    users, user_code = _contiguous(ratings.users[train], ratings.n_users)
    items, item_code = _contiguous(ratings.items[train], ratings.n_items)

    def held_out(rows: NDArray[np.int64]) -> HeldOut:
        return HeldOut(
            user_code[ratings.users[rows]], item_code[ratings.items[rows]], ratings.values[rows]
        )

    return Split(
        name,
        seed,
        Ratings(
            user_code[ratings.users[train]],
            item_code[ratings.items[train]],
            ratings.values[train],
            len(users),
            len(items),
            ratings.scale,
        ),
        held_out(validation),
        held_out(test),
        dataset.user_ids[users],
        dataset.item_ids[items],
    )


def _contiguous(ids: NDArray[np.int32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The ids that occur, sorted, and the code (size,) of every id; UNKNOWN if it does not."""
    present = np.flatnonzero(np.bincount(ids, minlength=size))
    code = np.full(size, UNKNOWN, dtype=np.int32)
    code[present] = np.arange(len(present), dtype=np.int32)
    return present, code
