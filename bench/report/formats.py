"""Figures and names as plain text, as tables and sentences show them."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath

from bench.stats import Comparison, Interval

NOTHING = "—"
MISSED = "median, a miss as ∞"
"""Of a ratio of times to a goal that some runs missed."""
ROUNDED_TO_ZERO = 5e-5
"""Below it a difference of errors would be shown as 0.0000."""
LOPSIDED = 3
"""How many times as far as the other one end of an interval is, where ± would mislead."""


def significant(value: float, digits: int = 3) -> str:
    """`value` in plain notation with `digits` significant digits; whole digits all stay.

    >>> [significant(value) for value in (0.000123, 9.996, 1234.5)]
    ['0.000123', '10.0', '1,234']
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "∞" if value > 0 else NOTHING
    if value < 0:  # of a record that was edited, or by a clock that was set back
        return f"−{significant(-value, digits)}"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(rounded)))
    return f"{value:,.{decimals}f}"


def error(interval: Interval) -> str:
    """An RMSE or MAE: `0.9123 ± 0.0012`, or without ± where there is no interval."""
    value = f"{interval.value:.4f}"
    return value if interval.level is None else f"{value} ± {interval.half:.4f}"


def seconds(interval: Interval) -> str:
    """A time: `12.3 (11.9–12.8)`, or without the range where it is of one run."""
    if interval.n == 1:
        return significant(interval.value)
    ends = f"{significant(interval.low)}–{significant(interval.high)}"
    return f"{significant(interval.value)} ({ends})"


def relative(interval: Interval) -> str:
    """A time with half the width of its interval: `12.3 ±4 %`; with both ends, `12.3 (12.1–15.0)`,
    where one is more than three times as far as the other; without it below six values, and `±∞`
    where it has no end."""
    value = significant(interval.value)
    if interval.level is None or not interval.value:
        return value
    if not math.isfinite(interval.half):
        return f"{value} ±∞"
    near, far = sorted((interval.value - interval.low, interval.high - interval.value))
    if far > LOPSIDED * near:
        return seconds(interval)
    return f"{value} ±{significant(100 * interval.half / interval.value, 2)} %"


def goal_rmse(rmse: float) -> str:
    """A goal RMSE: three decimals where they are enough, else four."""
    return f"{rmse:.4f}".removesuffix("0")


def signed(difference: float) -> str:
    """A difference of errors with its sign; what rounds to zero has a plus."""
    return f"{difference:+z.4f}".replace("-", "−")


def ends(difference: Interval) -> str:
    """The ends of a difference of errors: `+0.0012 to +0.0050`. One that would be rounded to zero
    keeps a digit, for its sign decides."""
    return " to ".join(map(_end, (difference.low, difference.high)))


def _end(value: float) -> str:
    if not value or abs(value) >= ROUNDED_TO_ZERO:
        return signed(value)
    return f"{'+' if value > 0 else '−'}{significant(abs(value), 1)}"


def micro(seconds: Interval) -> str:
    """The value in microseconds, to two significant digits."""
    return significant(seconds.value * 1e6, 2)


def mega(size: Interval) -> str:
    """The value in millions."""
    return significant(size.value / 1e6)


def times(ratio: Interval) -> str:
    """How many times as fast, to two significant digits: `3.2× (2.9–3.6)`; `1.0×` alone of what is
    compared with itself."""
    value, low, high = (
        significant(float(f"{end:.2g}"), 2) for end in (ratio.value, ratio.low, ratio.high)
    )
    return f"{value}×" if ratio.low == ratio.high else f"{value}× ({low}–{high})"


def per_cent(share: Interval) -> str:
    """Of a share of 1, to two significant digits: `41 (39–44)`."""
    value, low, high = (significant(100 * end, 2) for end in (share.value, share.low, share.high))
    return f"{value} ({low}–{high})"


def with_interval(ratio: Interval, *remarks: str) -> str:
    """`4.06 (95 % interval 3.92–4.21, remark)`, or without an interval the ratio alone."""
    if ratio.level is None:
        return significant(ratio.value)
    value, low, high = map(_unlike_1, (ratio.value, ratio.low, ratio.high))
    return f"{value} ({', '.join((f'95 % interval {low}–{high}', *remarks))})"


def compared(ratio: Comparison, repeat: str, *remarks: str) -> str:
    """`4.06 (95 % interval 3.92–4.21, 12 paired seeds, remark)`.

    repeat  what a run is one of: a seed or a fold
    """
    seeds = plural(ratio.pairs, f"paired {repeat}") if ratio.pairs else "unpaired"
    return with_interval(ratio.interval, seeds, *remarks)


def _unlike_1(ratio: float) -> str:
    """With more digits where three would show a ratio as 1 that is none."""
    text = significant(ratio)
    return significant(ratio, 5) if text == "1.00" and ratio != 1 else text


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    *others, end = words
    return f"{', '.join(others)} {last} {end}" if others else end


def title(dataset: str) -> str:
    """A dataset's name in the catalog, or the last part of its path."""
    return PurePath(dataset).name or dataset


def without_folder(name: str) -> str:
    """`a/b.py:Row` as `b.py:Row`, in a longer text, too."""
    return re.sub(r"\S*/(?=\S+\.py:)", "", name)


def day(seconds: int) -> str:
    """The day of a timestamp in seconds since 1970; the number itself where it is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def command_options(options: Mapping[str, str]) -> str:
    """The options that a file was read with (`Data.options`), as a shell takes them.

    >>> command_options({"columns": "user=a,item=the song", "no-header": "yes"})
    "--columns 'user=a,item=the song' --no-header"
    """
    words = (
        f"--{name}" if name == "no-header" else f"--{name} {shlex.quote(value)}"
        for name, value in options.items()
    )
    return " ".join(words)


def out_option(out: Path) -> str:
    """` --out DIR` as a shell takes it, behind a command; "" of the folder that is the default."""
    return "" if out == Path("results") else f" --out {shlex.quote(str(out))}"


def plural(count: float, noun: str) -> str:
    """`1 cell`, `2,000 cells`, `0.5 minutes`."""
    number = f"{count:,}".removesuffix(".0")
    return f"{number} {noun}{'s' * (count != 1)}"


def date(started_at: str) -> str:
    """The day of a record's start."""
    day = re.match(r"\d{4}-\d\d-\d\d", started_at)
    return day[0] if day else NOTHING
