"""Ratings that are in memory -> a Dataset, so that a notebook can use an implementation."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from datasets.assemble import assemble
from datasets.errors import DataError
from datasets.ratings import Dataset
from datasets.reading.arrow import columns_of_table
from datasets.reading.layout import Layout
from datasets.reading.report import Column
from datasets.reading.table import table_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NAME = "ratings in memory"

Missing = str | float | Sequence[str | float]
Zeros = Literal["missing", "ratings"] | None


def from_frame(
    frame: pd.DataFrame,
    *,
    user: Hashable = "user",
    item: Hashable = "item",
    rating: Hashable = "rating",
    timestamp: Hashable | None = None,
    missing: Missing = (),
    zeros: Zeros = None,
    date_format: str | None = None,
) -> Dataset:
    """The ratings in these columns of a frame, by the rules that a file is read by.

    missing      ratings that stand for "not rated": such rows are left out
    zeros        whether a rating of 0 is one or stands for "not rated"
    date_format  of timestamps that are text, as `strptime` takes it

    Warns of what was assumed. Raises DataError for a column that is not there or has no place
    there, rows without a value, and ratings that no model can be measured on (fewer than two
    users or items, all equal).
    """
    if not hasattr(frame, "columns"):
        kind = type(frame).__name__
        raise DataError(f"a {kind} is no frame", "Give a pandas DataFrame, or use from_arrays")
    names = {"user": user, "item": item, "rating": rating}
    names |= {} if timestamp is None else {"timestamp": timestamp}
    known: list[Hashable] = list(frame.columns)
    for role, name in names.items():
        if known.count(name) != 1:
            problem = f"the frame has {known.count(name) or 'no'} column {name!r} for the {role}"
            raise DataError(problem, f"It has {', '.join(map(str, known))}")
    columns = {
        role: Column(str(name), known.index(name) + 1, "given") for role, name in names.items()
    }
    values = {role: frame[name] for role, name in names.items()}
    return _from_columns(values, columns, missing, zeros, date_format)


def from_arrays(
    users: ArrayLike,
    items: ArrayLike,
    ratings: ArrayLike,
    timestamps: ArrayLike | None = None,
    *,
    missing: Missing = (),
    zeros: Zeros = None,
    date_format: str | None = None,
) -> Dataset:
    """The ratings `ratings[n]` of user `users[n]` and item `items[n]`, each (n,); ids are integers
    or text, timestamps seconds since 1970 or dates. Otherwise as `from_frame`."""
    values: dict[str, Any] = {"user": users, "item": items, "rating": ratings}
    values |= {} if timestamps is None else {"timestamp": timestamps}
    columns = {role: Column(role, n, "given") for n, role in enumerate(values, 1)}
    return _from_columns(values, columns, missing, zeros, date_format)


def _from_columns(
    values: Mapping[str, Any],
    columns: Mapping[str, Column],
    missing: Missing,
    zeros: Zeros,
    date_format: str | None,
) -> Dataset:
    import pyarrow as pa

    if zeros not in (None, "missing", "ratings"):
        raise DataError(f"zeros={zeros!r}", "It is 'missing', 'ratings' or None")
    absent = [missing] if isinstance(missing, str | int | float) else missing
    arrays = {role: _array(role, each) for role, each in values.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{len(array):,} of {role}" for role, array in arrays.items())
        raise DataError(f"the columns differ in length: {lengths}", "Give one value per rating")
    layout = Layout(
        {role: str(n) for n, role in enumerate(arrays, 1)},
        missing=tuple(map(str, absent)),
        zeros=zeros,
        date_format=date_format,
    )
    roles = ("user", "item", "rating")
    read, dialect = columns_of_table(pa.table(arrays), layout, roles, NAME)
    table = table_of(read, replace(dialect, columns=columns), layout)
    dataset = assemble(NAME, table, where=NAME)
    assert dataset.reading is not None
    for note in dataset.reading.notes:
        warnings.warn(note, stacklevel=3)
    return dataset


def _array(role: str, values: Any) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        if not hasattr(values, "dtype"):  # a list: pyarrow keeps what NumPy would make floats of
            values = list(values)
            if any(isinstance(each, int) and each >= 2**63 for each in values):
                values = np.array(values, np.uint64)
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        problem = f"the {role} column cannot be read ({str(error)[:100]})"
        raise DataError(problem, "Give one column of numbers, or one of text") from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
