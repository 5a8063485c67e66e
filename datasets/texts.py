"""The thorough way to read a ratings file: as text, so that each fault can be named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.dialect import Dialect
from datasets.errors import DataError
from datasets.lines import line_of_row
from datasets.parsing import parse, unparsable
from datasets.sources import Source

_MEND = "Mend or remove the line"


@dataclass(frozen=True)
class Texts:
    """Columns of text; a conversion raises DataError with file and line.

    columns  role -> (codes int64 (n,), the distinct texts they stand for)
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
            raise unparsable(source, error) from error
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

    def _refuse(self, role: str, bad: NDArray[np.bool_], problem: str, remedy: str = _MEND) -> None:
        """Raise for the first row whose text is bad; `bad` is over the distinct texts."""
        if not bad.any():
            return
        codes, texts = self.columns[role]
        row = int(np.argmax(bad[codes]))
        text = texts[codes[row]]
        line = line_of_row(self.source, self.dialect, row)
        raise DataError(f"{problem}: {text!r}", remedy, where=self.source, line=line)
