"""A delimited file -> a frame with the columns user, item, rating and maybe timestamp."""

from __future__ import annotations

import io
import re
import warnings
from typing import IO, TYPE_CHECKING, Any

from datasets.dialect import Dialect
from datasets.errors import DataError
from datasets.lines import undecodable_line
from datasets.sources import Source

if TYPE_CHECKING:
    import pandas as pd

# Stands in for "::" while parsing: pandas' C parser takes delimiters of one character.
_UNIT_SEPARATOR = "\x1f"


def parse(source: Source, dialect: Dialect, types: dict[str, Any]) -> pd.DataFrame:
    """Read the columns that play a role, as the given types.

    Raises DataError for a damaged container, and what pandas raises where the text does not
    fit: ValueError (with its kinds UnicodeDecodeError and ParserError) or OverflowError.
    """
    import pandas as pd

    names = list(range(dialect.width))
    roles = {position: role for role, position in dialect.columns.items()}
    delimiter = {"::": _UNIT_SEPARATOR, " ": r"\s+"}.get(dialect.delimiter, dialect.delimiter)
    with source.open() as stream, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                _with_single_character(stream) if dialect.delimiter == "::" else stream,
                sep=delimiter,
                header=0 if dialect.header else None,
                names=names,
                # pandas reports a line with too many columns only where it reads all of them.
                usecols=None if len(roles) == len(names) else list(roles),
                index_col=False,
                dtype={position: types[role] for position, role in roles.items()},
                na_filter=False,
                skipinitialspace=True,
            )
        except pd.errors.ParserWarning as warning:
            raise pd.errors.ParserError("the lines have more columns than the first") from warning
    return frame.rename(columns=roles)


def unparsable(source: Source, error: Exception) -> DataError:
    """What a failed `parse` means to the owner of the file."""
    if isinstance(error, UnicodeDecodeError):
        line = undecodable_line(source)
        return DataError("not UTF-8 text", "Save the file as UTF-8", where=source, line=line)
    text = str(error).strip()
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text):
        expected, line, saw = map(int, found.groups())
        problem = f"{saw} columns, the first line has {expected}"
        return DataError(problem, "Mend or quote the line", where=source, line=line)
    if found := re.search(r"EOF inside string starting at row (\d+)", text):
        line = int(found[1]) + 1  # pandas counts from 0 here
        return DataError("a quote is never closed", "Close or remove it", where=source, line=line)
    return DataError(f"cannot be parsed ({text})", "Mend the file", where=source)


def _with_single_character(stream: IO[bytes]) -> IO[bytes]:
    return io.BytesIO(stream.read().replace(b"::", _UNIT_SEPARATOR.encode()))
