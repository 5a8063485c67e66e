"""One page per dataset: a section per machine, in it a table per split."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.files import MARK
from bench.report.layout import Footnotes
from bench.report.machines import caption
from bench.report.prose import dataset_line, notes, reading, same_maths
from bench.report.rows import Table
from bench.report.tables import main_table
from bench.report.text import escaped, slug, title
from bench.report.traces import traces
from bench.report.training_tables import cost_table, target_table
from bench.report.verdict import verdict

RESERVED = ("growth", "index", "published", "readme", "tuning")


def page_name(dataset: str) -> str:
    """The page's file name. Two files of one name share a page, each with tables of its own."""
    name = slug(title(dataset))
    return f"dataset-{name}.md" if name in RESERVED else f"{name}.md"


def plot_name(table: Table) -> str:
    """The plot's path in the results folder; "" where no run left a curve to draw."""
    if not traces(table):
        return ""
    parts = (title(table.dataset), table.split, table.machine, table.newest.data.fingerprint[:8])
    return f"plots/{'-'.join(slug(part) for part in parts)}.png"


def page(tables: Sequence[Table]) -> str:
    """The page of one dataset, given all tables of it."""
    parts = [MARK, f"# {escaped(title(tables[0].dataset))}", "[All results](index.md)"]
    for machine in machines(tables):
        here = [table for table in tables if table.machine == machine]
        records = sorted((r for t in here for r in t.records), key=lambda r: r.started_at)
        parts += [f"## Machine {escaped(machine)}", escaped(caption(records))]
        for table in here:
            parts += [_heading(table, tables), *_section(table)]
    return "\n\n".join(part for part in parts if part) + "\n"


def machines(tables: Sequence[Table]) -> list[str]:
    """Machines of these tables, the one with the newest record first."""
    newest: dict[str, str] = {}
    for table in tables:
        started = table.newest.started_at
        newest[table.machine] = max(started, newest.get(table.machine, ""))
    return sorted(newest, key=lambda machine: (newest[machine], machine), reverse=True)


def _heading(table: Table, on_page: Sequence[Table]) -> str:
    """The split; with the fingerprint where the page holds two datasets of one file name."""
    fingerprints = {other.newest.data.fingerprint for other in on_page}
    apart = f" of {table.newest.data.fingerprint[:12]}" if len(fingerprints) > 1 else ""
    return f"### {escaped(table.split)}{apart}"


def _section(table: Table) -> list[str]:
    footnotes = Footnotes()
    main = main_table(table, footnotes)
    threads = " / ".join(str(n) for n in sorted({row.threads for row in table.rows}))
    where = f"{escaped(title(table.dataset))}, {escaped(table.split)}"
    parts = [
        *notes(table),
        dataset_line(table),
        verdict(table),
        main,
        "\n".join(footnotes.lines()),
        same_maths(table),
        f"{reading(table)} Threads: {threads}.",
    ]
    if plot := plot_name(table):
        parts += [
            f"![Validation RMSE over training seconds on {where}]({plot})",
            "Bold: the seed with the median fit; faint: the other seeds. A dotted level is a "
            "model without epochs, drawn at 0.001 s where its fit took less.",
        ]
    if to_target := target_table(table, footnotes):
        parts += [
            f"**Time to target** on {where}: median training seconds until validation RMSE was "
            "at most the column's; ∞ where it never was, with the best that was reached.",
            *notes(table),
            to_target,
        ]
    return [
        *parts,
        f"**Cost** on {where}: medians; 1 MB is 10⁶ bytes. Cold is import, warm-up and fit: what "
        "a fresh process waits for a model.",
        *notes(table),
        cost_table(table, footnotes),
    ]
