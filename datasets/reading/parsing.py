"""A delimited file -> its columns as text, in which each fault can be named by its line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError, shown
from datasets.reading.dialect import Dialect
from datasets.reading.lines import (
    BLOCK_BYTES,
    UNIT_SEPARATOR,
    Blocks,
    Record,
    is_regular,
    lines,
    records,
)
from datasets.reading.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

FIX = "Correct or remove the line"


@dataclass(frozen=True)
class Texts:
    """One column by its distinct values.

    codes   int32 (n,) positions in `values`
    values  the distinct texts; or an array of integers, of a table that has such a column
    """

    codes: NDArray[np.int32]
    values: list[str] | NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """The columns of a file that play a role.

    texts    role -> its column
    seconds  int64 (n,) where the timestamps are whole numbers, which then are not in `texts`
    quoting  what quotes mean in it, as `Reading.quoting` says
    line_of  data row, from 0 -> its line, where there are lines
    where    the file, for errors
    """

    texts: dict[str, Texts]
    seconds: NDArray[np.int64] | None
    quoting: str
    line_of: Callable[[int], int | None]
    where: object

    def __len__(self) -> int:
        return len(self.texts["user"].codes)

    def refuse(self, role: str, bad: NDArray[np.bool_], problem: str, remedy: str = FIX) -> None:
        """Raise DataError for the first row whose value is bad; `bad` is over the distinct
        values."""
        if not bad.any():
            return
        column = self.texts[role]
        row = int(np.argmax(bad[column.codes]))
        value = shown(str(column.values[column.codes[row]]))
        raise DataError(f"{problem}: {value}", remedy, where=self.where, line=self.line_of(row))


class _IrregularQuotesError(Exception):
    """The file has quotes that parsers read in different ways."""


class _NotWholeError(Exception):
    """The timestamps are not all whole numbers."""


def read_columns(source: Source, dialect: Dialect) -> Columns:
    """Read the columns that play a role.

    Every line is held to the dialect's number of fields. Raises DataError for a damaged
    container, text that is not UTF-8, a line with more or fewer fields, and a file without rows.
    """
    across_lines, quoting = False, "none"
    try:
        table, quoted = _parsed(source, dialect)
        quoting = "quoted fields" if quoted else "none"
    except _IrregularQuotesError:
        across_lines, lone = _find_quoting(source, dialect)
        quoting = f"quotes that open no quoted field are characters ({lone} lines)"
        if across_lines:
            quoting = "quoted fields, some with line breaks"
        table = _split_here(source, dialect, across_lines)
    if not len(table):
        raise DataError("the file has no ratings", "It needs one line each", where=source)
    seconds = None
    if "timestamp" in dialect.columns and not _is_dictionary(table["timestamp"]):
        seconds = table["timestamp"].to_numpy()
    roles = [role for role in dialect.columns if role != "timestamp" or seconds is None]
    texts = {role: as_texts(table[role]) for role in roles}

    def line_of(row: int) -> int | None:
        found = _data(source, dialect, across_lines)
        return next(islice((number for number, _ in found), row, None), None)

    return Columns(texts, seconds, quoting, line_of, source)


def as_texts(column: pa.ChunkedArray) -> Texts:
    """A dictionary-encoded column of text."""
    column = column.unify_dictionaries()
    parts = [chunk.indices.to_numpy() for chunk in column.chunks if len(chunk)]
    values: list[str] = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    return Texts(np.concatenate(parts or [np.empty(0, np.int32)]), values)


def _is_dictionary(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(column.type))


def _parsed(source: Source, dialect: Dialect) -> tuple[pa.Table, bool]:
    """The table, and whether there are quotes. Raises _IrregularQuotesError."""
    has_quotes = False

    def prepare(block: bytes) -> bytes:
        nonlocal has_quotes
        if dialect.delimiter == "::":
            return _without(UNIT_SEPARATOR, source, block).replace(b"::", b"\x1f")
        if b'"' in block:
            has_quotes = True
            if dialect.delimiter == " " or not is_regular(block, dialect.delimiter):
                raise _IrregularQuotesError
        if dialect.delimiter == " ":
            block = re.sub(rb"[ \t]*(\r\n|\n|\r|\Z)[ \t]*", rb"\1", block.strip(b" \t"))
            return re.sub(rb"[ \t]+", b"\x1f", _without(UNIT_SEPARATOR, source, block))
        return block

    def parsed(seconds_are_whole: bool) -> pa.Table:
        with source.open() as stream:
            blocks = Blocks(source, stream, dialect.skip, prepare)
            delimiter = UNIT_SEPARATOR if dialect.delimiter in ("::", " ") else dialect.delimiter
            return _table(source, dialect, blocks, delimiter, seconds_are_whole=seconds_are_whole)

    try:
        return parsed(seconds_are_whole=True), has_quotes
    except _NotWholeError:
        return parsed(seconds_are_whole=False), has_quotes


def _without(character: str, source: Source, block: bytes) -> bytes:
    if character.encode() in block:
        raise _control_character(source)
    return block


def _control_character(source: Source) -> DataError:
    return DataError(
        "holds the control character U+001F",
        "Remove it",
        where=source,
        line=next((n for n, line in lines(source) if UNIT_SEPARATOR in line), None),
    )


def _split_here(source: Source, dialect: Dialect, across_lines: bool) -> pa.Table:
    """The table of a file whose lines only this project splits as they are meant."""
    text = io.BytesIO()
    for number, fields in _data(source, dialect, across_lines):
        line = UNIT_SEPARATOR.join(fields)
        if line.count(UNIT_SEPARATOR) != len(fields) - 1:
            raise _control_character(source)
        if "\n" in line and any("\n" in fields[c.position - 1] for c in dialect.columns.values()):
            problem = "a quoted id, rating or time holds a line break"
            raise DataError(problem, "Close or remove the quote", where=source, line=number)
        text.write(line.replace("\n", " ").encode() + b"\n")
    for whole in (True, False):
        text.seek(0)
        try:
            return _table(source, dialect, text, UNIT_SEPARATOR, seconds_are_whole=whole)
        except _NotWholeError:
            continue
    raise AssertionError("a column of text is always read")


def _find_quoting(source: Source, dialect: Dialect) -> tuple[bool, int]:
    """Whether quoted fields hold line breaks, and how many lines have quotes that are characters.

    They hold none where the lines by themselves have the right number of fields.
    """
    lone = 0
    for _, fields in _data(source, dialect, across_lines=False):
        if not _fits(fields, dialect):
            break
        lone += any(field.lstrip().startswith('"') for field in fields)
    else:
        return False, lone
    for number, fields in _data(source, dialect, across_lines=True):
        if not _fits(fields, dialect):
            raise _ragged(source, dialect, number, fields)
    return True, 0


def _fits(fields: list[str], dialect: Dialect) -> bool:
    return len(fields) == dialect.width


def _data(source: Source, dialect: Dialect, across_lines: bool) -> Iterator[Record]:
    found = records(source, dialect.delimiter, across_lines=across_lines)
    return (each for each in found if each[0] > dialect.skip)


def _ragged(source: Source, dialect: Dialect, line: int, fields: list[str]) -> DataError:
    """A line with more or fewer fields than it should have."""
    first = "header" if dialect.header else "first line"
    opens = [field for field in fields if field.lstrip().startswith('"')]
    if dialect.delimiter != "::" and opens:
        problem = f"a quote is never closed: {shown(opens[0])}"
        return DataError(problem, "Close or remove it", where=source, line=line)
    problem = f"{len(fields)} column{'s' * (len(fields) != 1)}, the {first} has {dialect.width}"
    remedy = "Correct the line, or put a field that holds the delimiter in quotes"
    return DataError(problem, remedy, where=source, line=line)


def _table(
    source: Source,
    dialect: Dialect,
    text: Any,
    delimiter: str,
    *,
    seconds_are_whole: bool,
) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    of_text = pa.dictionary(pa.int32(), pa.string())
    types = dict.fromkeys(dialect.columns, of_text)
    if "timestamp" in types and seconds_are_whole:
        types["timestamp"] = pa.int64()
    roles = {column.position: role for role, column in dialect.columns.items()}
    names = [roles.get(n, f"unused {n}") for n in range(1, dialect.width + 1)]
    try:
        return csv.read_csv(
            text,
            csv.ReadOptions(column_names=names, block_size=2 * BLOCK_BYTES),
            csv.ParseOptions(
                delimiter=delimiter,
                quote_char=False if delimiter == UNIT_SEPARATOR else '"',
                invalid_row_handler=lambda row: "error" if row.text.strip() else "skip",
            ),
            csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if seconds_are_whole and "conversion error to int64" in str(error):
            raise _NotWholeError from None
        raise _unparsable(source, dialect, str(error)) from error


def _unparsable(source: Source, dialect: Dialect, message: str) -> DataError:
    """The error of a failed parse, in terms of the file."""
    if message.startswith("Empty CSV file"):
        return DataError("the file has no ratings", "It needs one line each", where=source)
    if "UTF8" in message:
        line = next((n for n, line in lines(source) if "\N{REPLACEMENT CHARACTER}" in line), None)
        remedy = "Save it as UTF-8: iconv -f latin1 -t utf-8"
        return DataError("not UTF-8 text", remedy, where=source, line=line)
    for number, fields in _data(source, dialect, across_lines=False):
        if not _fits(fields, dialect):
            return _ragged(source, dialect, number, fields)
    return DataError(f"cannot be parsed ({message[:200]})", "Correct the file", where=source)
