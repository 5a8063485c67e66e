"""`bench data`: how a ratings file is read. The other verbs show the short form of it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from bench.commands import terminal
from bench.commands.arguments import refuse_unused
from bench.planning.facts import Facts, Loader
from bench.records import Data
from bench.report.formats import command_options, significant, title
from datasets.catalog import CATALOG
from datasets.reading.layout import DELIMITERS, ROLES, Layout

BINS = 12
"""Bars of a histogram at most."""
BAR = 30
"""Columns of the terminal that the longest bar has."""
LISTED = 8
"""Names of columns that are listed, and characters of an id that are shown, at most."""
LONGEST = 24


class ReadColumn(BaseModel):
    """The column that plays a role; `position` is from 1."""

    name: str
    position: int
    why: str


class Bar(BaseModel):
    """The ratings from `low` to `high`: that one value where they are equal, else all from `low`
    on that are below `high` (in the last bar, up to it)."""

    low: float
    high: float
    count: int


class Times(BaseModel):
    """The first and the last timestamp in seconds since 1970, and as dates in UTC: null for what
    no calendar has."""

    first: int
    last: int
    first_utc: str | None
    last_utc: str | None


class Description(Data):
    """What `bench data --json` prints: the keys of a record's `data`, and how it was read.

    What only a file has is null or empty for a dataset that was generated.
    """

    model_config = ConfigDict(extra="forbid")

    dataset: str
    rows: int | None
    columns: dict[str, ReadColumn]
    ignored: list[str]
    delimiter: str
    quoting: str
    header: bool | None
    date_format: str
    dropped: dict[str, int]
    notes: list[str]
    first: list[list[str]]
    histogram: list[Bar]
    density: float
    times: Times | None


def data(name: str, layout: Layout, *, as_json: bool) -> None:
    """Show how a dataset is read: a file by its path, or one of the catalog.

    Raises DataError for bad input, and UsageError for a layout of what is no file.
    """
    refuse_unused(layout, [name])
    loader = Loader(layout)
    facts = loader.facts(name)
    found = describe(name, facts, loader.load(name).ratings.values)
    if as_json:
        # ASCII and unwrapped, whatever the terminal is.
        written = found.model_dump(mode="json", exclude={"note", "test", "split_digest"})
        sys.stdout.write(json.dumps(written, allow_nan=False) + "\n")
        return
    terminal.out.print(one_line(name, facts))
    _print_table(["role", "column", "why"], _roles(found), "LLl")
    _print_table([], _facts(found), "Ll")
    if found.first:
        headers = list(ROLES[: max(map(len, found.first))])
        terminal.out.print("\nthe first ratings, as written", style="bold")
        _print_table(headers, [[shown(each) for each in row] for row in found.first], "L")
    _print_table(["rating", "count", "share"], _bars(found), "RRRl")
    terminal.out.print()
    _warn(facts)


def describe(name: str, facts: Facts, values: NDArray[np.float32]) -> Description:
    """All that is known of a dataset with these ratings (n,)."""
    of, known = facts.reading, facts.data
    read: dict[str, Any] = {
        "rows": of.rows if of else None,
        "columns": {
            role: ReadColumn(name=each.name, position=each.position, why=each.why)
            for role, each in (of.columns.items() if of else ())
        },
        "ignored": list(of.ignored) if of else [],
        "delimiter": of.delimiter if of else "",
        "quoting": of.quoting if of else "",
        "header": of.header if of else None,
        "date_format": of.date_format if of else "",
        "dropped": dict(of.dropped) if of else {},
        "notes": list(of.notes) if of else [],
        "first": [list(row) for row in of.first] if of else [],
    }
    return Description(
        **known.model_dump(),
        dataset=name,
        **read,
        histogram=histogram(values),
        density=known.n_ratings / (known.n_users * known.n_items),
        times=None if facts.times is None else _times(*facts.times),
    )


def histogram(values: NDArray[np.float32]) -> list[Bar]:
    """Each value with its count where there are at most BINS, else bins of a round width."""
    distinct, counts = np.unique(values, return_counts=True)
    exact = [_exact(value) for value in distinct.tolist()]
    if len(exact) <= BINS:
        pairs = zip(exact, counts.tolist(), strict=True)
        return [Bar(low=value, high=value, count=count) for value, count in pairs]
    width, start, bins = _round_bins(exact[0], exact[-1])
    # Of counts by value, since there may be millions of ratings.
    places = [min(int((value - start) / width), bins - 1) for value in exact]
    totals = np.bincount(places, counts, minlength=bins).astype(int).tolist()
    edges = [float(f"{start + n * width:.12g}") for n in range(bins + 1)]
    return [
        Bar(low=low, high=high, count=count)
        for low, high, count in zip(edges, edges[1:], totals, strict=False)
    ]


def _round_bins(lowest: float, highest: float) -> tuple[float, float, int]:
    """Width, start and number of at most BINS bins that cover the range."""
    power = 10.0 ** math.floor(math.log10((highest - lowest) / BINS))
    for width in (power, 2 * power, 2.5 * power, 5 * power, 10 * power, 20 * power):
        start = math.floor(lowest / width) * width
        bins = math.ceil((highest - start) / width)
        if bins <= BINS:
            break
    return width, start, bins


def notice(name: str, facts: Facts, show: Callable[[str], None] = terminal.print_line) -> None:
    """Show one line on a file that is about to be used, and warn of each thing that was assumed.

    A dataset of the catalog is known, and gets a line only where pairs in it are rated again.
    """
    if name not in CATALOG or facts.data.duplicates:
        show(one_line(name, facts))
    _warn(facts)


def warnings(facts: Facts) -> list[str]:
    """What was left out unasked, converted or guessed, with its count."""
    if facts.reading is None:
        return []
    # What an option asks for is no surprise; the short form counts it all the same.
    dropped = {} if facts.data.options.keys() & {"missing", "zeros"} else facts.reading.dropped
    left_out = [f"{terminal.plural(n, 'row')} left out: {why}" for why, n in dropped.items()]
    return [*left_out, *facts.reading.notes]


def one_line(name: str, facts: Facts) -> str:
    """`ratings.csv: 100,000 ratings of 943 users and 1,682 items, 1 to 5, 1997-09-20 to
    1998-04-22; 12 rated again, the latest time counts`."""
    data, plural = facts.data, terminal.plural
    low, high = (_number(end) for end in data.scale)
    parts = [
        f"{plural(data.n_ratings, 'rating')} of {plural(data.n_users, 'user')} and "
        f"{plural(data.n_items, 'item')}",
        f"{low} to {high}",
    ]
    if facts.times:
        days = [date[:10] if date else str(time) for time, date in _dated(facts.times)]
        parts.append(f"{days[0]} to {days[1]}")
    line = f"{shown(title(name), 60)}: {', '.join(parts)}"
    if facts.n_test:
        line += f"; {facts.n_test:,} of them from {shown(title(data.test), 60)}"
    if data.duplicates:
        line += f"; {data.duplicates:,} rated again, {_rule(data)}"
    if facts.reading and (dropped := sum(facts.reading.dropped.values())):
        line += f"; {plural(dropped, 'row')} left out"
    return line


def shown(text: str, longest: int = LONGEST) -> str:
    """A text of the file on one line: what cannot be printed is escaped, what is long is cut."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def _warn(facts: Facts) -> None:
    for each in warnings(facts):
        terminal.warn(each)


