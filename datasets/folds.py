"""The official folds u1 … u5 that lie beside MovieLens 100K's ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.ratings import Dataset
from datasets.readers import read
from datasets.sources import Source, archive_members

FOLDS = ("u1", "u2", "u3", "u4", "u5")


def fold_sources(ratings: Source) -> dict[str, Source]:
    """Fold name -> its test file, for those that lie beside `ratings`."""
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
            "this fold holds ratings that the whole set lacks",
            "Fetch the archive again, or remove the fold files",
            where=source,
        )
    is_test = np.zeros(len(pairs), dtype=bool)
    is_test[rows] = True
    return is_test
