"""What `bench run` ends with: the verdict, a table of what was run, and where the page is."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from bench.commands import terminal
from bench.records import Record
from bench.report.goal_tables import _reached, _soonest_first
from bench.report.grouping import tables
from bench.report.layout import Footnotes
from bench.report.metrics import fit_s, mean, median, rmse
from bench.report.pages.dataset import page_name
from bench.report.prose import intervals, notes, shortened
from bench.report.rows import Runs, Table
from bench.report.text import NOTHING, error, seconds, significant, title
from bench.report.verdict import verdict
from bench.stats import Interval
from datasets.splits import folds

NAME_WIDTH = 20
"""A longer name is wrapped before a column is left out for it."""
GAP = 2
FOR_AN_INTERVAL = 6
"""Runs; fewer have no 95 % interval of a median, only a range."""


@dataclass(frozen=True)
class Column:
    """Cells of a table; `narrow` ones take their place where the table is too wide."""

    header: str
    cells: Sequence[str]
    align: str = ">"
    narrow: Sequence[str] = ()

    @property
    def width(self) -> int:
        return max(map(len, (self.header, *self.cells)))

    @property
    def is_goal(self) -> bool:
        return self.header.startswith("≤")


def show(console: Console, records: Sequence[Record], out: Path, *, written: bool) -> None:
    """Print the verdict, table and page of each dataset, split and machine of the records.

    written  whether the pages were, so that they need only be named
    """
    for table in tables(records):
        footnotes = Footnotes()
        columns, left_out = fitting(_columns(table, footnotes), console.width)
        console.print(f"\n{title(table.dataset)}, {table.split}", style="bold")
        for paragraph in (*notes(table), shortened(table), verdict(table)):
            _paragraph(console, paragraph)
        rows = zip(*(column.cells for column in columns), strict=True)
        headers, align = zip(*((column.header, column.align) for column in columns), strict=True)
        console.print()
        console.print(terminal.table(rows, headers, "".join(align)), soft_wrap=False)
        console.print()
        for number, remark in enumerate(footnotes.remarks, start=1):
            _paragraph(console, f"[{number}] {remark}")
        _paragraph(console, " ".join(_reading(table, columns, left_out)))
        how = "" if written else f" (`bench report{_out_option(out)}` writes it)"
        console.print(f"Page: {out / page_name(table.dataset)}{how}")


def _columns(table: Table, footnotes: Footnotes) -> list[Column]:
    """Name, seconds to each goal, test RMSE, fit time and status; the soonest row first."""
    lines = _soonest_first(table)
    every = [line.runs for line in lines]
    names = [_short(line.name) for line in lines]
    if len(set(names)) < len({line.name for line in lines}):
        names = [line.name for line in lines]
    fits = [median(runs, fit_s) for runs in every]
    return [
        Column("implementation", names, "<"),
        *(
            Column(each.header.partition(" (")[0], [_to_goal(cell) for cell in each.cells])
            for each in _reached(table, lines)
        ),
        Column("test RMSE", [error(mean(runs, rmse)) for runs in every]),
        Column("fit s", [*map(seconds, fits)], narrow=[*map(narrow_seconds, fits)]),
        Column("status", [_status(runs, footnotes) for runs in every], "<"),
    ]


def fitting(columns: list[Column], width: int) -> tuple[list[Column], list[str]]:
    """The columns that fit into a width, and the headers of those left out.

    Goals that nothing reached are left out first. Then cells become narrow, then the easiest
    goals are left out. One goal stays.
    """
    goals = [column for column in columns if column.is_goal]
    reached = [goal for goal in goals if set(goal.cells) - {"∞", NOTHING}]
    unreached = [goal for goal in reversed(goals) if goal not in reached]
    left_out: list[str] = []
    for goal in (*unreached, None, *reached):
        if _width(columns) <= width:
            break
        if goal is None:
            columns = [replace(each, cells=each.narrow or each.cells) for each in columns]
        elif len(left_out) < len(goals) - 1:
            columns = [column for column in columns if column.header != goal.header]
            left_out.append(goal.header)
    return columns, left_out


def narrow_seconds(interval: Interval | None) -> str:
    """`12.3 ±4%` for 12.3 (11.9–12.8): how far the farther end of the interval is."""
    if interval is None or interval.n == 1 or not interval.value:
        return seconds(interval)
    far = max(interval.high - interval.value, interval.value - interval.low) / interval.value
    return f"{significant(interval.value)} ±{100 * far:.0f}%"


def _width(columns: Sequence[Column]) -> int:
    name, *others = columns
    return min(name.width, NAME_WIDTH) + sum(GAP + column.width for column in others)


def _to_goal(cell: str) -> str:
    """A bare ∞ where a goal was not reached."""
    return "∞" if cell.startswith("∞") else cell


def _status(runs: Runs, footnotes: Footnotes) -> str:
    """`ok` where all runs are."""
    all_ok = all(record.status == "ok" for record in runs.records)
    return ("ok" if all_ok else runs.status) + footnotes.marks(runs.remarks)


def _reading(table: Table, columns: Sequence[Column], left_out: Sequence[str]) -> Iterator[str]:
    """How to read the columns."""
    if any(column.is_goal for column in columns):
        yield "≤: training seconds until the validation RMSE was at most that; ∞: never."
    repeats = max(len(line.runs.scored) for line in table.lines)
    if repeats > 1:
        yield f"RMSE: mean over {'folds' if folds(table.split) else 'seeds'} ± its 95 % t interval."
        around = "range" if repeats < FOR_AN_INTERVAL else "95 % interval"
        narrow = any("%" in cell for column in columns for cell in column.cells)
        yield f"Fit: median and {f'how far its {around} reaches' if narrow else around}."
    elif repeats:
        yield intervals(table)
    if left_out:
        yield f"Left out at this width: {', '.join(left_out)}."


def _paragraph(console: Console, markdown: str) -> None:
    """A paragraph of Markdown as wrapped plain text."""
    text = re.sub(r"\\([\\`*|~\[\]$_])", r"\1", markdown.replace("**", ""))
    if text:
        console.print(html.unescape(text), soft_wrap=False)


def _short(name: str) -> str:
    """`path/to/mine.py:Own` as `mine.py:Own`."""
    return re.sub(r"\S*/(?=\S+\.py:)", "", name)


def _out_option(out: Path) -> str:
    return "" if out == Path("results") else f" --out {out}"
