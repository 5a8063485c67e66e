"""The columns of a file -> a Dataset in canonical order, with fingerprint and official folds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import Dataset, Ratings
from datasets.reading.sources import Source, archive_members
from datasets.reading.table import Table, read

FOLDS = ("u1", "u2", "u3", "u4", "u5")
"""The official folds: files beside MovieLens 100K's ratings."""


def assemble(
    name: str,
    table: Table,
    scale: tuple[float, float] | None = None,
    *,
    where: object = "",
    whole: bool = True,
) -> Dataset:
    """Sort by (user, item), drop all but one rating of a pair, compute the fingerprint.

    Of a pair that was rated again the latest rating counts, and of equal times, or without times,
    the last one in the file. `scale` defaults to the lowest and highest rating. Raises DataError
    where there are fewer than two users or items, all ratings are equal, or one is outside
    `scale`.

    whole  whether the table is a dataset by itself; a part of one may be of one user, one item or
           one rating
    """
    for kind, ids in (("user", table.user_ids), ("item", table.item_ids)):
        if whole and len(ids) < 2:
            raise DataError(
                f"all ratings are of one {kind} ({kind} {ids[0]})",
                f"Give ratings of at least two {kind}s",
                where=where,
            )
    rows = _canonical_rows(table)
    values = table.values[rows]
    observed = float(values.min()), float(values.max())
    if whole and observed[0] == observed[1]:
        raise DataError(
            f"all ratings are {observed[0]:g}: there is nothing to predict",
            "Give ratings that differ; of purchases or clicks, add pairs without one as 0",
            where=where,
        )
    lowest, highest = scale or observed
    if observed[0] < lowest or observed[1] > highest:
        raise DataError(
            f"ratings {observed[0]:g} to {observed[1]:g}; {name} has {lowest:g} to {highest:g}",
            f"Give the ratings of {name}, or name the file by its path",
            where=where,
        )
    ratings = Ratings(
        table.users[rows],
        table.items[rows],
        values,
        len(table.user_ids),
        len(table.item_ids),
        (lowest, highest),
    )
    duplicates = len(table.values) - len(values)
    reading = table.reading
    if reading and duplicates:
        rule = "the last line counts" if table.latest is None else "the latest time counts"
        reading = replace(reading, duplicate_rule=rule)
    return Dataset(
        name,
        ratings,
        table.user_ids,
        table.item_ids,
        fingerprint(ratings, table.user_ids, table.item_ids),
        None if table.timestamps is None else table.timestamps[rows],
        duplicates=duplicates,
        reading=reading,
        moments=None if table.order is None else table.order[rows],
    )


def fingerprint(ratings: Ratings, user_ids: NDArray[Any], item_ids: NDArray[Any]) -> str:
    """SHA-256 of the triples in canonical order, in hexadecimal.

    The sorted ids, their codes and the float32 ratings are hashed, all little-endian: only
    equal triples give equal bytes.
    """
    digest = hashlib.sha256()
    for ids in (user_ids, item_ids):
        numbers = ids.dtype.kind in "iu"
        written = ids.astype("<u8").tobytes() if numbers else json.dumps(ids.tolist()).encode()
        digest.update(f"{'integers' if numbers else 'text'} {len(ids)} {len(written)}\n".encode())
        digest.update(written)
    for array, dtype in ((ratings.users, "<i4"), (ratings.items, "<i4"), (ratings.values, "<f4")):
        digest.update(array.astype(dtype, copy=False).data)
    return digest.hexdigest()


def _canonical_rows(table: Table) -> NDArray[np.int64] | slice:
    """Positions in the table, sorted by (user, item); of each pair only the one that counts. A
    slice, which copies nothing, where they are in this order already."""
    pairs = table.users.astype(np.int64) * len(table.item_ids) + table.items
    if (pairs[1:] > pairs[:-1]).all():
        return slice(None)
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    is_last = np.append(pairs[1:] != pairs[:-1], True)
    if table.latest is not None and not is_last.all():
        rated_again = ~is_last | ~np.append(True, is_last[:-1])
        rows = order[rated_again]
        # Stable: of equal times the last line is last.
        order[rated_again] = rows[np.lexsort((table.latest[rows], pairs[rated_again]))]
    return np.compress(is_last, order)


def fold_sources(ratings: Source) -> dict[str, Source]:
    """Fold name -> its test file, for those that exist beside `ratings`."""
    if ratings.member is None:
        beside = {name: Source(ratings.path.with_name(f"{name}.test")) for name in FOLDS}
        return {name: source for name, source in beside.items() if source.path.is_file()}
    members = archive_members(ratings.path)
    inside = {name: str(PurePosixPath(ratings.member).with_name(f"{name}.test")) for name in FOLDS}
    return {name: Source(ratings.path, at) for name, at in inside.items() if at in members}


def with_folds(dataset: Dataset, sources: dict[str, Source]) -> Dataset:
    """The dataset with its official test folds; their pairs must be among its ratings."""
    folds = {name: _test_rows(dataset, source) for name, source in sources.items()}
    return replace(dataset, folds=folds)


def _test_rows(dataset: Dataset, source: Source) -> NDArray[np.bool_]:
    """True for the ratings that the fold's test file names. (n,)"""
    ratings = dataset.ratings
    table = read(source)
    users = np.searchsorted(dataset.user_ids, table.user_ids)[table.users]
    items = np.searchsorted(dataset.item_ids, table.item_ids)[table.items]
    pairs = ratings.users.astype(np.int64) * ratings.n_items + ratings.items
    rows = np.searchsorted(pairs, users * ratings.n_items + items).clip(max=len(pairs) - 1)
    same = (
        np.array_equal(dataset.user_ids[ratings.users[rows]], table.user_ids[table.users])
        and np.array_equal(dataset.item_ids[ratings.items[rows]], table.item_ids[table.items])
        and np.array_equal(ratings.values[rows], table.values)
    )
    if not same:
        raise DataError(
            "this fold has ratings that the whole dataset lacks",
            "Fetch the archive again, or remove the fold files",
            where=source,
        )
    is_test = np.zeros(len(pairs), dtype=bool)
    is_test[rows] = True
    return is_test
