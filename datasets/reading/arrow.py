"""A table that has columns already -> those that play a role: parquet, feather, pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.reading.dialect import AS_THE_RATINGS, Dialect, columns_by_name, option, problem_of
from datasets.reading.layout import Layout
from datasets.reading.parsing import Columns, Texts, as_texts
from datasets.reading.sources import TABLES, Source, first_bytes

if TYPE_CHECKING:
    import pyarrow as pa

EXACT, EXACT_32 = 2.0**53, 2.0**24
"""Above it a float of 64, and of 32 bits, no longer tells two whole numbers apart."""


def open_table(source: Source) -> pa.Table | None:
    """The table in a parquet or feather file; None for another file.

    Raises DataError where it is damaged.
    """
    if source.member is not None or not first_bytes(source.path).startswith(TABLES):
        return None
    import pyarrow as pa
    from pyarrow import feather, parquet

    try:
        if first_bytes(source.path).startswith(b"PAR1"):
            table = parquet.ParquetFile(source.path).read()
        else:
            table = feather.read_table(source.path, memory_map=False)
        table.validate(full=True)  # pyarrow would read beyond the buffers of a damaged file
    except (pa.ArrowException, MemoryError, OSError, RuntimeError, ValueError) as error:
        problem = f"is damaged or not such a file ({str(error)[:200]})"
        raise DataError(problem, "Write it again, or save it as CSV", where=source) from error
    return table


def columns_of_table(
    table: pa.Table, layout: Layout, roles: Sequence[str], where: object
) -> tuple[Columns, Dialect]:
    """The columns that play a role, by their names. Raises DataError where one is missing, of a
    type that has no place there, or has no value in a row."""
    names = [str(name) for name in table.column_names]
    columns, notes = columns_by_name(names, layout, roles)
    columns = {role: c for role, c in columns.items() if role in (*roles, "timestamp")}
    if problem := problem_of(columns, names, layout, roles):
        remedy = AS_THE_RATINGS if layout.lenient else f"Name the columns: {option(roles)}"
        raise DataError(problem, remedy, where=where)
    if not len(table):
        raise DataError("the table has no ratings", "It needs one row each", where=where)
    texts, whole, microseconds = {}, None, None
    for role, column in columns.items():
        found = _plain(table.column(column.position - 1))
        if role != "rating":
            _refuse_missing(found, column.name, where)
        if role == "timestamp" and _is_of_dates(found):
            microseconds = _microseconds(found)
        elif role == "timestamp" and (whole := _whole_numbers(found)) is not None:
            pass
        else:
            texts[role] = _texts(found, role, column.name, where)
    dialect = Dialect("", True, 0, columns, names, tuple(notes))
    read = Columns(texts, whole, "none", lambda row: row + 1, where, microseconds)
    return read, dialect


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without a dictionary, and of a type that pyarrow computes with."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())
    elif pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    return column


def _refuse_missing(column: pa.ChunkedArray, name: str, where: object) -> None:
    import pyarrow.compute as pc

    missing = pc.is_null(column, nan_is_null=True).to_numpy()
    if n := int(missing.sum()):
        problem = f"column {name!r} has {n:,} row{'s' * (n != 1)} without a value"
        first = f"{problem}, the first is row {int(np.argmax(missing)) + 1}"
        raise DataError(first, "Remove them", where=where)


def _is_of_dates(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def _microseconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Since 1970; what is finer is cut off."""
    import pyarrow as pa

    unit = pa.timestamp("us", tz=getattr(column.type, "tz", None))
    microseconds: NDArray[np.int64] = column.cast(unit, safe=False).cast(pa.int64()).to_numpy()
    return microseconds


def _whole_numbers(column: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """None for another type, and for numbers that are too large, which are then read as text."""
    import pyarrow as pa

    if not pa.types.is_integer(column.type):
        return None
    try:
        whole: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return whole


def _texts(column: pa.ChunkedArray, role: str, name: str, where: object) -> Texts:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_floating(kind) and role in ("user", "item"):
        largest = pc.max(pc.abs(column)).as_py()
        if not largest < (EXACT_32 if kind == pa.float32() else EXACT):
            problem = f"column {name!r} holds ids as floats, which are not exact at {largest:g}"
            raise DataError(problem, "Write ids as integers or text", where=where)
    if pa.types.is_integer(kind) and role in ("user", "item"):
        codes, values = _factorized(column.to_numpy())
        return Texts(codes, values)
    if not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    ):
        problem = f"column {name!r} is of type {kind}, which is no {role}"
        raise DataError(problem, "Give numbers or text", where=where)
    if pa.types.is_floating(kind):
        codes, values = _factorized(column.to_numpy(zero_copy_only=False))
        return Texts(codes, pa.array([_written(value) for value in values.tolist()]))
    filled = pc.fill_null(column.cast(pa.string()), "")
    return as_texts(pa.chunked_array(filled).dictionary_encode())


def _written(value: float) -> str:
    """Whole numbers below 2^53 without an exponent."""
    return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)


def _factorized(values: NDArray[np.generic]) -> tuple[NDArray[np.int32], NDArray[np.generic]]:
    import pandas as pd

    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes.astype(np.int32), np.asarray(distinct)
