"""Columns in any order -> a Dataset in canonical order, with its fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import Dataset, Ratings
from datasets.readers import Table


def assemble(
    name: str, table: Table, scale: tuple[float, float] | None = None, *, where: object = ""
) -> Dataset:
    """Sort by (user, item), let the last rating of a pair count, take the fingerprint.

    `scale` defaults to the lowest and highest rating. Raises DataError where there are fewer
    than two users or items, or a rating lies outside `scale`.
    """
    for kind, ids in (("user", table.user_ids), ("item", table.item_ids)):
        if len(ids) < 2:
            raise DataError(
                f"all ratings are of one {kind} ({kind} {ids[0]})",
                f"Give ratings of at least two {kind}s",
                where=where,
            )
    rows = _canonical_rows(table)
    values = table.values[rows]
    observed = float(values.min()), float(values.max())
    lowest, highest = scale or observed
    if observed[0] < lowest or observed[1] > highest:
        raise DataError(
            f"ratings {observed[0]:g} to {observed[1]:g}; {name} has {lowest:g} to {highest:g}",
            f"Give the ratings of {name}, or name the file by its path",
            where=where,
        )
    ratings = Ratings(
        table.users[rows].astype(np.int32),
        table.items[rows].astype(np.int32),
        values,
        len(table.user_ids),
        len(table.item_ids),
        (lowest, highest),
    )
    return Dataset(
        name,
        ratings,
        table.user_ids,
        table.item_ids,
        fingerprint(ratings, table.user_ids, table.item_ids),
        None if table.timestamps is None else table.timestamps[rows],
        duplicates=len(table.values) - len(rows),
    )


def fingerprint(ratings: Ratings, user_ids: NDArray[Any], item_ids: NDArray[Any]) -> str:
    """SHA-256 of the triples in canonical order, in hexadecimal.

    Hashed are the sorted ids, the codes that stand for them and the float32 ratings, all
    little-endian: equal triples, and only they, give equal bytes.
    """
    digest = hashlib.sha256()
    for ids in (user_ids, item_ids):
        numbers = ids.dtype.kind == "i"
        written = ids.astype("<i8").tobytes() if numbers else json.dumps(ids.tolist()).encode()
        digest.update(f"{'integers' if numbers else 'text'} {len(ids)} {len(written)}\n".encode())
        digest.update(written)
    for array, dtype in ((ratings.users, "<i4"), (ratings.items, "<i4"), (ratings.values, "<f4")):
        digest.update(array.astype(dtype, copy=False).data)
    return digest.hexdigest()


def _canonical_rows(table: Table) -> NDArray[np.int64]:
    """Positions in the table by (user, item), of each pair the last one only."""
    pairs = table.users * len(table.item_ids) + table.items
    if (pairs[1:] > pairs[:-1]).all():
        return np.arange(len(pairs))
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    is_last = np.append(pairs[1:] != pairs[:-1], True)
    return np.compress(is_last, order)
