"""One page per dataset: a section per machine, in it one per split."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.files import MARK
from bench.report.front import places
from bench.report.goal_tables import goal_table
from bench.report.layout import Footnotes
from bench.report.machines import caption
from bench.report.plots.traces import traces
from bench.report.prose import (
    ENERGY_NOTE,
    curves_note,
    dataset_line,
    front_note,
    goal_meaning,
    notes,
    reading,
    same_maths,
    shortened,
)
from bench.report.rows import Table
from bench.report.tables import main_table
from bench.report.text import escaped, slug, title
from bench.report.training_tables import cost_table, ran_on_a_device
from bench.report.verdict import verdict

RESERVED = ("cuda", "growth", "index", "published", "readme", "tuning")


def page_name(dataset: str) -> str:
    """The page's file name. Two files of one name share a page, each with tables of its own."""
    name = slug(title(dataset))
    return f"dataset-{name}.md" if name in RESERVED else f"{name}.md"


def curves_name(table: Table) -> str:
    """The path of the plot of curves in the results folder; "" where no run left one to draw."""
    return _plot_name(table) if traces(table) else ""


def pareto_name(table: Table) -> str:
    """The path of the Pareto plot; "" where fewer than two rows have figures."""
    return _plot_name(table, "pareto") if len(places(table)) > 1 else ""


def _plot_name(table: Table, *which: str) -> str:
    fingerprint = table.newest.data.fingerprint[:8]
    parts = (title(table.dataset), table.split, table.machine, fingerprint, *which)
    return f"plots/{'-'.join(slug(part) for part in parts)}.png"


def page(tables: Sequence[Table]) -> str:
    """The page of one dataset, given all tables of it."""
    parts = [MARK, f"# {escaped(title(tables[0].dataset))}", "[All results](index.md)"]
    for machine in machines(tables):
        here = sorted(
            (table for table in tables if table.machine == machine),
            key=lambda table: -table.with_figures,
        )
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
    """The verdict, then time to target, accuracy and cost; what stands in is said at each."""
    where = f"on {escaped(title(table.dataset))}, {escaped(table.split)}"
    stand_in = notes(table)
    to_goal = _to_goal(table, where)
    return [
        *stand_in,
        verdict(table),
        shortened(table),
        dataset_line(table),
        *to_goal,
        *(stand_in if to_goal else []),
        *_accuracy(table, where),
        *stand_in,
        *_cost(table, where),
    ]


def _to_goal(table: Table, where: str) -> list[str]:
    footnotes = Footnotes()
    parts = []
    if made := goal_table(table, footnotes):
        parts = [
            f"**Time to target** {where}: median training seconds until validation RMSE was at "
            "most the column's; ∞ where it never was, with the best that was reached. "
            f"{goal_meaning(table)}",
            made,
            "\n".join(footnotes.lines()),
        ]
    if plot := curves_name(table):
        parts += [f"![Validation RMSE over training seconds {where}]({plot})", curves_note(table)]
    return parts


def _accuracy(table: Table, where: str) -> list[str]:
    footnotes = Footnotes()
    threads = " / ".join(str(n) for n in sorted({row.threads for row in table.rows}))
    parts = [
        f"**Accuracy** {where}: on the test part, beside the time of the whole fit.",
        main_table(table, footnotes),
        "\n".join(footnotes.lines()),
        same_maths(table),
        f"{reading(table)} Threads: {threads}.",
    ]
    if plot := pareto_name(table):
        parts += [f"![Test RMSE against fit seconds {where}]({plot})", front_note(table)]
    return parts


def _cost(table: Table, where: str) -> list[str]:
    footnotes = Footnotes()
    return [
        f"**Cost** {where}: medians; 1 MB is 10⁶ bytes. Cold is import, warm-up and fit: what "
        "a fresh process waits for a model.",
        cost_table(table, footnotes),
        "\n".join(footnotes.lines()),
        ENERGY_NOTE if ran_on_a_device(table) else "",
    ]
