"""Which runs of the views stand behind a figure of another page."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bench.report.grouping import grouped
from bench.report.rows import Runs, Table
from bench.report.site.data import Behind
from bench.report.tables import lines_in_order

Find = Callable[[Runs], list[Behind]]
"""Where the runs are; one entry for each line that has some of them."""


def finder(tables: Iterable[Table]) -> Find:
    """`tables`: those of the views, in their order."""
    lines = [
        (view, line, each.runs.records)
        for view, table in enumerate(tables)
        for line, each in enumerate(lines_in_order(table))
    ]
    at = {
        id(record): (view, line, place)
        for view, line, records in lines
        for place, record in enumerate(records)
    }
    whole = {(view, line): len(records) for view, line, records in lines}

    def find(runs: Runs) -> list[Behind]:
        known = (at[id(record)] for record in runs.records if id(record) in at)
        return [
            Behind(*line, [] if len(some) == whole[line] else [place for *_, place in some])
            for line, some in grouped(known, lambda found: found[:2]).items()
        ]

    return find
