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
    LONGEST_LINE,
    UNIT_SEPARATOR,
    Blocks,
    Record,
    has_lone_quote,
    is_regular,
    lines,
    records,
    split,
)
from datasets.reading.sources import Source

if TYPE_CHECKING:
    import pyarrow as pa

FIX = "Correct or remove the line"


@dataclass(frozen=True)
class Texts:
    """One column by its distinct values.

    codes   int32 (n,) positions in `values`
    values  the distinct texts, a pyarrow array; or a NumPy array of integers, of a table that has
            such a column
    """

    codes: NDArray[np.int32]
    values: Any

    def written(self) -> list[str]:
        """The distinct values as text."""
        return list(map(str, self.values.tolist()))

    def of_row(self, row: int) -> str:
        """The value in this row, as text."""
        return str(self.values[int(self.codes[row])])


@dataclass(frozen=True)
class Columns:
    """The columns of a file that play a role.

    texts         role -> its column
    whole_times   int64 (n,) of timestamps that are whole numbers, which then are not in `texts`
    quoting       what quotes mean in it, as `Reading.quoting` says
    line_of       data row, from 0 -> its line, in a file that has lines
    where         the file, for errors
    microseconds  int64 (n,) since 1970 of a column of dates, which then is not in `texts`
    """

    texts: dict[str, Texts]
    whole_times: NDArray[np.int64] | None
    quoting: str
    line_of: Callable[[int], int | None]
    where: object
    microseconds: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.texts["user"].codes)

    def refuse(self, role: str, bad: NDArray[np.bool_], problem: str, remedy: str = FIX) -> None:
        """Raise DataError for the first row whose value is bad; `bad` is over the distinct
        values."""
        if not bad.any():
            return
        column = self.texts[role]
        row = int(np.argmax(bad[column.codes]))
        value = shown(column.of_row(row))
        raise DataError(f"{problem}: {value}", remedy, where=self.where, line=self.line_of(row))


class _IrregularQuotesError(Exception):
    """The file has quotes that parsers read in different ways."""


class _NotWholeError(Exception):
    """The timestamps are not all whole numbers."""


class _RaggedError(Exception):
    """A line has more or fewer fields than it should have; maybe it is one of blanks alone."""


def read_columns(source: Source, dialect: Dialect) -> Columns:
    """Read the columns that play a role.

    Every line is held to the dialect's number of fields. Raises DataError for a damaged
    container, text that is not UTF-8, a line with more or fewer fields, and a file without rows.
    """
    import pyarrow as pa

    across_lines = False
    try:
        table, quoted = _parsed(source, dialect)
        quoting = "quoted fields" if quoted else "none"
    except _IrregularQuotesError:
        table, across_lines, lone = _split_here(source, dialect)
        quoting = f"quotes that open no quoted field are characters ({lone:,} lines)"
        if across_lines:
            quoting = "quoted fields, some with line breaks"
        elif not lone:
            quoting = "quoted fields"
    if not len(table):
        raise _no_rows(source, dialect)
    columns = {role: table[role] for role in dialect.columns}
    del table  # so that each column's memory is free once it is converted
    whole_times = None
    if "timestamp" in columns and not _is_dictionary(columns["timestamp"]):
        whole_times = columns.pop("timestamp").to_numpy()
    texts = {role: as_texts(columns.pop(role)) for role in list(columns)}
    pa.default_memory_pool().release_unused()

    def line_of(row: int) -> int | None:
        found = _data(source, dialect, across_lines)
        return next(islice((number for number, _ in found), row, None), None)

    return Columns(texts, whole_times, quoting, line_of, source)


def as_texts(column: pa.ChunkedArray) -> Texts:
    """A dictionary-encoded column of text. Raises ValueError for one without rows."""
    column = column.unify_dictionaries()
    parts = [chunk.indices.to_numpy() for chunk in column.chunks if len(chunk)]
    return Texts(np.concatenate(parts), column.chunk(0).dictionary)


def _is_dictionary(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_dictionary(column.type))


def _parsed(source: Source, dialect: Dialect) -> tuple[pa.Table, bool]:
    """The table, and whether there are quotes. Raises _IrregularQuotesError."""
    if not dialect.delimiter.isascii():  # pyarrow's are of one byte
        raise _IrregularQuotesError
    delimiter = UNIT_SEPARATOR if dialect.delimiter in ("::", " ") else dialect.delimiter
    for whole, without_blank_lines in ((True, False), (True, True), (False, False), (False, True)):
        prepare = _Preparation(source, dialect, without_blank_lines)
        try:
            with source.open() as stream:
                blocks = Blocks(source, stream, dialect.skip, prepare)
                try:
                    table = _table(source, dialect, blocks, delimiter, seconds_are_whole=whole)
                finally:
                    if blocks.error is not None:
                        raise blocks.error
            return table, prepare.has_quotes
        except _NotWholeError:
            continue
        except _RaggedError as error:
            if without_blank_lines:
                raise _unparsable(source, dialect, str(error)) from error
    raise AssertionError("a column of text is always read")


@dataclass
class _Preparation:
    """What is done to a block of lines before pyarrow parses it. Raises _IrregularQuotesError."""

    source: Source
    dialect: Dialect
    without_blank_lines: bool
    has_quotes: bool = False

    def __call__(self, block: bytes) -> bytes:
        delimiter = self.dialect.delimiter
        if self.without_blank_lines:
            block = _BLANK_LINE.sub(b"", block)
        if delimiter == "::":
            return _checked(self.source, block).replace(b"::", UNIT_SEPARATOR.encode())
        if b'"' in block:
            self.has_quotes = True
            if delimiter == " " or not is_regular(block, delimiter):
                raise _IrregularQuotesError
        if delimiter == " ":
            block = re.sub(rb"[ \t]*(\r\n|\n|\r|\Z)[ \t]*", rb"\1", block.strip(b" \t"))
            return re.sub(rb"[ \t]+", UNIT_SEPARATOR.encode(), _checked(self.source, block))
        return block


