"""A ratings file -> its columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.reading.dialect import Dialect, find_dialect
from datasets.reading.parsing import Texts, parse
from datasets.reading.sources import Source


@dataclass(frozen=True)
class Table:
    """The columns of a ratings file in file order, ids coded by their sorted labels.

    users, items  int64 (n,) positions in user_ids, item_ids
    values        float32 (n,), all finite
    timestamps    int64 (n,) seconds, or None
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float32]
    user_ids: NDArray[np.int64] | NDArray[np.str_]
    item_ids: NDArray[np.int64] | NDArray[np.str_]
    timestamps: NDArray[np.int64] | None


def read(source: Source) -> Table:
    """Parse a delimited file of ratings; its layout is detected from its first line.

    Raises DataError with file and line for anything that is not a rating.
    """
    dialect = find_dialect(source)
    numeric = _read_numbers(source, dialect)
    if numeric is not None:
        return numeric
    texts = Texts.read(source, dialect)
    users, user_ids = texts.ids("user")
    items, item_ids = texts.ids("item")
    timestamps = texts.times() if "timestamp" in dialect.columns else None
    return Table(users, items, texts.ratings(), user_ids, item_ids, timestamps)


def _read_numbers(source: Source, dialect: Dialect) -> Table | None:
    """The fast way, for ids that are integers; None where the file has to be read as text."""
    import pandas as pd

    types = {"user": np.int64, "item": np.int64, "rating": np.float64, "timestamp": np.float64}
    try:
        frame = parse(source, dialect, types)
    except (ValueError, OverflowError):
        return None
    user_ids, item_ids = frame["user"].to_numpy(), frame["item"].to_numpy()
    if frame.empty or user_ids.min() < 0 or item_ids.min() < 0:
        return None
    with np.errstate(over="ignore"):
        values = frame["rating"].to_numpy().astype(np.float32)
    seconds = frame["timestamp"].to_numpy() if "timestamp" in frame else None
    if not np.isfinite(values).all() or not (seconds is None or _fit_int64(seconds)):
        return None
    users, user_ids = pd.factorize(user_ids, sort=True)
    items, item_ids = pd.factorize(item_ids, sort=True)
    timestamps = None if seconds is None else seconds.astype(np.int64)
    return Table(users, items, values, user_ids, item_ids, timestamps)


def _fit_int64(seconds: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(seconds).all() and (np.abs(seconds) < 2**63).all())
