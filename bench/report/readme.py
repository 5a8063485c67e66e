"""The README's block: the headline table, between its markers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.report.layout import Footnotes
from bench.report.machines import caption
from bench.report.pages import machines, page_name, plot_name
from bench.report.prose import intervals, notes, reference_note
from bench.report.rows import Table
from bench.report.tables import headline_table
from bench.report.text import escaped, title
from bench.report.verdict import verdict

BEGIN, END = "<!-- ratebench:begin -->", "<!-- ratebench:end -->"

PREFERRED = ("ml-100k", "synthetic-100k")


def with_block(readme: str, block: str) -> str | None:
    """`readme` with `block` between its markers; None where it lacks them."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n{block}\n{end}{after}" if begin and end else None


def block(tables: Sequence[Table], out: Path, readme: Path) -> str:
    """The headline, with links relative to the README's folder."""
    table = headline(tables)
    if table is None:
        return "Nothing is recorded yet: `make bench` runs the quick suite and writes the tables."
    folder = Path(os.path.relpath(out, readme.resolve().parent)).as_posix()
    footnotes = Footnotes()
    name, split = escaped(title(table.dataset)), escaped(table.split)
    parts = [
        *notes(table),
        verdict(table),
        headline_table(table, footnotes),
        "\n".join(footnotes.lines()),
        f"{intervals(table)} {reference_note(table)}".strip(),
    ]
    if plot := plot_name(table):
        parts.append(f"![Validation RMSE over training seconds on {name}]({folder}/{plot})")
    parts.append(
        f"{name}, {split}. {escaped(caption(table.records))} "
        f"[All columns]({folder}/{page_name(table.dataset)}), [all results]({folder}/index.md)."
    )
    return "\n\n".join(part for part in parts if part)


def headline(tables: Sequence[Table]) -> Table | None:
    """ml-100k's table on its newest machine, else synthetic-100k's, else any other dataset's.

    Of several splits, the one with the most rows that have figures.
    """
    names = [*PREFERRED, *(table.dataset for table in tables)]
    for name in names:
        of_name = [table for table in tables if table.dataset == name]
        if of_name:
            machine = machines(of_name)[0]
            return max((t for t in of_name if t.machine == machine), key=_rows_with_figures)
    return None


def _rows_with_figures(table: Table) -> tuple[int, str]:
    scored = [row for row in table.rows if any(runs.scored for runs in row.runs.values())]
    return len(scored), table.newest.started_at
