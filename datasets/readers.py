"""A ratings file -> its columns. pandas parses; what is wrong with a file is told by line."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datasets.dialect import Dialect, find_dialect
from datasets.errors import DataError
from datasets.lines import line_of_row, undecodable_line
from datasets.sources import Source

if TYPE_CHECKING:
    import pandas as pd

# Stands in for "::" while parsing: pandas' C parser takes delimiters of one character.
_UNIT_SEPARATOR = "\x1f"
_HUGE = "It must be an integer from 0 to 2^63 - 1, or text that is not a number"


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
    """Parse a delimited file of ratings, layout found from its first line.

    Raises DataError with file and line for anything that is not a rating.
    """
    dialect = find_dialect(source)
    numeric = _read_numbers(source, dialect)
    return numeric if numeric is not None else _read_text(source, dialect)


def _read_numbers(source: Source, dialect: Dialect) -> Table | None:
    """The quick way, for ids that are integers; None where the file needs a closer look."""
    import pandas as pd

    types = {"user": np.int64, "item": np.int64, "rating": np.float64, "timestamp": np.int64}
    try:
        frame = _parse(source, dialect, types)
    except (ValueError, OverflowError):  # UnicodeDecodeError and ParserError among them
        return None
    values = frame["rating"].to_numpy().astype(np.float32)
    lowest_id = min(frame["user"].min(), frame["item"].min()) if len(frame) else -1
    if lowest_id < 0 or not np.isfinite(values).all():
        return None
    users, user_ids = pd.factorize(frame["user"].to_numpy(), sort=True)
    items, item_ids = pd.factorize(frame["item"].to_numpy(), sort=True)
    timestamps = frame["timestamp"].to_numpy() if "timestamp" in frame else None
    return Table(users, items, values, user_ids, item_ids, timestamps)


def _read_text(source: Source, dialect: Dialect) -> Table:
    """The thorough way: every column as categories of text, so each fault can be named."""
    import pandas as pd

    try:
        frame = _parse(source, dialect, dict.fromkeys(dialect.columns, "category"))
    except UnicodeDecodeError as error:
        raise DataError(
            "the text is not UTF-8", "Save the file as UTF-8", where=source,
            line=undecodable_line(source),
        ) from error
    except pd.errors.ParserError as error:
        raise _unparsable(source, error) from error
    if frame.empty:
        raise DataError("the file has no ratings", "It needs one line per rating", where=source)
    texts = _Texts(source, dialect, frame)
    users, user_ids = texts.ids("user")
    items, item_ids = texts.ids("item")
    timestamps = texts.times() if "timestamp" in frame else None
    return Table(users, items, texts.ratings(), user_ids, item_ids, timestamps)


@dataclass(frozen=True)
class _Texts:
    """Categorical text columns and their conversions; each raises DataError with its line."""

    source: Source
    dialect: Dialect
    frame: pd.DataFrame

    def ids(self, role: str) -> tuple[NDArray[np.int64], NDArray[np.int64] | NDArray[np.str_]]:
        """Codes (n,) and their sorted labels: int64 where all are integers, else text."""
        import pandas as pd

        texts = self._texts(role)
        self._check(role, np.array([text.strip() == "" for text in texts]), f"{role} id is missing")
        labels: NDArray[Any] = texts.astype(np.str_)
        if all(re.fullmatch(r"[+-]?\d+", text) for text in texts):
            numbers = [int(text) for text in texts]
            out_of_range = np.array([not 0 <= number < 2**63 for number in numbers])
            self._check(role, out_of_range, f"{role} id is negative or too large", _HUGE)
            labels = np.array(numbers, dtype=np.int64)
        codes, ids = pd.factorize(labels, sort=True)
        return codes[self._codes(role)], ids

    def ratings(self) -> NDArray[np.float32]:
        """Values (n,)."""
        import pandas as pd

        numbers = pd.to_numeric(pd.Series(self._texts("rating")), errors="coerce")
        with np.errstate(over="ignore"):
            values: NDArray[np.float32] = numbers.to_numpy(dtype=np.float64).astype(np.float32)
        self._check(
            "rating", ~np.isfinite(values), "rating is not a finite number",
            "Mend or remove the line",
        )
        return values[self._codes("rating")]

    def times(self) -> NDArray[np.int64]:
        """Seconds (n,), from numbers or from dates that pandas knows."""
        import pandas as pd

        texts = pd.Series(self._texts("timestamp"))
        seconds = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
        if not np.isfinite(seconds).all():
            dates = pd.to_datetime(texts, errors="coerce", utc=True, format="mixed")
            self._check("timestamp", dates.isna().to_numpy(), "timestamp is no number or date")
            seconds = dates.dt.tz_localize(None).to_numpy("datetime64[s]").astype(np.float64)
        return seconds.astype(np.int64)[self._codes("timestamp")]

    def _texts(self, role: str) -> NDArray[np.object_]:
        return self.frame[role].cat.categories.to_numpy(dtype=object)

    def _codes(self, role: str) -> NDArray[np.int64]:
        return self.frame[role].cat.codes.to_numpy(dtype=np.int64)

    def _check(
        self, role: str, bad: NDArray[np.bool_], problem: str, remedy: str = "Mend the line"
    ) -> None:
        """Raise for the first row whose category is bad."""
        if not bad.any():
            return
        codes = self._codes(role)
        row = int(np.argmax(bad[codes]))
        text = self._texts(role)[codes[row]]
        told = f"{problem}: {text!r}" if text else problem
        raise DataError(
            told, remedy, where=self.source, line=line_of_row(self.source, self.dialect, row)
        )


def _parse(source: Source, dialect: Dialect, types: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    names = list(range(dialect.width))
    roles = {position: role for role, position in dialect.columns.items()}
    delimiter = {"::": _UNIT_SEPARATOR, " ": r"\s+"}.get(dialect.delimiter, dialect.delimiter)
    with source.open() as stream:
        frame = pd.read_csv(
            _single_character_delimiter(stream) if dialect.delimiter == "::" else stream,
            sep=delimiter,
            header=0 if dialect.header else None,
            names=names,
            # Naming every column lets pandas report a line that has more of them.
            usecols=None if len(roles) == len(names) else list(roles),
            dtype={position: types[role] for position, role in roles.items()},
            na_filter=False,
            skipinitialspace=True,
            encoding="utf-8",
        )
    return frame.rename(columns=roles)


def _single_character_delimiter(stream: IO[bytes]) -> IO[bytes]:
    return io.BytesIO(stream.read().replace(b"::", _UNIT_SEPARATOR.encode()))


def _unparsable(source: Source, error: Exception) -> DataError:
    """pandas counts lines from 1 in one message and rows from 0 in the other."""
    text = str(error)
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text):
        expected, line, saw = map(int, found.groups())
        problem = f"{saw} columns where the first line has {expected}"
        return DataError(problem, "Mend or quote the line", where=source, line=line)
    if found := re.search(r"EOF inside string starting at row (\d+)", text):
        return DataError(
            "a quote is never closed", "Close or remove it", where=source,
            line=int(found.group(1)) + 1,
        )
    return DataError(f"cannot be parsed ({text})", "Mend the file", where=source)
