"""One page per dataset: a section per machine, in it one per split."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report import sentences, tables
from bench.report.files import MARK
from bench.report.formats import title
from bench.report.grouping import machines
from bench.report.markdown import document, escaped, markdown_table
from bench.report.plots.curves import curves
from bench.report.plots.pareto import pareto
from bench.report.rows import Table
from bench.report.verdict import verdict


def page(every: Sequence[Table]) -> str:
    """The page of one dataset, given all tables of it."""
    parts = [MARK, f"# {escaped(every[0].title)}", "[All results](index.md)"]
    for machine in machines(every):
        here = sorted(
            (table for table in every if table.machine == machine),
            key=lambda table: -table.with_figures,
        )
        records = sorted((r for t in here for r in t.records), key=lambda r: r.started_at)
        parts += [f"## Machine {escaped(machine)}", sentences.caption(records)]
        for table in here:
            parts += [f"### {escaped(split_heading(table, every))}", *_section(table)]
    return document(parts)


def split_heading(table: Table, on_page: Sequence[Table]) -> str:
    """The split; with its test file, its file and the digest of its times or test part where the
    page holds two splits of one name, as of a file whose times changed."""
    alike = [other for other in on_page if _place(other) == _place(table)]
    if len(alike) == 1:
        return table.split
    data = table.newest.data
    test = f" with test part from {title(data.test)}" if data.test else ""
    digest = data.split_digest or "of older records"
    return f"{table.split}, {table.title}{test}, split {digest}"


def _place(table: Table) -> tuple[str, str]:
    return table.machine, table.split


def _slices(table: Table, where: str) -> list[str]:
    """Accuracy over parts of the test ratings; nothing where no record has it."""
    columns = tables.slice_columns(table)
    if not columns:
        return []
    return [
        f"**Accuracy by slice** {where}: {sentences.SLICES}",
        markdown_table(columns, table.lines),
        sentences.slices(table),
    ]


def _section(table: Table) -> list[str]:
    """The verdict, then time to goal, accuracy and cost; what stands in is named at each."""
    where = f"on {escaped(table.title)}, {escaped(table.split)}"
    stand_in = sentences.notes(table.records)
    curves_plot, pareto_plot = curves(table), pareto(table)
    parts = [
        *stand_in,
        verdict(table),
        sentences.shortened(table),
        sentences.dataset_line(table),
        sentences.other_names(table),
    ]
    if to_goals := tables.goal_columns(table):
        parts += [
            f"**Time to goal** {where}: {sentences.time_to_goal(table)}",
            markdown_table(to_goals, tables.lines_in_order(table)),
        ]
    if curves_plot:
        parts += [curves_plot.image(), *stand_in]
    return [
        *parts,
        f"**Accuracy** {where}: {sentences.ACCURACY}",
        markdown_table(tables.accuracy_columns(table), table.rows),
        sentences.same_maths(table),
        sentences.same_runs(table),
        sentences.reading(table),
        *_slices(table, where),
        pareto_plot.image() if pareto_plot else "",
        *stand_in,
        f"**Cost** {where}: {sentences.cost(table)}",
        markdown_table(tables.cost_columns(table), table.lines),
        sentences.ENERGY_NOTE if tables.ran_on_a_device(table) else "",
    ]
