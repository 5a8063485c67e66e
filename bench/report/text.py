"""Numbers and words as they stand in a table."""

from __future__ import annotations

import math
import re
from pathlib import PurePath

from bench.stats import Interval

NOTHING = "—"


def significant(value: float, digits: int = 3) -> str:
    """`value` ≥ 0 in plain notation with `digits` significant digits, whole ones kept.

    >>> [significant(value) for value in (0.000123, 9.996, 1234.5)]
    ['0.000123', '10.0', '1,234']
    """
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(rounded)))
    return f"{value:,.{decimals}f}"


def error(interval: Interval | None) -> str:
    """An RMSE or MAE: `0.9123 ± 0.0012`, without its interval where there is none."""
    if interval is None:
        return NOTHING
    told = f"{interval.value:.4f}"
    return told if interval.level is None else f"{told} ± {interval.half:.4f}"


def seconds(interval: Interval | None) -> str:
    """A time: `12.3 (11.9–12.8)`, without its range where it is of one run."""
    if interval is None:
        return NOTHING
    told = significant(interval.value)
    if interval.n == 1:
        return told
    return f"{told} ({significant(interval.low)}–{significant(interval.high)})"


def target(rmse: float) -> str:
    """A target RMSE: three decimals where they are enough, else four."""
    return f"{rmse:.4f}".removesuffix("0")


def signed(difference: float) -> str:
    """A difference of errors with its sign; what rounds to nothing is no loss."""
    return f"{difference:+z.4f}".replace("-", "−")


def times(factor: float | None) -> str:
    """How many times as fast, to two significant digits: `3.2×`, `41,000×`."""
    return NOTHING if factor is None else f"{significant(float(f'{factor:.2g}'), 2)}×"


def escaped(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown would take for markup.

    Underscores inside a word stay as they are, for GitHub leaves them alone.
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    text = re.sub(r"([\\`*|~\[\]$])", r"\\\1", text)
    return re.sub(r"\b_|_\b|(?<!\w)_|_(?!\w)", lambda _: r"\_", text)


def title(dataset: str) -> str:
    """What a dataset is called: its name in the catalog, or the last part of its path."""
    return PurePath(dataset).name or dataset


def slug(text: str) -> str:
    """`text` as a part of a file name, on any system."""
    return re.sub(r"[^\w.-]+", "-", text.lower()).strip("-.")[:80] or "unnamed"


def date(started_at: str) -> str:
    """The day of a record's start."""
    return started_at[:10]
