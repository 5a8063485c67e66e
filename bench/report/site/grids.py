"""Columns over items as a grid of cells: the same columns that the Markdown tables have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.report.files import slug
from bench.report.formats import goal_rmse
from bench.report.metrics import Reached
from bench.report.site.data import Cell, Grid, Head
from bench.report.tables import Column, Epochs, Item, Ranked
from bench.stats import Interval
from datasets.printable import printable


class Sorted(NamedTuple):
    """What a cell has beside its text; as in `Cell`."""

    value: float | str | None
    low: float | None = None
    high: float | None = None
    rank: tuple[int, ...] = ()


def grid(columns: Sequence[Column[Item]], items: Sequence[Item]) -> Grid:
    """A table whose columns are of one group."""
    return grid_of_groups({"": columns}, items)


def grid_of_groups(groups: Mapping[str, Sequence[Column[Item]]], items: Sequence[Item]) -> Grid:
    """A table; its footnotes are numbered column by column, as in Markdown."""
    footnotes: dict[str, int] = {}
    by_column = [
        [_cell(column, item, footnotes) for item in items]
        for columns in groups.values()
        for column in columns
    ]
    headers = [column.header for columns in groups.values() for column in columns]
    ids = iter(_ids(headers))
    heads = [
        _head(next(ids), column, group) for group, columns in groups.items() for column in columns
    ]
    return Grid(heads, [list(row) for row in zip(*by_column, strict=True)], list(footnotes))


def _cell(column: Column[Item], item: Item, footnotes: dict[str, int]) -> Cell:
    value, low, high, rank = sorted_by(column.metric(item))
    remarks = (plain(remark) for remark in column.remarks(item))
    notes = [footnotes.setdefault(remark, len(footnotes)) for remark in remarks]
    return Cell(plain(column.text(item)), value, low, high, list(rank), notes)


def _head(id_: str, column: Column[Any], group: str) -> Head:
    number = column.align == "right"
    better = "high" if column.more_is_better else "low" if number else ""
    return Head(id_, plain(column.header), group, number, better)


def _ids(headers: Sequence[str]) -> list[str]:
    """`0.860` of `≤ 0.860 (tuned MF)`: without what is in brackets where that suffices."""
    short = [slug(re.sub(r"\(.*\)", "", header)) for header in headers]
    of = Counter(short)
    return [
        slug(header) if of[each] > 1 else each for header, each in zip(headers, short, strict=True)
    ]


def goal_id(goal: float) -> str:
    """The id of the column of a goal."""
    return slug(goal_rmse(goal))


def sorted_by(metric: Any) -> Sorted:
    """What a column is sorted by, of a metric of one of its cells."""
    if isinstance(metric, Ranked):
        rank = (metric.rank.first, metric.rank.last) if metric.rank else ()
        return sorted_by(metric.value)._replace(rank=rank)
    if isinstance(metric, Reached):
        return sorted_by(metric.interval)
    if isinstance(metric, Interval):
        ends = (metric.low, metric.high) if metric.level is not None else ()
        return Sorted(metric.value, *ends)
    if isinstance(metric, Epochs):
        return Sorted(metric.ran if metric.best is None else metric.best)
    if metric is None or isinstance(metric, int | float):
        return Sorted(metric)
    return Sorted(plain(str(metric)))


def plain(text: str) -> str:
    """On one line, without control characters: what Markdown shows of it."""
    return printable(" ".join(text.split()))
