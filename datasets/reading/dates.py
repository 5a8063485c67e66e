"""Timestamps of a file -> seconds since 1970: one format for a whole column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError, shown
from datasets.reading.layout import Layout
from datasets.reading.parsing import Columns

SECONDS = "seconds since 1970"
DATES = "dates, by the type of the column"
EXACT = 9e12
"""Numbers below it have microseconds that fit 64 bits."""
ISO = "ISO 8601"

_ISO = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)? ?(Z|UTC|[+-]\d\d:?\d\d)?"

DIGITS = (
    (19000101, 21001231, "%Y%m%d"),
    (190001010000, 210012312359, "%Y%m%d%H%M"),
    (19000101000000, 21001231235959, "%Y%m%d%H%M%S"),
)
"""Least and largest number that may be a day, or a time, by this format."""
UNITS = ((10**17, "nano"), (10**14, "micro"), (10**11, "milli"))
"""From which number on times count fractions of a second: as seconds, it would be the year 5138."""

_DAYS = (
    *(f"%{a}{s}%{b}{s}%Y" for s in "/-." for a, b in ("dm", "md")),
    *(f"%{a}{s}%{b}{s}%y" for s in "/-." for a, b in ("dm", "md")),
    *(f"%y{s}%m{s}%d" for s in "/-."),
    *("%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y"),
    *("%m %d, %Y", "%a %b %d %Y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = (
    *(day + clock for day, clock in itertools.product(_DAYS, _CLOCKS)),
    *("%Y%m%d", "%Y%m%d %H%M%S", "%Y%m%dT%H%M%S", "%a %b %d %H:%M:%S %Y"),
)
"""What is tried where neither numbers nor ISO 8601 fit."""


EARLY, LATE = 315_532_800, 4_102_444_800
"""1980 and 2100: times that are all before or after are doubtful, and so is their unit."""


@dataclass(frozen=True)
class Times:
    """seconds: int64 (n,) since 1970. finer: int64 (n,), the times in a smaller unit, where whole
    seconds do not tell them apart, else None. notes: what is doubtful."""

    seconds: NDArray[np.int64]
    finer: NDArray[np.int64] | None
    format: str
    notes: tuple[str, ...] = ()


def times_of(columns: Columns, layout: Layout) -> Times:
    """The timestamps of a file, by the one format that fits all of them, or that `layout` gives.

    Raises DataError for a text that fits none, and for a column that fits two.
    """
    times = _times(columns, layout.date_format)
    return replace(times, notes=tuple(_doubts(times)))


def _times(columns: Columns, given: str | None) -> Times:
    if columns.microseconds is not None:
        return _of_days(columns.microseconds, DATES)
    if columns.whole_times is not None and given is None:
        return _whole(columns, columns.whole_times)
    if columns.whole_times is not None:
        numbers, codes = np.unique(columns.whole_times, return_inverse=True)
        texts_of = [str(number) for number in numbers]
    else:
        column = columns.texts["timestamp"]
        texts_of = [text.strip() for text in column.written()]
        codes = column.codes.astype(np.intp)
    if given is not None:
        return _of_days(_by_format(columns, texts_of, given)[codes], given)
    numbers_of = _as_numbers(texts_of)
    if numbers_of is not None:
        _refuse(columns, texts_of, np.abs(numbers_of) >= 2**63, "the timestamp is too large")
        times = _whole(columns, numbers_of.astype(np.int64)[codes])
        if np.abs(numbers_of).max() < EXACT and (numbers_of % 1 != 0).any():
            finer = np.rint(numbers_of * 1e6).astype(np.int64)[codes]
            return replace(times, finer=finer)
        return times
    microseconds, name = _as_dates(columns, texts_of)
    return _of_days(microseconds[codes], name)


def _doubts(times: Times) -> Iterator[str]:
    seconds = times.seconds
    first, last = int(seconds.min()), int(seconds.max())
    n_zero = int(np.count_nonzero(seconds == 0))
    if first == last:
        yield "all timestamps are of one second, so that no split in time is one"
    elif last < EARLY or first > LATE:
        yield (
            f"the timestamps, read as {times.format}, are of {_day(first)} to {_day(last)}: where "
            "that is wrong, give their format with --date-format"
        )
    elif n_zero:
        yield f"{n_zero:,} of the timestamps are 0, which is read as {_day(0)}"


def _of_days(microseconds: NDArray[np.int64], name: str) -> Times:
    return _in(microseconds, 1_000_000, name)


def _in(times: NDArray[np.int64], per_second: int, name: str) -> Times:
    seconds = times // per_second
    return Times(seconds, None if (seconds * per_second == times).all() else times, name)


def _whole(columns: Columns, numbers: NDArray[np.int64]) -> Times:
    """Of whole numbers: days such as 20240131, else a count since 1970 whose size shows its unit.

    As seconds, all such days would be in one of August 1970.
    """
    for least, most, name in DIGITS:
        if least <= numbers.min() and numbers.max() <= most:
            distinct, codes = np.unique(numbers, return_inverse=True)
            texts = [str(number) for number in distinct]
            microseconds = _parsed(texts, name)
            bad = microseconds == _NONE
            if bad.mean() < 0.5:
                _refuse(columns, texts, bad, f"the timestamp is no date by {name}, as others are")
                return _of_days(microseconds[codes], name)
    largest = int(np.abs(numbers).max())
    for index, (least, prefix) in enumerate(UNITS):
        if largest >= least:
            smallest = int(np.abs(numbers[numbers != 0]).min())
            if smallest < least:
                raise DataError(
                    f"the timestamps {smallest} and {largest} are not in one unit, such as "
                    f"seconds and {prefix}seconds",
                    "Write all of them in one",
                    where=columns.where,
                )
            return _in(numbers, 1000 ** (3 - index), f"{prefix}{SECONDS}")
    return Times(numbers, None, SECONDS)


_NONE = np.iinfo(np.int64).min


def _as_numbers(texts: list[str]) -> NDArray[np.float64] | None:
    """(n,), None where one is no finite number."""
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        return None
    written = all(re.fullmatch(r"[0-9.eE+-]+", text) for text in texts)
    return numbers if written and np.isfinite(numbers).all() else None


def _as_dates(columns: Columns, texts: list[str]) -> tuple[NDArray[np.int64], str]:
    sample = texts[:1000]
    fits = partial(_fits, texts[:1])
    fitting = [*filter(fits, (ISO,)), *(each for each in FORMATS if _has(texts[0], each))]
    # Where none does pandas looks, too: it takes a leap second for one.
    fitting = fitting or [*filter(fits, FORMATS)]
    fitting = [*filter(partial(_fits, sample), fitting)]
    whole = {each: _parsed(texts, each) for each in fitting}
    whole = {each: found for each, found in whole.items() if (found != _NONE).all()}
    if not whole:
        name = _nearest(texts)
        return _by_format(columns, texts, name), name  # raises
    (name, seconds), *others = whole.items()
    for other, found in others:
        if not np.array_equal(found, seconds):
            n = int(np.argmax(found != seconds))
            raise DataError(
                f"the dates fit {name} and {other}: {shown(texts[n])} may be "
                f"{_day(seconds[n] // 1_000_000)} or {_day(found[n] // 1_000_000)}",
                f"Say which: --date-format {name}",
                where=columns.where,
            )
    return seconds, name


def _fits(texts: list[str], name: str) -> bool:
    """Whether all of the texts are of this format."""
    return bool((_parsed(texts, name) != _NONE).all())


def _has(text: str, name: str) -> bool:
    """Whether a text may be of this format. A hundredth of what pandas takes to look at one."""
    try:
        datetime.strptime(text, name)
    except ValueError:
        return False
    return True


def _nearest(texts: list[str]) -> str:
    """The format that most of the texts have, to name the first one that has another."""
    sample = texts[:1000]
    counts = {SECONDS: sum(_as_numbers([text]) is not None for text in sample)}
    counts |= {each: int((_parsed(sample, each) != _NONE).sum()) for each in (ISO, *FORMATS)}
    return max(counts, key=lambda each: counts[each])


def _by_format(columns: Columns, texts: list[str], name: str) -> NDArray[np.int64]:
    """Microseconds of texts that all have this format; raises DataError for the first other."""
    seconds = np.full(len(texts), _NONE) if name == SECONDS else _parsed(texts, name)
    bad = seconds == _NONE
    if name == SECONDS:
        bad = np.array([_as_numbers([text]) is None for text in texts])
        others = "" if bad.all() else ", as others of its column are,"
        problem = f"the timestamp is no number{others} nor a date of a known format"
    else:
        problem = f"the timestamp is no date by {name}"
        problem += ", the format of the column" * (not bad.all())
    _refuse(columns, texts, bad, problem, "Correct the line, or give the format: --date-format …")
    return seconds


def _refuse(
    columns: Columns,
    texts: list[str],
    bad: NDArray[np.bool_],
    problem: str,
    remedy: str = "Correct the line",
) -> None:
    if "timestamp" in columns.texts:
        columns.refuse("timestamp", bad, problem, remedy)
    elif bad.any():
        found = shown(texts[int(np.argmax(bad))])
        raise DataError(f"{problem}: {found}", remedy, where=columns.where)


def _parsed(texts: list[str], name: str) -> NDArray[np.int64]:
    """Microseconds since 1970, in UTC where a text names no zone; `_NONE` where the format does
    not fit."""
    import pandas as pd

    # pandas takes "now" and "today" for dates, by whatever format. It ignores case, by which ſ is
    # an s and ı an i, and then fails, for no month is called so.
    shape = re.compile(_ISO if name == ISO else r"[^ſıİ]*\d[^ſıİ]*")
    series = pd.Series([text if shape.fullmatch(text) else None for text in texts], dtype=object)
    if name == ISO:
        found = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    else:
        found = pd.to_datetime(series, format=name, errors="coerce", utc=True)
    times = found.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    return np.where(found.isna().to_numpy(), _NONE, times)


def _day(seconds: int) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))
