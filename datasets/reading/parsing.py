"""A delimited file -> its columns: as a frame, or as text in which each fault can be named."""

from __future__ import annotations

import csv
import io
import re
import warnings
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.reading.dialect import Dialect
from datasets.reading.sources import Source

if TYPE_CHECKING:
    import pandas as pd

_UNIT_SEPARATOR = "\x1f"
"""Replaces "::" while parsing: pandas' C parser takes delimiters of one character."""

_FIX = "Correct or remove the line"


def parse(source: Source, dialect: Dialect, types: dict[str, Any]) -> pd.DataFrame:
    """Read the columns that play a role, as the given types.

    Raises DataError for a damaged container, and what pandas raises where the text does not
    fit: ValueError (with its subclasses UnicodeDecodeError and ParserError) or OverflowError.
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


def _unparsable(source: Source, error: Exception) -> DataError:
    """The error of a failed `parse`, in terms of the file."""
    if isinstance(error, UnicodeDecodeError):
        line = _undecodable_line(source)
        return DataError("not UTF-8 text", "Save the file as UTF-8", where=source, line=line)
    text = str(error).strip()
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text):
        expected, line, saw = map(int, found.groups())
        problem = f"{saw} columns, the first line has {expected}"
        return DataError(problem, "Correct or quote the line", where=source, line=line)
    if found := re.search(r"EOF inside string starting at row (\d+)", text):
        line = int(found[1]) + 1  # pandas counts from 0 here
        return DataError("a quote is never closed", "Close or remove it", where=source, line=line)
    return DataError(f"cannot be parsed ({text})", "Correct the file", where=source)


def _with_single_character(stream: IO[bytes]) -> IO[bytes]:
    return io.BytesIO(stream.read().replace(b"::", _UNIT_SEPARATOR.encode()))


@dataclass(frozen=True)
class Texts:
    """Columns of text: slow to read; a conversion raises DataError with file and line.

    columns  role -> (codes int64 (n,), the distinct texts that they index)
    """

    source: Source
    dialect: Dialect
    columns: dict[str, tuple[NDArray[np.int64], NDArray[np.object_]]]

    @classmethod
    def read(cls, source: Source, dialect: Dialect) -> Texts:
        """Raises DataError for text that is not UTF-8, ragged lines and a file without rows."""
        import pandas as pd

        try:
            frame = parse(source, dialect, dict.fromkeys(dialect.columns, str))
        except (ValueError, OverflowError) as error:
            raise _unparsable(source, error) from error
        if frame.empty:
            raise DataError("the file has no ratings", "It needs one line each", where=source)
        roles = dialect.columns
        texts = {role: pd.factorize(frame[role].to_numpy(dtype=object)) for role in roles}
        return cls(source, dialect, texts)

    def ids(self, role: str) -> tuple[NDArray[np.int64], NDArray[np.int64] | NDArray[np.str_]]:
        """Codes (n,) and their sorted labels: int64 where all are integers, else text."""
        import pandas as pd

        given, texts = self.columns[role]
        missing = np.array([not text.strip() for text in texts])
        self._refuse(role, missing, f"the {role} id is missing")
        labels: NDArray[Any] = texts.astype(np.str_)
        if all(re.fullmatch(r"[+-]?\d+(\.0*)?", text, re.ASCII) for text in texts):
            numbers = [int(text.split(".")[0]) for text in texts]
            outside = np.array([not 0 <= number < 2**63 for number in numbers])
            remedy = "Number them from 0 to 2^63 - 1, or use ids that are not all numbers"
            self._refuse(role, outside, f"the {role} id is negative or too large", remedy)
            labels = np.array(numbers, dtype=np.int64)
        codes, ids = pd.factorize(labels, sort=True)
        return codes[given], ids

    def ratings(self) -> NDArray[np.float32]:
        """Values (n,)."""
        with np.errstate(over="ignore"):
            values = self._numbers("rating").astype(np.float32)
        self._refuse("rating", ~np.isfinite(values), "the rating is not a finite number")
        return values[self.columns["rating"][0]]

    def times(self) -> NDArray[np.int64]:
        """Seconds (n,), from numbers or from dates that pandas knows."""
        import pandas as pd

        seconds = self._numbers("timestamp")
        if not np.isfinite(seconds).all():
            texts = pd.Series(self.columns["timestamp"][1])
            dates = pd.to_datetime(texts, errors="coerce", utc=True, format="mixed")
            neither = ~np.isfinite(seconds) & dates.isna().to_numpy()
            self._refuse("timestamp", neither, "the timestamp is neither a number nor a date")
            since_1970 = dates.dt.tz_localize(None).to_numpy("datetime64[s]").astype(np.float64)
            seconds = np.where(np.isfinite(seconds), seconds, since_1970)
        huge = np.abs(seconds) >= 2**63
        self._refuse("timestamp", huge, "the timestamp is too large")
        return seconds.astype(np.int64)[self.columns["timestamp"][0]]

    def _numbers(self, role: str) -> NDArray[np.float64]:
        import pandas as pd

        texts = pd.Series(self.columns[role][1])
        return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)

    def _refuse(self, role: str, bad: NDArray[np.bool_], problem: str, remedy: str = _FIX) -> None:
        """Raise for the first row whose text is bad; `bad` is over the distinct texts."""
        if not bad.any():
            return
        codes, texts = self.columns[role]
        row = int(np.argmax(bad[codes]))
        text = texts[codes[row]]
        line = _line_of_row(self.source, self.dialect, row)
        raise DataError(f"{problem}: {text!r}", remedy, where=self.source, line=line)


def _line_of_row(source: Source, dialect: Dialect, row: int) -> int | None:
    """The line, from 1, on which data row `row` (from 0, header not counted) ends."""
    wanted = row + dialect.header
    with source.open() as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        if dialect.delimiter in ("::", " "):
            numbers = (number for number, line in enumerate(text, start=1) if line.strip())
            return next(islice(numbers, wanted, None), None)
        reader = csv.reader(text, delimiter=dialect.delimiter, skipinitialspace=True)
        rows = (reader.line_num for fields in reader if len(fields) > 1 or "".join(fields).strip())
        return next(islice(rows, wanted, None), None)


def _undecodable_line(source: Source) -> int | None:
    """The first line that is not UTF-8."""
    with source.open() as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return None
