"""From a dataset's name or path to its ratings: found, parsed once, cached."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from datasets import cache, synthetic
from datasets.assemble import assemble, fingerprint, fold_sources, with_folds
from datasets.download import downloaded, fetch, not_available, verify
from datasets.entries import CATALOG, IMPLICIT, Entry
from datasets.errors import DataError
from datasets.ratings import Dataset, Ratings
from datasets.reading.layout import AS_DETECTED, Layout
from datasets.reading.sources import RATINGS_FILES, Source, file_source
from datasets.reading.table import read

__all__ = ["CATALOG", "Entry", "find", "load"]


def load(name_or_path: str, layout: Layout = AS_DETECTED, *, download: bool = True) -> Dataset:
    """A dataset by its name in the catalog or by the path of its file.

    A named dataset is searched under `$RATEBENCH_DATA`, then in the cache, then downloaded; a
    synthetic one is generated. After the first time it is read from the columnar cache. `layout`
    is of a file that has no name in the catalog. Raises DataError for bad input and NotAvailable
    where a named dataset cannot be obtained.
    """
    if name_or_path == IMPLICIT:
        return _implicit(load("ml-100k", download=download), IMPLICIT)
    if name_or_path in synthetic.RECIPES:
        stamp = synthetic.stamp(name_or_path)
        return _cached(name_or_path, stamp, lambda: synthetic.generate(name_or_path))
    entry = CATALOG.get(name_or_path)
    if entry is None:
        path = _existing(name_or_path)
        return _from_file(Entry(path.name.split(".")[0], scale=None), path, layout)
    if provided := _in_data_folder(entry):
        return _from_file(entry, provided)
    archive = downloaded(entry)
    # The checksum of an archive is not computed again while its columns are cached.
    if archive.is_file() and (cached := cache.load(entry.name, _stamp(entry, archive))):
        return cached
    if not archive.is_file() and not download:
        raise not_available(entry, "downloading was not requested")
    with fetch(entry) as archive:
        return _from_file(entry, archive)


def find(name: str) -> str | None:
    """Where `load` would find a named dataset now: "$RATEBENCH_DATA", "cache", or None.

    Nothing is downloaded or generated. Raises KeyError for a name that is not in the catalog.
    """
    if name in synthetic.RECIPES:
        return "cache" if cache.holds(name, synthetic.stamp(name)) else None
    entry = CATALOG["ml-100k" if name == IMPLICIT else name]
    if _in_data_folder(entry):
        return "$RATEBENCH_DATA"
    return "cache" if downloaded(entry).is_file() else None


def _in_data_folder(entry: Entry) -> Path | None:
    """Unpacked files first, then archives; the folder may have its name in the archive."""
    if not (named := os.environ.get("RATEBENCH_DATA")):
        return None
    root = Path(named).expanduser()
    member = PurePosixPath(entry.member)
    folders = (root / entry.name, root / entry.name / member.parent, root / member.parent)
    unpacked = (folder / file for folder in folders for file in (member.name, *RATINGS_FILES))
    archives = (root / entry.name / entry.archive, root / entry.archive)
    return next((path for path in (*unpacked, *archives) if path.is_file()), None)


def _existing(path: str) -> Path:
    """`path`, if it exists; else the error suggests a name of the catalog."""
    found = Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises for ~nobody
    if not found.exists():
        near = difflib.get_close_matches(path, CATALOG, n=1)
        guess = f"Did you mean {near[0]}? " if near else ""
        raise DataError(
            f"{path!r} is neither a dataset of the catalog nor a file",
            f"{guess}Give the path of a ratings file or one of {', '.join(CATALOG)}",
        )
    return found


def _stamp(entry: Entry, path: Path, layout: Layout = AS_DETECTED) -> cache.Stamp:
    """Path, scale, size and time of each file that the dataset is read from, and its layout."""
    files = [path]
    if entry.folds and path.suffix != ".zip":
        files += [source.path for source in fold_sources(Source(path)).values()]
    states = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [str(path.absolute()), entry.scale, states, layout.options()]


def _from_file(entry: Entry, path: Path, layout: Layout = AS_DETECTED) -> Dataset:
    if not path.is_file():
        file_source(path)  # raises: a folder or a pipe has no state to cache by
    stamp = _stamp(entry, path, layout)
    return _cached(entry.name, stamp, lambda: _parsed(entry, path, layout))


def _cached(name: str, stamp: cache.Stamp, build: Callable[[], Dataset]) -> Dataset:
    """The cached dataset; else the one that `build` returns, which is then stored."""
    dataset = cache.load(name, stamp)
    if dataset is None:
        dataset = build()
        cache.store(dataset, stamp)
    return dataset


def _parsed(entry: Entry, path: Path, layout: Layout) -> Dataset:
    source = file_source(path)
    verify(entry, path)
    dataset = assemble(entry.name, read(source, layout), entry.scale, where=path)
    if entry.fingerprint not in (None, dataset.fingerprint):
        raise DataError(
            f"these are not the ratings of {entry.name}: fingerprint "
            f"{dataset.fingerprint[:12]}…, expected {entry.fingerprint[:12]}…",
            "Fetch the dataset again, or name the file by its path",
            where=path,
        )
    return with_folds(dataset, fold_sources(source)) if entry.folds else dataset


def _implicit(explicit: Dataset, name: str) -> Dataset:
    """Binary feedback: all users × items of `explicit`, 1 where rated, else 0; no timestamps."""
    ratings = explicit.ratings
    rated = np.zeros((ratings.n_users, ratings.n_items), dtype=np.float32)
    rated[ratings.users, ratings.items] = 1
    users, items = np.indices(rated.shape, dtype=np.int32)
    pairs = Ratings(
        users.ravel(), items.ravel(), rated.ravel(), ratings.n_users, ratings.n_items, (0.0, 1.0)
    )
    user_ids, item_ids = explicit.user_ids, explicit.item_ids
    return Dataset(name, pairs, user_ids, item_ids, fingerprint(pairs, user_ids, item_ids))
