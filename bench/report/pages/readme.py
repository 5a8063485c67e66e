"""The README's block: the headline table, between its markers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.planning.plan import BASELINE
from bench.report.goal_tables import headline_table
from bench.report.layout import Footnotes
from bench.report.machines import caption
from bench.report.pages.dataset import machines, page_name, pareto_name
from bench.report.prose import front_note, goal_meaning, intervals, notes
from bench.report.rows import Table
from bench.report.text import escaped, title
from bench.report.verdict import verdict

BEGIN, END = "<!-- ratebench:begin -->", "<!-- ratebench:end -->"

PREFERRED = ("ml-1m", "ml-100k", "synthetic-100k")


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
        f"≤: median training seconds until validation RMSE was at most that. "
        f"{goal_meaning(table)} {intervals(table)}",
    ]
    if plot := pareto_name(table):
        parts += [f"![Test RMSE against fit seconds on {name}]({folder}/{plot})", front_note(table)]
    parts.append(
        f"{name}, {split}. {escaped(caption(table.records))} "
        f"[All columns]({folder}/{page_name(table.dataset)}), [all results]({folder}/index.md)."
    )
    return "\n\n".join(part for part in parts if part)


def headline(tables: Sequence[Table]) -> Table | None:
    """The first preferred dataset's table on its newest machine, else any other dataset's.

    Machines without the baseline come last: what ran there, such as the suite `cuda`, compares
    devices and not implementations. Of several splits, the one with the most rows that have
    figures.
    """
    names = [*PREFERRED, *(table.dataset for table in tables)]
    for name in names:
        of_name = [table for table in tables if table.dataset == name]
        if of_name:
            machine = machines([t for t in of_name if _has_baseline(t)] or of_name)[0]
            here = (table for table in of_name if table.machine == machine)
            return max(here, key=lambda table: (table.with_figures, table.newest.started_at))
    return None


def _has_baseline(table: Table) -> bool:
    return any(line.row.implementation == BASELINE and line.runs.scored for line in table.lines)
