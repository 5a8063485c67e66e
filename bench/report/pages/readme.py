"""The README's block: the headline table, between its markers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.planning.plan import BASELINE
from bench.report.files import page_name
from bench.report.markdown import document, escaped, markdown_table
from bench.report.plots.pareto import pareto
from bench.report.rows import Table
from bench.report.sentences import HALF, caption, goal_meaning, intervals, notes
from bench.report.tables import headline_columns, lines_in_order
from bench.report.verdict import verdict

BEGIN, END = "<!-- ratebench:begin -->", "<!-- ratebench:end -->"

PREFERRED = ("ml-1m", "ml-100k", "synthetic-100k")


def with_block(readme: Path, tables: Sequence[Table], out: Path) -> str | None:
    """The README's text with its block; None where there is no file, or it lacks the markers.

    Raises ValueError where it is not UTF-8 text.
    """
    if not readme.exists():
        return None
    try:
        before, begin, rest = readme.read_bytes().decode().partition(BEGIN)
    except UnicodeDecodeError as error:
        raise ValueError(f"{readme} is not UTF-8 text: {error}") from None
    _, end, after = rest.partition(END)
    filled = f"{before}{begin}\n{block(tables, out, readme)}\n{end}{after}"
    return filled if begin and end else None


def block(tables: Sequence[Table], out: Path, readme: Path) -> str:
    """The headline, with links relative to the README's folder."""
    table = headline(tables)
    if table is None:
        return "Nothing is recorded yet: `make bench` runs the quick suite and writes the tables."
    folder = Path(os.path.relpath(out, readme.resolve().parent)).as_posix()
    plot = pareto(table)
    parts = [
        *notes(table.records),
        verdict(table),
        markdown_table(headline_columns(table), lines_in_order(table)),
        "≤: median training seconds until validation RMSE was at most that, from six seeds on ± "
        f"{HALF}; (21 of 28): in 21 of 28 seeds; ∞: half of the seeds or more missed it, with the "
        f"lowest RMSE that a run reached. {goal_meaning(table)} {intervals(table)}",
        plot.image(f"{folder}/") if plot else "",
        f"{escaped(table.title)}, {escaped(table.split)}. {caption(table.records)} "
        f"[All columns]({folder}/{page_name(table.title)}), [all results]({folder}/index.md).",
    ]
    return document(parts).rstrip()


def headline(tables: Sequence[Table]) -> Table | None:
    """The first preferred dataset's table, else any other dataset's: the one with the most rows
    that have figures, whatever ran later on another machine; of equals the newest.

    Tables without the baseline come last: what ran there, such as the suite `cuda`, compares
    devices and not implementations.
    """

    def rank(table: Table) -> tuple[bool, int, str]:
        return _has_baseline(table), table.with_figures, table.newest.started_at

    names = [*PREFERRED, *(table.dataset for table in tables)]
    for name in names:
        of_name = [table for table in tables if table.dataset == name]
        if of_name:
            return max(of_name, key=rank)
    return None


def _has_baseline(table: Table) -> bool:
    return any(line.row.implementation == BASELINE and line.runs.scored for line in table.lines)
