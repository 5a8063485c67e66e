"""`bench data`: how a ratings file is read. The other verbs show the short form of it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bench.commands import terminal
from bench.commands.arguments import refuse_unused
from bench.commands.description import Description, ReadColumn, dated, describe, exact_value
from bench.planning.facts import Facts, Loader
from bench.records import Data
from bench.report.formats import command_options, significant, title
from datasets.catalog import CATALOG
from datasets.printable import one_line
from datasets.reading.layout import DELIMITERS, ROLES, Layout

BAR = 30
"""Columns of the terminal that the longest bar has."""
LISTED = 8
"""Names of columns that play no role, of which more are counted."""
LONGEST = 24
"""Characters of an id or a name."""
LONGEST_TIME = 40
"""Characters of a time: the time zone stands at its end."""


def data(name: str, layout: Layout, test: str = "", *, as_json: bool) -> None:
    """Show how a dataset is read: a file by its path, or one of the catalog.

    test  the file of the test ratings beside it; "" for none

    Raises DataError for bad input, and UsageError for a layout of what is no file.
    """
    refuse_unused(layout, [name])
    loader = Loader(layout, test)
    facts = loader.facts(name)
    found = describe(name, facts, loader.load(name))
    if as_json:
        # ASCII and unwrapped, whatever the terminal is.
        written = found.model_dump(mode="json", exclude={"note", "test", "split_digest"})
        sys.stdout.write(json.dumps(written, allow_nan=False) + "\n")
    else:
        _print(name, facts, found)
    _warn(name, facts)


def _print(name: str, facts: Facts, found: Description) -> None:
    terminal.out.print(short_form(name, facts))
    _print_table(["role", "column", "why"], _roles(found), "LLl")
    _print_table([], _facts(found), "Ll")
    if found.first:
        headers = list(ROLES[: max(map(len, found.first))])
        longest = [LONGEST_TIME if role == "timestamp" else LONGEST for role in headers]
        rows = [list(map(shown, row, longest)) for row in found.first]
        terminal.out.print("\nthe first ratings, as written", style="bold")
        _print_table(headers, rows, "L")
    _print_table(["rating", "count", "share"], _bars(found), "RRRl")
    terminal.out.print()


def notice(
    name: str,
    facts: Facts,
    show: Callable[[str], None] = terminal.print_line,
    *,
    among: Iterable[str] = (),
) -> None:
    """Show one line on a file that is about to be used, and warn of each thing that was assumed.

    A dataset of the catalog is known, and gets a line only where pairs in it are rated again.

    among  all files of the command: of those of one name the paths are shown
    """
    if name not in CATALOG or facts.data.duplicates:
        show(short_form(name, facts, among))
    _warn(name, facts, among)


def warnings(facts: Facts) -> list[str]:
    """What was left out unasked, converted or guessed, with its count; and options that the file
    has no use for."""
    reading, options = facts.reading, facts.data.options
    if reading is None:
        return []
    # What an option asks for is no surprise; the short form counts it all the same.
    dropped = {} if options.keys() & {"missing", "zeros"} else reading.dropped
    left_out = [f"{terminal.plural(n, 'row')} left out: {why}" for why, n in dropped.items()]
    unused = {
        option: why
        for option, why, is_used in (
            ("date-format", "no column is the timestamp", "timestamp" in reading.columns),
            ("missing", "no row has such a rating", reading.dropped),
            ("delimiter", "the file has none", reading.delimiter),
            ("no-header", "the file names its columns", not reading.header),
        )
        if not is_used
    }
    idle = [f"--{each} changes nothing: {why}" for each, why in unused.items() if each in options]
    return [*left_out, *idle, *reading.notes]


def short_form(name: str, facts: Facts, among: Iterable[str] = ()) -> str:
    """`ratings.csv: 100,000 ratings of 943 users and 1,682 items, 1 to 5, 1997-09-20 to
    1998-04-22; 12 rated again, the latest time counts`."""
    data, plural = facts.data, terminal.plural
    among = [*among, name, data.test]
    low, high = (_number(end) for end in data.scale)
    parts = [
        f"{plural(data.n_ratings, 'rating')} of {plural(data.n_users, 'user')} and "
        f"{plural(data.n_items, 'item')}",
        f"{low} to {high}",
    ]
    if facts.times:
        days = [date[:10] if date else str(time) for time, date in dated(facts.times)]
        parts.append(f"{days[0]} to {days[1]}")
    line = f"{file_label(name, among)}: {', '.join(parts)}"
    if facts.n_test:
        line += f"; {facts.n_test:,} of them from {file_label(data.test, among)}"
    if data.duplicates:
        line += f"; {data.duplicates:,} rated again, {_rule(data)}"
    if facts.reading and (dropped := sum(facts.reading.dropped.values())):
        line += f"; {plural(dropped, 'row')} left out"
    return line


def shown(text: str, longest: int = LONGEST) -> str:
    """A text of the file on one line: what cannot be printed is escaped, what is long is cut."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return one_line(cut)


def file_label(name: str, among: Iterable[str] = ()) -> str:
    """The last part of a file's path, or all of it where another file among those has that, too."""
    alike = {each for each in among if title(each) == title(name)} - {name}
    return one_line(name) if alike else shown(title(name), 60)


def _warn(name: str, facts: Facts, among: Iterable[str] = ()) -> None:
    label = file_label(name, [*among, facts.data.test])
    for each in warnings(facts):
        terminal.warn(f"{label}: {each}")


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
        yield ["rows", f"{found.rows:,}" + f"; {header}" * bool(found.delimiter)]
    yield from _ids_and_parts(found)
    if found.delimiter:
        words = {mark: word for word, mark in DELIMITERS.items()}
        quoting = "no quotes" if found.quoting == "none" else found.quoting
        yield ["delimiter", f"{words.get(found.delimiter, found.delimiter)}; {quoting}"]
    if times := found.times:
        first, last = (date or str(time) for time, date in dated((times.first, times.last)))
        yield ["times", f"{first} to {last}{' UTC' * bool(times.last_utc)}"]
    if found.date_format:
        yield ["written as", found.date_format]
    if found.duplicates:
        yield ["rated again", f"{terminal.plural(found.duplicates, 'rating')}: {_rule(found)}"]
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


def _ids_and_parts(found: Description) -> Iterator[list[str]]:
    if len(kinds := set(found.ids.values())) == 1:
        yield ["ids", kinds.pop()]
    else:
        yield ["ids", "; ".join(f"{role}s: {kind}" for role, kind in found.ids.items())]
    if part := found.test_part:
        of_train = found.n_ratings - part.n_ratings
        yield ["train part", terminal.plural(of_train, "rating")]
        yield [
            "test part",
            f"{terminal.plural(part.n_ratings, 'rating')} of "
            f"{terminal.plural(part.n_users, 'user')} and {terminal.plural(part.n_items, 'item')}; "
            f"the train file has the user of {part.of_known_users:,}, the item of "
            f"{part.of_known_items:,}, both of {part.of_both:,}",
        ]


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
    return f"{exact_value(value):.9g}".replace("-", "−")
