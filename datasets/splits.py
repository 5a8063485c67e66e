"""A dataset and the name of a split -> training, validation and test ratings."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import UNKNOWN, Dataset, HeldOut, Ratings, Split

GRAMMAR = "random:80/10/10, time:80/10/10, 5-fold, u1 … u5, leave-last, given, given:90/10"

LEAVE_LAST = "leave-last"
LEAVE_LAST_TEST = f"{LEAVE_LAST}:test"

GIVEN = "given"
"""The fold of a dataset whose test part is a file of its own, and the split that goes by it."""

PEEK = "peek:"
"""Before a split's name: the same split, with its test part as its validation part, too."""

Parts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Rows of the dataset for training, validation and test."""

_PARTITION_SEED = 0

_CLOSE_ENOUGH = 0.02
"""How far a cut in time may be from where its share has it, as a part of all ratings."""

_NO_ROWS = np.empty(0, dtype=np.int64)


def cut(dataset: Dataset, name: str, seed: int = 0) -> Split:
    """Cut a dataset; equal arguments give equal splits.

    random:80/10/10  train/validation/test in per cent, at random by `seed`. Any whole shares that
                     add to 100; two of them are train/test, without a validation part
    time:80/10/10    the same by time: the earliest ratings of all are train, the latest test.
                     The seed decides nothing here
    leave-last       of each user with three or more ratings, the latest is test and the one
                     before it validation; equal times are ordered at random, and where no user
                     has two different times that is an error. leave-last:test is the same
                     test part, and what would be validation is training, too
    5-fold           part `seed` mod 5 of five random test parts, which together are the whole
                     set and are the same for every seed: seeds 0 … 4 are a cross-validation.
                     Any K-fold from 2-fold on; no validation part
    u1 … u5          the official folds of MovieLens 100K, no validation part
    given            the test file of the user (`datasets.given`), no validation part; with
                     given:90/10 the train file is train/validation in per cent, at random
    peek:SPLIT       training and test part of any other SPLIT, and the test part again as the
                     validation part: to see what is claimed by who reads the test part in
                     training. What SPLIT has for validation is in no part

    Ratings of one time are never in two parts of time:…, so a cut moves to the nearest change of
    time. Where that would make a share wrong by more than two per cent of all ratings, the split
    is an error that names the shares that the times allow.

    The training part is in random order. Contiguous ids are assigned from that part alone.
    Raises DataError for an unknown name, shares that do not add to 100, a fold or timestamps that
    the dataset lacks, and a part that would be empty.
    """
    if name.startswith(PEEK):
        fair = _cut(dataset, beneath(name), seed)
        return replace(fair, name=name, validation=fair.test)
    return _cut(dataset, name, seed)


def _cut(dataset: Dataset, name: str, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    train, validation, test = _rows(dataset, name, seed, rng)
    too_few = len(dataset.ratings) < (folds(name) or 0)
    requested = [train, test, *([validation] if _has_validation(name) else [])]
    if too_few or not all(map(len, requested)):
        raise DataError(
            f"split {name} of {len(dataset.ratings)} ratings leaves a part empty",
            "Use more ratings or another split",
            where=dataset.name,
        )
    return _build(dataset, name, seed, (rng.permutation(train), validation, test))


def whole(dataset: Dataset, seed: int = 0) -> Split:
    """All ratings as the training part, in random order; nothing is held out. For the model that
    is to predict, once it is chosen."""
    rows = np.random.default_rng(seed).permutation(len(dataset.ratings))
    return _build(dataset, "whole", seed, (rows, _NO_ROWS, _NO_ROWS))


def beneath(name: str) -> str:
    """SPLIT of peek:SPLIT; the name of any other split as it is."""
    return name.removeprefix(PEEK)


def folds(name: str) -> int | None:
    """K of a split called K-fold, whose repeats are the K folds; None of any other."""
    found = re.fullmatch(r"([1-9]\d*)-fold", beneath(name))
    return int(found[1]) if found and int(found[1]) >= 2 else None


def is_in_time(name: str) -> bool:
    """Whether the split's test ratings are later than others, so that it needs timestamps."""
    return name in (LEAVE_LAST, LEAVE_LAST_TEST) or name.startswith("time:")


