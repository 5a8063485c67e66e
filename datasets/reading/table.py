"""A ratings file -> its columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.reading.dialect import Dialect, find_dialect, named_columns, split
from datasets.reading.layout import Layout
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


def read_pairs(path: Path, layout: Layout) -> tuple[list[str], list[str], list[str]]:
    """Raw users, raw items and notes of a file of pairs: by header, else the first two columns.

    Raises DataError with file and line for a line without a user and an item.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError("there is no such file", "Check the path", where=path) from None
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read as UTF-8 text: {error}"
        raise DataError(problem, "Save it as CSV in UTF-8", where=path) from None
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise DataError("holds no pairs", "Give one user,item per line", where=path)
    first = numbered[0][1]
    delimiter = layout.delimiter or next((mark for mark in "\t,;" if mark in first), ",")
    fields = [field.strip() for field in split(first, delimiter)]
    places = named_columns(fields)
    places |= {r: fields.index(c) for r, c in layout.columns.items() if c in fields}
    header = {"user", "item"} <= places.keys()
    user, item = (places["user"], places["item"]) if header else (0, 1)
    users, items = [], []
    for number, line in numbered[header:]:
        found = [field.strip() for field in split(line, delimiter)]
        if len(found) <= max(user, item) or not (found[user] and found[item]):
            problem = f"a user and an item are needed, found {line!r}"
            raise DataError(problem, "Correct the line", where=path, line=number)
        users.append(found[user])
        items.append(found[item])
    ignored = [name for n, name in enumerate(fields) if n not in (user, item)] if header else []
    return users, items, [f"not read: {', '.join(ignored)}"] * bool(ignored)