def _rule(data: Data) -> str:
    return data.duplicate_rule or "the last one counts"


def _roles(found: Description) -> list[list[str]]:
    """Role, column and reason, of the columns that play a role."""
    return [
        [role, _column(column, found.header), column.why] for role, column in found.columns.items()
    ]


def _column(column: ReadColumn, header: bool | None) -> str:
    return f"{column.position} {shown(column.name)}" if header else f"{column.position}"


def _facts(found: Description) -> Iterator[list[str]]:
    """What there is to say beside the columns, as rows of two."""
    if found.ignored:
        more = len(found.ignored) - LISTED
        names = [shown(name) for name in found.ignored[:LISTED]]
        yield ["not read", ", ".join(names) + f" and {more:,} more" * (more > 0)]
    if found.rows is not None:
        header = "the first line is a header" if found.header else "no header"
        yield ["rows", f"{found.rows:,}; {header}"]
    if found.delimiter:
        words = {mark: word for word, mark in DELIMITERS.items()}
        quoting = "no quotes" if found.quoting == "none" else found.quoting
        yield ["delimiter", f"{words.get(found.delimiter, found.delimiter)}; {quoting}"]
    if times := found.times:
        first, last = (date or str(time) for time, date in _dated((times.first, times.last)))
        yield ["times", f"{first} to {last}{' UTC' * bool(times.last_utc)}"]
    if found.date_format:
        yield ["written as", found.date_format]
    if found.duplicates:
        yield ["rated again", f"{terminal.plural(found.duplicates, 'pair')}: {_rule(found)}"]
    for why, count in found.dropped.items():
        yield ["left out", f"{terminal.plural(count, 'row')}: {why}"]
    each_user, each_item = (found.n_ratings / n for n in (found.n_users, found.n_items))
    yield [
        "density",
        f"{significant(100 * found.density)} %; {significant(each_user)} ratings per user, "
        f"{significant(each_item)} per item on average",
    ]
    if found.floor is not None:
        yield ["floor", f"RMSE {found.floor:.4f}; no model can do better"]
    yield ["fingerprint", found.fingerprint[:12]]
    if found.options:
        yield ["read with", command_options(found.options)]


def _bars(found: Description) -> list[list[str]]:
    most = max(bar.count for bar in found.histogram)
    return [
        [
            _number(bar.low) + f" to {_number(bar.high)}" * (bar.high > bar.low),
            f"{bar.count:,}",
            f"{bar.count / found.n_ratings:.1%}".replace("%", " %"),
            "━" * math.ceil(BAR * bar.count / most),
        ]
        for bar in found.histogram
    ]


def _print_table(headers: list[str], rows: Any, kinds: str) -> None:
    if rows := list(rows):
        terminal.out.print()
        terminal.out.print(terminal.table(rows, headers, kinds), soft_wrap=False)


def _number(value: float) -> str:
    """In full, as short as a float32 may be written."""
    return f"{_exact(value):.9g}".replace("-", "−")


def _exact(value: float) -> float:
    """The shortest text of a float32 is what stands in a file: 3.9, not 3.9000000953674316."""
    return float(str(np.float32(value))) if abs(value) < np.finfo(np.float32).max else value


def _times(first: int, last: int) -> Times:
    [(_, first_utc), (_, last_utc)] = _dated((first, last))
    return Times(first=first, last=last, first_utc=first_utc, last_utc=last_utc)


def _dated(times: tuple[int, int]) -> list[tuple[int, str | None]]:
    """Each time with its date, or None where either is in no calendar: years 1 to 9999."""
    try:
        dates = [f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}" for time in times]
    except (ValueError, OverflowError, OSError):
        return [(time, None) for time in times]
    return list(zip(times, dates, strict=True))