def is_given(name: str) -> bool:
    """Whether the test part is a file of the user's own."""
    return name.partition(":")[0] == GIVEN


def decided_by(dataset: Dataset, name: str) -> str:
    """Digest of what decides the split beside the ratings, its name and the seed.

    The timestamps of a split in time, the test part of a given one; "" for any other, the
    official folds included, which belong to the ratings of their dataset.
    """
    array: NDArray[Any] | None = None
    if is_in_time(beneath(name)):
        array = dataset.order
    elif is_given(beneath(name)):
        array = dataset.folds.get(GIVEN)
    if array is None:
        return ""
    return hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()[:16]


def ends_in_time(
    times: NDArray[np.int64], percents: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order of the times (n,), and where in it each share but the last ends.

    An end is moved to the nearest change of time, of two as near the earlier one; where all times
    are equal it is 0.
    """
    order = np.argsort(times, kind="stable")
    changes = np.append(0, np.flatnonzero(np.diff(times[order])) + 1)
    ideal = np.cumsum(percents[:-1]) * len(times) / 100
    at = np.searchsorted(changes, ideal).clip(max=len(changes) - 1)
    earlier, later = changes[np.maximum(at - 1, 0)], changes[at]
    return order, np.where(ideal - earlier <= np.abs(later - ideal), earlier, later)


def _rows(dataset: Dataset, name: str, seed: int, rng: np.random.Generator) -> Parts:
    n = len(dataset.ratings)
    kind, _, shares = name.partition(":")
    if kind == "random" and shares:
        train, validation, test = np.split(rng.permutation(n), _ends(_shares(name), n))
        return train, validation, test
    if kind == "time" and shares:
        return _by_time(dataset, name)
    if kind == GIVEN and (shares or name == GIVEN):
        return _given(dataset, name, rng)
    if k := folds(name):
        parts = np.array_split(np.random.default_rng(_PARTITION_SEED).permutation(n), k)
        test = parts.pop(seed % k)
        return np.concatenate(parts), _NO_ROWS, test
    if re.fullmatch(r"u[1-5]", name):
        return _official(dataset, name)
    if name in (LEAVE_LAST, LEAVE_LAST_TEST):
        train, validation, test = _leave_last(dataset, rng)
        if name == LEAVE_LAST:
            return train, validation, test
        return np.concatenate([train, validation]), _NO_ROWS, test
    raise DataError(f"there is no split {name!r}", f"Splits are {GRAMMAR}")


def _has_validation(name: str) -> bool:
    """Whether a split's name asks for a validation part."""
    shares = name.partition(":")[2]
    if is_given(name):
        return bool(shares)
    if name in (LEAVE_LAST, LEAVE_LAST_TEST):
        return name == LEAVE_LAST
    return bool(shares) and _shares(name)[1] > 0


def _shares(name: str) -> list[int]:
    """Train, validation and test of `kind:80/10/10`, in per cent; without a middle one it is 0."""
    kind, _, shares = name.partition(":")
    if not re.fullmatch(r"\d{1,3}(/\d{1,3}){1,2}", shares, re.ASCII):
        raise DataError(
            f"the shares of split {name!r} are not two or three whole numbers",
            f"Give them in per cent: {kind}:75/25 or {kind}:80/10/10",
        )
    percents = [int(part) for part in shares.split("/")]
    if sum(percents) != 100:
        raise DataError(
            f"the shares of split {name} add to {sum(percents)}, not to 100",
            f"Give shares that do, such as {kind}:75/25",
        )
    return percents if len(percents) == 3 else [percents[0], 0, percents[1]]


def _ends(percents: Sequence[int], n: int) -> NDArray[np.int64]:
    """Where each share of `n` but the last ends."""
    return np.round(np.cumsum(percents[:-1]) * n / 100).astype(np.int64)


def _official(dataset: Dataset, name: str) -> Parts:
    if name not in dataset.folds:
        raise DataError(
            f"there is no official fold {name}",
            "Only ml-100k in GroupLens' folder or archive has u1 … u5; use 5-fold",
            where=dataset.name,
        )
    is_test = dataset.folds[name]
    return np.flatnonzero(~is_test), _NO_ROWS, np.flatnonzero(is_test)


def _given(dataset: Dataset, name: str, rng: np.random.Generator) -> Parts:
    if GIVEN not in dataset.folds:
        raise DataError(
            f"split {name} needs a test file",
            "Give it: --dataset train.csv --test test.csv",
            where=dataset.name,
        )
    is_test = dataset.folds[GIVEN]
    rest, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if name == GIVEN:
        return rest, _NO_ROWS, test
    train, between, validation = _shares(name)
    if between:
        raise DataError(
            f"split {name} has three shares, and its test part is a file of its own",
            "Give two, for training and validation: given:90/10",
        )
    rest = rng.permutation(rest)
    [end] = _ends([train, validation], len(rest))
    return rest[:end], rest[end:], test


def _timestamps(dataset: Dataset, name: str) -> NDArray[np.int64]:
    if dataset.order is None:
        raise DataError(
            f"{name} needs timestamps, and no column of them was found",
            "Name their column (--columns timestamp=…), give one, or use a random split",
            where=dataset.name,
        )
    return dataset.order


def _by_time(dataset: Dataset, name: str) -> Parts:
    percents, times = _shares(name), _timestamps(dataset, name)
    order, ends = ends_in_time(times, percents)
    n = len(order)
    missed = np.abs(ends - np.cumsum(percents[:-1]) * n / 100)
    if missed.max() > max(1, _CLOSE_ENOUGH * n):
        distinct = len(np.unique(times))
        raise DataError(
            f"{name} would cut apart ratings of one time: {n} ratings have "
            f"{distinct} distinct time{'s' * (distinct > 1)}",
            _shares_instead(times, percents),
            where=dataset.name,
        )
    train, validation, test = np.split(order, ends)
    return train, validation, test


def _shares_instead(times: NDArray[np.int64], percents: Sequence[int]) -> str:
    """The remedy: the nearest shares that cut between two times, where no part is then empty."""
    n = len(times)
    changes = np.flatnonzero(np.diff(np.sort(times))) + 1
    ideal = np.cumsum([percent for percent in percents if percent])[:-1] * n / 100
    # Of the changes near one end another end may need one, too: so as many as there are ends.
    near = [np.argsort(np.abs(changes - end), kind="stable")[: len(ideal)] for end in ideal]
    cuts = itertools.combinations(changes[np.unique(near)], len(ideal))
    best = min(cuts, key=lambda cut: np.abs(np.array(cut) - ideal).max(), default=())
    shares = np.diff([0, *np.round(100 * np.array(best) / n).astype(int), 100]).tolist()
    if not best or not all(shares):
        return "Use other shares or a random split"
    return f"The nearest cut that does not is time:{'/'.join(map(str, shares))}"


def _leave_last(dataset: Dataset, rng: np.random.Generator) -> Parts:
    users, times = dataset.ratings.users, _timestamps(dataset, "leave-last")
    order = np.lexsort((rng.random(len(users)), times, users))
    counts = np.bincount(users, minlength=dataset.ratings.n_users)
    ends = np.cumsum(counts)[counts >= 3]
    latest, earliest = times[order[ends - 1]], times[order[ends - counts[counts >= 3]]]
    if len(ends) and (latest == earliest).all():
        raise DataError(
            "leave-last would be a random split: of the users with three or more ratings "
            f"({len(ends):,}) none has two different times",
            "Give a column with the time of each rating, or use a random split",
            where=dataset.name,
        )
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
        dataset.timestamps[test] if dataset.timestamps is not None and is_in_time(name) else None,
    )


def _contiguous(ids: NDArray[np.int32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The ids that occur, sorted, and the code (size,) of every id; UNKNOWN if it does not."""
    present = np.flatnonzero(np.bincount(ids, minlength=size))
    code = np.full(size, UNKNOWN, dtype=np.int32)
    code[present] = np.arange(len(present), dtype=np.int32)
    return present, code
