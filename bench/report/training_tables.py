"""The tables on training: seconds to each target, and what a run costs besides its fit."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.records import Memory, Record, Times
from bench.report.figures import (
    Figure,
    Progress,
    median,
    millions_of_updates,
    per_cent_of_limit,
    progress,
    targets,
)
from bench.report.layout import Column, Footnotes, markdown
from bench.report.rows import Row, Runs, Table
from bench.report.text import NOTHING, escaped, significant, target


def target_table(table: Table, notes: Footnotes) -> str:
    """Median seconds to each target; empty where the table has none, or no row was looked at
    in training, as on a split without a validation part.

    The row that reached the hardest target first leads.
    """
    goals = targets(table)
    lines = [(line, progress(line[2], goals)) for line in _lines(table)]
    if not goals or not any(made for _, made in lines):
        return ""
    lines.sort(key=lambda line: _place(line[1], goals))
    reached = [
        Column(f"≤ {target(goal)}", [_to(made, goal) for _, made in lines]) for goal in goals
    ]
    return markdown([*_names([line for line, _ in lines], table, notes), *reached])


def cost_table(table: Table, notes: Footnotes) -> str:
    """Medians of what surrounds the fit. A column that no row has a figure for is left out."""
    lines = _lines(table)
    columns = [
        Column(header, [_median(runs, figure) for *_, runs in lines])
        for header, figure in COSTS.items()
    ]
    measured = [column for column in columns if set(column.cells) != {NOTHING}]
    return markdown([*_names(lines, table, notes), *measured])


Line = tuple[Row, str, Runs]


def _lines(table: Table) -> list[Line]:
    """Each row on each kind of device that it has a record for."""
    return [
        (row, kind, row.runs[kind])
        for row in table.rows
        for kind in table.kinds
        if kind in row.runs
    ]


def _names(lines: list[Line], table: Table, notes: Footnotes) -> list[Column]:
    labels = [
        escaped(row.label) + ("" if runs.any_ok else notes.marks(runs.remarks))
        for row, _, runs in lines
    ]
    columns = [Column("implementation", labels, "left")]
    if len(table.kinds) > 1:
        columns.append(Column("device", [kind for _, kind, _ in lines], "left"))
    return columns


def _place(made: Progress | None, goals: list[float]) -> list[float]:
    """Sorts by the time to the hardest target, then to the next, then by the best RMSE."""
    if made is None:
        return [math.inf] * (len(goals) + 1)
    return [*(made.median(goal) for goal in reversed(goals)), made.best]


def _to(made: Progress | None, goal: float) -> str:
    if made is None:
        return NOTHING
    runs = made.to_target[goal]
    hits, middle = sum(map(math.isfinite, runs)), made.median(goal)
    some = f"{hits} of {len(runs)}" if 0 < hits < len(runs) else ""
    if math.isfinite(middle):
        return f"{significant(middle)} ({some})" if some else significant(middle)
    return f"∞ ({f'{some}, ' if some else ''}best {made.best:.4f})"


def _median(runs: Runs, figure: Figure) -> str:
    interval = median(runs, figure)
    return significant(interval.value) if interval else NOTHING


def _time(part: Callable[[Times], float | None]) -> Figure:
    return lambda record: part(record.times) if record.times else None


def _megabytes(peak: Callable[[Memory], int | None]) -> Figure:
    def figure(record: Record) -> float | None:
        held = peak(record.memory) if record.memory else None
        return None if held is None else held / 1e6

    return figure


COSTS = {
    "warm-up s": _time(lambda times: times.warmup_s),
    "epoch s": _time(lambda times: times.epoch_s),
    "M updates/s": millions_of_updates,
    "% of limit": per_cent_of_limit,
    "predict s": _time(lambda times: times.predict_s),
    "evaluation s": _time(lambda times: times.evaluation_s),
    "cold s": _time(lambda times: times.cold_s),
    "host peak MB": _megabytes(lambda memory: memory.host_peak_bytes),
    "device peak MB": _megabytes(lambda memory: memory.device_peak_bytes),
}
