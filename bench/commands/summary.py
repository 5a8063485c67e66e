"""What `bench run` ends with: the verdict, a table of what was run, and where the page is."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from bench.commands import terminal
from bench.planning.repeats import FEWEST
from bench.records import Record
from bench.report.files import page_name
from bench.report.formats import NOTHING, out_option, significant, title, without_folder
from bench.report.grouping import tables
from bench.report.metrics import Reached
from bench.report.rows import Line, Table
from bench.report.sentences import (
    HALF,
    intervals,
    more_repeats,
    notes,
    other_names,
    repeat_of,
    same_runs,
    shortened,
)
from bench.report.tables import Column, Ranked, headline_columns, lines_in_order
from bench.report.verdict import verdict
from bench.stats import Interval
from datasets.printable import one_line
from datasets.splits import folds

NAME_WIDTH = 20
"""A longer name is wrapped before a column is left out for it."""


def show(
    console: Console,
    records: Sequence[Record],
    out: Path,
    *,
    written: bool,
    among: Sequence[Record] = (),
) -> None:
    """Print the verdict, table and page of each dataset, split and machine of the records.

    written  whether the pages were, so that they need only be named
    among    all records of the store, by which a dataset has its title and page
    """
    every = tables(records, among)
    several = len({table.machine for table in every}) > 1
    pages = [_page(table, records, out, written=written) for table in every]
    for place, table in enumerate(every):
        shown = Shown(table, console.width)
        namesakes = _namesakes(table, records)
        where = f", on {table.machine}" * several
        heading = one_line(f"{namesakes or table.title}, {table.split}{where}")
        console.print(f"\n{heading}", style="bold")
        for sentence in (
            *notes(table.records),
            shortened(table),
            verdict(table),
            "" if namesakes else other_names(table),
            same_runs(table),
        ):
            paragraph(console, plain(sentence))
        console.print()
        console.print(shown.grid(), soft_wrap=False)
        console.print()
        for number, remark in enumerate(shown.remarks, start=1):
            paragraph(console, f"[{number}] {remark}")
        paragraph(console, " ".join(filter(None, shown.reading())))
        if pages[place] not in pages[place + 1 :]:  # tables of one page may follow each other
            console.print(pages[place])


def rows_of(records: Sequence[Record], among: Sequence[Record]) -> dict[str, Sequence[Record]]:
    """Each row as the summary calls it, with its dataset where there are several tables -> its
    records that count."""
    every = tables(records, among)
    return {
        line.name + f" on {table.title}" * (len(every) > 1): line.runs.records
        for table in every
        for line in table.lines
    }


def _page(table: Table, records: Sequence[Record], out: Path, *, written: bool) -> str:
    namesakes = _namesakes(table, records)
    how = "" if written else f" (`bench report{out_option(out)}` writes it)"
    verb = "have" if " and " in namesakes else "has"
    why = f": {namesakes} {verb} the same ratings, so this page, too" if namesakes else ""
    return f"Page: {one_line(f'{out / page_name(table.title)}{why}')}{how}"


def _namesakes(table: Table, records: Sequence[Record]) -> str:
    """What the records call the dataset of the table, where its page has the name of another
    file with the same ratings; "" where it has that of one of theirs."""
    # A record that stands under several names is in the table under the newest.
    of_table = {record.identity for record in table.records}
    names = {r.cell.dataset: None for r in records if r.identity in of_table}
    titles = list(dict.fromkeys(map(title, names)))
    return "" if title(table.dataset) in titles else " and ".join(titles)


class Shown:
    """The headline table at a width: fewer goals and shorter cells where that is narrow.

    Goals that nothing reached are left out first. Then times take a short form, then the easiest
    goals are left out.
    """

    def __init__(self, table: Table, width: int) -> None:
        self.table, self.width = table, width
        self.lines = lines_in_order(table)
        # Scripts of one name are distinguished by their folders.
        scripts = {line.name: without_folder(line.name) for line in self.lines}
        bare = len({*scripts.values()}) == len(scripts)
        self.columns = [_compact(column, bare) for column in headline_columns(table)]
        self.remarks: list[str] = []
        goals = self._goals
        reached = [
            g for g in goals if any(g.text(line) not in ("∞", NOTHING) for line in self.lines)
        ]
        for goal in reversed(goals):
            if goal not in reached:
                self._leave_out(goal)
        self.narrow = self._is_too_wide()
        if self.narrow:
            self.columns = list(map(_narrow, self.columns))
        for goal in self._goals:
            self._leave_out(goal)
        shown = {goal.header for goal in self._goals}
        self.left_out = [goal.header for goal in goals if goal.header not in shown]

    def grid(self) -> Grid:
        """For a terminal, with the numbers of the remarks in the cells they belong to."""
        cells = [[self._marked(column, line) for line in self.lines] for column in self.columns]
        kinds = "".join("L" if column.align == "left" else "R" for column in self.columns)
        headers = [column.header for column in self.columns]
        return terminal.table(zip(*cells, strict=True), headers, f"l{kinds[1:]}")

    def reading(self) -> Iterator[str]:
        """How to read the columns."""
        if self._goals:
            times = " ".join(goal.text(line) for goal in self._goals for line in self.lines)
            reach = "how far its 95 % interval reaches" if self.narrow else HALF
            half = f", median ± {reach}" if {"±", "–"} & {*times} else ""
            repeat = repeat_of(self.table.split)
            some = f"; n/m: in n of m {repeat}s" if "/" in times else ""
            yield (
                f"≤: training seconds until the validation RMSE was at most that{half}{some}; "
                "∞: half of the runs or more missed it."
            )
        repeats = {line.runs.n_seeds for line in self.lines} - {0}
        if repeats - {1}:
            repeat = f"{repeat_of(self.table.split)}s"
            yield f"RMSE: mean over {repeat} ± its 95 % t interval."
            around = "range" if max(repeats) < FEWEST else "95 % interval"
            reach = "how far its 95 % interval reaches" if max(repeats) >= FEWEST else ""
            shown = reach if self.narrow else around
            yield f"Fit: median and {shown}." if shown else "Fit: median."
            yield self._few(repeat, min(repeats - {1}))
        elif repeats:
            yield intervals(self.table)
        if self.left_out:
            yield f"Left out at this width: {', '.join(self.left_out)}."

    def _few(self, repeat: str, fewest: int) -> str:
        """What is different for the times of a row with few repeats; "" where none has."""
        if fewest >= FEWEST:
            return ""
        k = folds(self.table.split)
        more = f" (`{more_repeats(self.table.split)}` gives one)" if not k or k >= FEWEST else ""
        only = "" if self.narrow else ", only a range"
        return f"Below six {repeat} a time has no interval{only}{more}."

    @property
    def _goals(self) -> list[Column[Line]]:
        return [column for column in self.columns if column.header.startswith("≤")]

    def _marked(self, column: Column[Line], line: Line) -> str:
        text = column.text(line)
        for remark in column.remarks(line):
            if remark not in self.remarks:
                self.remarks.append(remark)
            text += f" [{self.remarks.index(remark) + 1}]"
        return text

    def _is_too_wide(self) -> bool:
        name, *others = (
            max(len(column.header), *(len(self._marked(column, line)) for line in self.lines))
            for column in self.columns
        )
        return min(name, NAME_WIDTH) + sum(terminal.GAP + other for other in others) > self.width

    def _leave_out(self, goal: Column[Line]) -> None:
        if self._is_too_wide():
            self.columns.remove(goal)


def _compact(column: Column[Line], bare: bool) -> Column[Line]:
    """Without what a goal is like, the best RMSE of a missed one, ranks, a script's folder (where
    `bare`), and how many of the runs were ok where all were."""
    return replace(
        column,
        header=column.header.partition(" (")[0],
        format=lambda value: _shortest(column.format(value), bare),
    )


def _narrow(column: Column[Line]) -> Column[Line]:
    """Times in a shorter form: `0.0239 ±35% 21/23` for 0.0239 ±35 % (21 of 23)."""
    if column.header == "fit s":
        return replace(column, format=short_seconds)
    return replace(column, format=_short_goal) if column.header.startswith("≤") else column


def _short_goal(it: Ranked) -> str:
    to: Reached = it.value
    if not math.isfinite(to.median):
        return "∞"
    some = f" {to.hits}/{len(to.seconds)}" if to.hits < len(to.seconds) else ""
    return f"{short_seconds(to.interval)}{some}"


def _shortest(cell: str, bare: bool) -> str:
    if cell.startswith("∞"):
        return "∞"
    cell = re.sub(r" #\d+(–\d+)?$", "", cell)
    cell = without_folder(cell) if bare else cell
    return re.sub(r"^(\d+) of \1 (folds )?ok$", "ok", cell)


def short_seconds(interval: Interval) -> str:
    """`12.3 ±4%` for 12.3 (11.9–12.8): how far the farther end of the interval is."""
    if interval.level is None or not interval.value:
        return significant(interval.value)
    far = max(interval.high - interval.value, interval.value - interval.low) / interval.value
    return f"{significant(interval.value)} ±{f'{100 * far:.0f}%' if math.isfinite(far) else '∞'}"


def plain(markdown: str) -> str:
    """The text of a sentence of the pages, without markup."""
    return html.unescape(re.sub(r"\\([\\`*|~\[\]$_])", r"\1", markdown.replace("**", "")))


def paragraph(console: Console, text: str) -> None:
    """Print a paragraph, wrapped at words; nothing where it is empty."""
    if text:
        console.print(text, soft_wrap=False)
