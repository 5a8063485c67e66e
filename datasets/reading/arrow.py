"""A table that has columns already -> those that play a role: parquet, feather, pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.reading.dialect import OPTION, Dialect, columns_by_name
from datasets.reading.layout import Layout
from datasets.reading.parsing import Columns, Texts, as_texts
from datasets.reading.sources import TABLES, Source, first_bytes

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = 2.0**53
"""Above it a float no longer tells two whole numbers apart."""


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
    if absent := [role for role in roles if role not in columns]:
        problem = f"the columns {', '.join(names)} name no {' and no '.join(absent)} column"
        raise DataError(problem, f"Name the columns: {OPTION}", where=where)
    if not len(table):
        raise DataError("the table has no ratings", "It needs one row each", where=where)
    seconds, texts = None, {}
    for role, column in columns.items():
        found = table.column(column.position - 1)
        if found.null_count and role != "rating":
            row = int(np.argmax(found.is_null().to_numpy(zero_copy_only=False)))
            problem = f"column {column.name!r} has {found.null_count:,} rows without a value"
            raise DataError(f"{problem}, the first is row {row + 1}", "Remove them", where=where)
        if role == "timestamp":
            seconds = _seconds(found)
            if seconds is not None:
                continue
        texts[role] = _texts(found, role, column.name, where)
    dialect = Dialect("", True, 0, columns, names, tuple(notes))
    return Columns(texts, seconds, "none", lambda row: row + 1, where), dialect


def _seconds(column: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Of whole numbers and of dates; None of another type."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        unit = pa.timestamp("us", tz=getattr(column.type, "tz", None))
        microseconds: NDArray[np.int64] = column.cast(unit).cast(pa.int64()).to_numpy()
        return microseconds // 1_000_000
    if pa.types.is_integer(column.type):
        whole: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
        return whole
    return None


def _texts(column: pa.ChunkedArray, role: str, name: str, where: object) -> Texts:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
        kind = column.type
    if pa.types.is_floating(kind) and role in ("user", "item"):
        largest = pc.max(pc.abs(column)).as_py()
        if not largest < EXACT:
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