_BLANK_LINE = re.compile(rb"(?<![^\r\n])[ \t\v\f]+(?![^\r\n])")


def _checked(source: Source, block: bytes) -> bytes:
    """The block, which does not hold the delimiter that is put in it."""
    if UNIT_SEPARATOR.encode() in block:
        raise _control_character(source)
    return block


def _control_character(source: Source) -> DataError:
    return DataError(
        "holds the control character U+001F",
        "Remove it",
        where=source,
        line=next((n for n, line in lines(source) if UNIT_SEPARATOR in line), None),
    )


def _split_here(source: Source, dialect: Dialect) -> tuple[pa.Table, bool, int]:
    """The table of a file whose lines only this project splits as they are meant; whether quoted
    fields hold line breaks; and how many lines have quotes that are characters.

    Fields hold no line breaks where the lines by themselves have the right number of fields.
    """
    for across_lines in (False, True):
        text, lone = io.BytesIO(), 0
        for number, fields in _data(source, dialect, across_lines):
            if not _fits(fields, dialect):
                misfit = number, fields
                break
            text.write(_joined(source, dialect, number, fields).encode() + b"\n")
            lone += has_lone_quote(fields)
        else:
            if lone and not across_lines:
                _refuse_two_readings(source, dialect)
            return _table_of(source, dialect, text), across_lines, lone
    raise _ragged(source, dialect, *misfit)


def _refuse_two_readings(source: Source, dialect: Dialect) -> None:
    """Raise where quoted fields with line breaks would make as good a file of the same lines."""
    by_lines = sum(1 for _ in _data(source, dialect, across_lines=False))
    roles = [column.position - 1 for column in dialect.columns.values()]
    n, first = 0, None
    for number, fields in _data(source, dialect, across_lines=True):
        n += 1
        if not _fits(fields, dialect) or any("\n" in fields[role] for role in roles):
            return
        if first is None and any("\n" in field for field in fields):
            first = number
    if n < by_lines:
        raise DataError(
            f"{by_lines:,} ratings, or {n:,} where quoted fields hold line breaks",
            "Remove the line breaks or the quotes",
            where=source,
            line=first,
        )


def _joined(source: Source, dialect: Dialect, line: int, fields: list[str]) -> str:
    joined = UNIT_SEPARATOR.join(fields)
    if joined.count(UNIT_SEPARATOR) != len(fields) - 1:
        raise _control_character(source)
    if "\n" not in joined:
        return joined
    if any("\n" in fields[column.position - 1] for column in dialect.columns.values()):
        problem = "a quoted id, rating or time holds a line break"
        raise DataError(problem, "Close or remove the quote", where=source, line=line)
    return joined.replace("\n", " ")


def _table_of(source: Source, dialect: Dialect, text: io.BytesIO) -> pa.Table:
    for whole in (True, False):
        text.seek(0)
        try:
            return _table(source, dialect, text, UNIT_SEPARATOR, seconds_are_whole=whole)
        except _NotWholeError:
            continue
    raise AssertionError("a column of text is always read")


def _fits(fields: list[str], dialect: Dialect) -> bool:
    return len(fields) == dialect.width


def _data(source: Source, dialect: Dialect, across_lines: bool) -> Iterator[Record]:
    found = records(source, dialect.delimiter, across_lines=across_lines)
    return (each for each in found if each[0] > dialect.skip)


def _ragged(source: Source, dialect: Dialect, line: int, fields: list[str]) -> DataError:
    """A line with more or fewer fields than it should have."""
    first = "header" if dialect.header else "first line"
    opens = [field for field in fields if has_lone_quote([field])]
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
            # One thread reads nearly as fast, in half the memory.
            csv.ReadOptions(column_names=names, block_size=2 * LONGEST_LINE, use_threads=False),
            csv.ParseOptions(
                delimiter=delimiter,
                quote_char=False if delimiter == UNIT_SEPARATOR else '"',
            ),
            csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        message = str(error)
        if seconds_are_whole and "conversion error to int64" in message:
            raise _NotWholeError from None
        if message.startswith("CSV parse error"):
            raise _RaggedError(message) from None
        raise _unparsable(source, dialect, message) from error


def _no_rows(source: Source, dialect: Dialect) -> DataError:
    rows = "ratings" if "rating" in dialect.columns else "pairs"
    return DataError(f"the file has no {rows}", "It needs one line each", where=source)


def _unparsable(source: Source, dialect: Dialect, message: str) -> DataError:
    """The error of a failed parse, in terms of the file."""
    if message.startswith("Empty CSV file"):
        return _no_rows(source, dialect)
    if "UTF8" in message:
        line = next((n for n, line in lines(source) if "\N{REPLACEMENT CHARACTER}" in line), None)
        remedy = "Save it as UTF-8: iconv -f latin1 -t utf-8"
        return DataError("not UTF-8 text", remedy, where=source, line=line)
    for number, text in lines(source):
        plain = dialect.delimiter != " " and '"' not in text
        n = text.count(dialect.delimiter) + 1 if plain else 0  # quick, for the many lines that fit
        if number > dialect.skip and n != dialect.width:
            fields = split(text, dialect.delimiter)
            if not _fits(fields, dialect):
                return _ragged(source, dialect, number, fields)
    return DataError(f"cannot be parsed ({message[:200]})", "Correct the file", where=source)
