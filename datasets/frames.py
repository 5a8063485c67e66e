"""Ratings that are in memory -> a Dataset, so that a notebook can use an implementation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from datasets.assemble import assemble
from datasets.errors import DataError
from datasets.ratings import Dataset
from datasets.reading.arrow import columns_of_table
from datasets.reading.layout import Layout
from datasets.reading.table import table_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NAME = "ratings in memory"


def from_frame(
    frame: pd.DataFrame,
    *,
    user: str = "user",
    item: str = "item",
    rating: str = "rating",
    timestamp: str | None = None,
    missing: Sequence[str | float] = (),
    zeros: Literal["missing", "ratings"] | None = None,
) -> Dataset:
    """The ratings in these columns of a frame, by the rules that a file is read by.

    missing  ratings that stand for "not rated": such rows are left out
    zeros    whether a rating of 0 is one or stands for "not rated"

    Raises DataError for a column that is not there or has no place there, rows without a value,
    and ratings that no model can be measured on (fewer than two users or items, all equal).
    """
    columns = {"user": user, "item": item, "rating": rating}
    columns |= {} if timestamp is None else {"timestamp": timestamp}
    if absent := [name for name in columns.values() if name not in frame.columns]:
        known = ", ".join(map(str, frame.columns))
        raise DataError(f"the frame has no column {', '.join(absent)}", f"It has {known}")
    return _from_columns({role: frame[name] for role, name in columns.items()}, missing, zeros)


def from_arrays(
    users: ArrayLike,
    items: ArrayLike,
    ratings: ArrayLike,
    timestamps: ArrayLike | None = None,
    *,
    missing: Sequence[str | float] = (),
    zeros: Literal["missing", "ratings"] | None = None,
) -> Dataset:
    """The ratings `ratings[n]` of user `users[n]` and item `items[n]`, each (n,); ids are integers
    or text, timestamps seconds since 1970 or dates. Otherwise as `from_frame`."""
    columns: dict[str, Any] = {"user": users, "item": items, "rating": ratings}
    columns |= {} if timestamps is None else {"timestamp": timestamps}
    return _from_columns(columns, missing, zeros)


def _from_columns(
    columns: dict[str, Any],
    missing: Sequence[str | float],
    zeros: Literal["missing", "ratings"] | None,
) -> Dataset:
    import pyarrow as pa

    arrays = {role: _array(role, values) for role, values in columns.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{len(array):,} of {role}" for role, array in arrays.items())
        raise DataError(f"the columns differ in length: {lengths}", "Give one value per rating")
    layout = Layout({role: role for role in arrays}, missing=tuple(map(str, missing)), zeros=zeros)
    table = pa.table(arrays)
    read = columns_of_table(table, layout, ("user", "item", "rating"), NAME)
    return assemble(NAME, table_of(*read, layout), where=NAME)


def _array(role: str, values: Any) -> pa.ChunkedArray:
    import numpy as np
    import pyarrow as pa

    if not hasattr(values, "dtype"):
        values = np.asarray(values)
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        problem = f"the {role} column has values of several types ({str(error)[:100]})"
        raise DataError(problem, "Give numbers or text alone") from error
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
