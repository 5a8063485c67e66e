"""Two rows against each other, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.records import Record
from bench.report.figures import by_seed, fit_s, rmse
from bench.report.rows import Row, Runs, Table, tables
from bench.report.text import significant, slug, title
from bench.stats import Comparison, Interval, difference, ratio

Side = tuple[str, Runs]


def compare(
    records: Iterable[Record], a: str, b: str, dataset: str | None = None, machine: str | None = None
) -> str:
    """Which of two rows is faster and which more accurate, a paragraph per table.

    a, b     `implementation[:preset][@device]`, or a row's label as the tables have it
    dataset  a dataset's name or the name of its file; None: every one
    machine  a machine's id; None: every one

    Raises ValueError, naming the rows there are, where no table has both, or where a
    selector could be several rows of one table.
    """
    chosen = [
        table
        for table in tables(records)
        if dataset in (None, table.dataset, title(table.dataset))
        and machine in (None, table.machine)
    ]
    paragraphs = []
    for table in chosen:
        sides = _find(table, a), _find(table, b)
        if sides[0] and sides[1]:
            paragraphs.append(_paragraph(table, sides[0], sides[1]))
    if not paragraphs:
        raise ValueError(_nothing_matches(chosen, a, b))
    return "\n\n".join(paragraphs)


def _find(table: Table, selector: str) -> Side | None:
    """The one row on one device that `selector` names in this table."""
    name, at, device = selector.rpartition("@")
    name, kind = (name, device.partition(":")[0].upper()) if at else (selector, "")
    matches = [row for row in table.rows if row.label == name] or [
        row for row in table.rows if row.name == name
    ]
    if len(matches) > 1:
        labels = ", ".join(f"'{row.label}'" for row in matches)
        raise ValueError(f"'{selector}' could be several rows of {_where(table)}: {labels}")
    for row in matches:
        if found := kind or next((k for k in table.kinds if k in row.runs), ""):
            return (f"{row.label}@{found.lower()}" if kind else row.label, row.runs[found]) if found in row.runs else None
    return None
