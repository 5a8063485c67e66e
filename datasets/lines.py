"""Which line of a file is at fault: read again, slowly, once something is wrong."""

from __future__ import annotations

import csv
import io
from itertools import islice

from datasets.dialect import Dialect
from datasets.sources import Source


def line_of_row(source: Source, dialect: Dialect, row: int) -> int | None:
    """The 1-based line on which data row `row` (0-based, header not counted) ends."""
    wanted = row + dialect.header
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        if dialect.delimiter in ("::", " "):
            numbers = (number for number, line in enumerate(text, start=1) if line.strip())
            return next(islice(numbers, wanted, None), None)
        reader = csv.reader(text, delimiter=dialect.delimiter, skipinitialspace=True)
        rows = (reader.line_num for fields in reader if len(fields) > 1 or "".join(fields).strip())
        return next(islice(rows, wanted, None), None)


def undecodable_line(source: Source) -> int | None:
    """The first line that is not UTF-8."""
    with source.open() as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None
