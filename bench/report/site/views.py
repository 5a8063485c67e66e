"""A table of the records as a view of the page: its rows, their runs, and what is to be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.records import Point, Record
from bench.report import sentences
from bench.report.formats import date, goal_rmse
from bench.report.metrics import goal_name, goals_of
from bench.report.pages.dataset import split_heading
from bench.report.plots.curves import Trace, least_seconds, limits, traces
from bench.report.plots.pareto import front, near_front, places
from bench.report.rows import Line, Row, Table
from bench.report.site.command import command
from bench.report.site.data import Curve, Goal, Prose, Run, View
from bench.report.site.data import Line as Shown
from bench.report.site.grids import goal_id, grid_of_groups, plain
from bench.report.site.prose import prose
from bench.report.tables import all_columns, lines_in_order, ran_on_a_device
from bench.report.verdict import verdict

Place = Callable[[str], int]
"""Of a text that runs share, among those of the page."""

FIRST, FAINT, LEFT_OUT = range(3)
"""How a run's curve is drawn: `Run.drawn`."""
OTHERS = 12
"""Curves of a row beside that of its run with the median fit: with more the file would grow, and
every click would take longer."""


def view_of(table: Table, of_dataset: Sequence[Table], place: Place) -> View:
    """`of_dataset`: all tables of its dataset, this one among them."""
    lines = lines_in_order(table)
    at = {id(line.runs): n for n, line in enumerate(lines)}
    drawn = traces(table)
    trace_of = {id(trace.line.runs): trace for trace in drawn}
    found = places(table)
    return View(
        dataset=plain(table.title),
        machine=plain(table.machine),
        split=plain(table.split),
        heading=plain(split_heading(table, of_dataset)),
        devices=table.kinds,
        newest=date(table.newest.started_at),
        answers=_answers(table),
        about=prose(
            sentences.dataset_line(table),
            sentences.other_names(table),
            sentences.caption(table.records),
        ),
        reading=_reading(table),
        lines=[_line(line, trace_of.get(id(line.runs)), place) for line in lines],
        grid=grid_of_groups(all_columns(table), lines),
        goals=[_goal(table, rmse) for rmse in goals_of(table)],
        notes=list(dict.fromkeys(plain(r.data.note) for r in table.records if r.data.note)),
        front=[at[id(each.line.runs)] for each in front(found)],
        near=[at[id(each.line.runs)] for each in near_front(table, found)],
        limits=list(limits(table, drawn)) if drawn else [],
        least_s=least_seconds(table, drawn) if drawn else 0.0,
        floor=table.newest.data.floor,
    )


def _answers(table: Table) -> dict[str, Prose]:
    """The verdict on all rows, and on those of each kind of device where there are several."""
    kinds = table.kinds if len(table.kinds) > 1 else []
    parts = {"": table} | {kind: _on(kind, table) for kind in kinds}
    return {name: prose(verdict(part), sentences.shortened(part)) for name, part in parts.items()}


def _on(kind: str, table: Table) -> Table:
    """The rows that ran on a kind of device, with their runs there alone."""
    rows = (replace(row, runs={kind: row.runs[kind]}) for row in table.rows if kind in row.runs)
    return replace(table, rows=tuple(rows))


def _reading(table: Table) -> dict[str, Prose]:
    energy = sentences.ENERGY_NOTE if ran_on_a_device(table) else ""
    texts: dict[str, tuple[str, ...]] = {
        "goals": (f"**Time to goal**: {sentences.time_to_goal(table)}",),
        "accuracy": (
            f"**Accuracy**: {sentences.ACCURACY}",
            sentences.reading(table),
            sentences.same_maths(table),
            sentences.same_runs(table),
        ),
        "slices": (f"**Accuracy by slice**: {sentences.SLICES}", sentences.slices(table)),
        "cost": (f"**Cost**: {sentences.cost(table)}", energy),
    }
    return {group: prose(*some) for group, some in texts.items()}


def _goal(table: Table, rmse: float) -> Goal:
    return Goal(rmse, goal_rmse(rmse), goal_id(rmse), plain(goal_name(table, rmse)))


def _line(line: Line, trace: Trace | None, place: Place) -> Shown:
    row, records = line.row, line.runs.records
    drawn = _drawn(trace) if trace else {}
    return Shown(
        name=plain(line.name),
        label=plain(row.label),
        implementation=plain(row.implementation),
        model=plain(row.model),
        device=line.kind,
        look=line.place,
        threads=row.threads,
        command=command(line),
        runs=[_run(record, drawn.get(id(record), LEFT_OUT), place) for record in records],
        origin=_origin(row),
        preset=plain(row.preset),
        hyperparameters=row.hyperparameters,
        pinned=row.pinned,
        budgets=line.runs.epoch_budgets,
        skipped=[] if line.runs.scored else [plain(remark) for remark in line.runs.remarks],
    )


def _drawn(trace: Trace) -> dict[int, int]:
    """Id of a record -> how its curve is drawn."""
    every = -(-len(trace.others) // OTHERS) or 1
    return {id(it): FAINT for it in trace.others[::every]} | {id(trace.shown): FIRST}


def _origin(row: Row) -> str:
    if row.is_third_party:
        return "third-party"
    return "built-in" if row.is_built_in else "own"


def commit_of(record: Record) -> str:
    """Its beginning, with "+" behind one with changes."""
    return (record.source.git_sha or "unknown")[:10] + ("+" if record.source.dirty else "")


def _run(record: Record, drawn: int, place: Place) -> Run:
    metrics, times, memory = record.metrics, record.times, record.memory
    reasons = [
        *([record.reason] if record.status != "ok" and record.reason else []),
        *(metrics.flags if metrics else []),
        *([f"disturbed: {record.disturbed}"] if record.disturbed else []),
    ]
    peak = memory.host_peak_bytes if memory else None
    return Run(
        seed=record.cell.seed,
        status=record.status,
        started=date(record.started_at),
        commit=place(commit_of(record)),
        rmse=metrics.rmse if metrics else None,
        mae=metrics.mae if metrics else None,
        val_rmse=metrics.val_rmse if metrics else None,
        fit_s=times.fit_s if times else None,
        epoch_s=times.epoch_s if times else None,
        start_s=times.import_s + times.warmup_s if times else None,
        best_epoch=metrics.best_epoch if metrics else None,
        epochs=metrics.epochs if metrics else None,
        peak_mb=None if peak is None else peak / 1e6,
        again=record.cell.again,
        reasons=[place(plain(reason)) for reason in reasons],
        drawn=drawn,
        curve=_curve(record.curve) if drawn != LEFT_OUT else None,
    )


def _curve(points: Sequence[Point]) -> Curve:
    epochs = [point.epoch for point in points]
    every = epochs == list(range(1, len(epochs) + 1))
    seconds, rmse, mae = zip(*((p.seconds, p.rmse, p.mae) for p in points), strict=True)
    return Curve(len(epochs) if every else epochs, list(seconds), list(rmse), list(mae))
