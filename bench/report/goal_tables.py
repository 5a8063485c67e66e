"""The tables that the time to a target leads: a dataset's first one, and the README's."""

from __future__ import annotations

import math

from bench.report.layout import Column, Footnotes, markdown
from bench.report.metrics import (
    Progress,
    fit_s,
    goals_of,
    mean,
    median,
    progress,
    rmse,
    target_name,
)
from bench.report.rows import Line, Runs, Table
from bench.report.text import NOTHING, error, seconds, significant, target
from bench.report.training_tables import names, reasons

LADDER = (
    "cannot be interrupted: every point is a full fit of that many iterations, and the smallest "
    "that reaches the target counts"
)


def goal_table(table: Table, notes: Footnotes) -> str:
    """Median seconds to each target; empty where the table has none, or no row was looked at
    in training, as on a split without a validation part.

    The row that reached the hardest target first leads.
    """
    lines = _soonest_first(table)
    reached = _reached(table, lines)
    if not reached:
        return ""
    columns = names(lines, table, notes, lambda runs: [*reasons(runs), *_ladder(runs)])
    return markdown([*columns, *reached])


def headline_table(table: Table, notes: Footnotes) -> str:
    """Seconds to each target, accuracy and fit time at their shortest, for the README."""
    lines = _soonest_first(table)
    every = [line.runs for line in lines]
    return markdown(
        [
            *names(lines, table, notes, _ladder),
            *_reached(table, lines),
            Column("test RMSE", [error(mean(runs, rmse)) for runs in every]),
            Column("fit s", [seconds(median(runs, fit_s)) for runs in every]),
            Column("status", [runs.status + notes.marks(runs.remarks) for runs in every], "left"),
        ]
    )


def _soonest_first(table: Table) -> list[Line]:
    """By the time to the hardest target, then to the next, then by the best RMSE."""
    goals = goals_of(table)

    def place(line: Line) -> list[float]:
        made = progress(line.runs, goals)
        if made is None:
            return [math.inf] * (len(goals) + 1)
        return [*(made.median(goal) for goal in reversed(goals)), made.best]

    return sorted(table.lines, key=place)


def _reached(table: Table, lines: list[Line]) -> list[Column]:
    """A column for each target, easiest first."""
    goals = goals_of(table)
    made = [progress(line.runs, goals) for line in lines]
    if not any(made):
        return []
    return [Column(_header(table, goal), [_to(each, goal) for each in made]) for goal in goals]


def _header(table: Table, goal: float) -> str:
    """`≤ 0.860 (tuned MF)`: the target, and what gets about that far."""
    name = target_name(table, goal)
    return f"≤ {target(goal)} ({name})" if name else f"≤ {target(goal)}"


def _to(made: Progress | None, goal: float) -> str:
    if made is None:
        return NOTHING
    runs = made.to_goal[goal]
    hits, middle = sum(map(math.isfinite, runs)), made.median(goal)
    some = f"{hits} of {len(runs)}" if 0 < hits < len(runs) else ""
    if math.isfinite(middle):
        return f"{significant(middle)} ({some})" if some else significant(middle)
    return f"∞ ({f'{some}, ' if some else ''}best {made.best:.4f})"


def _ladder(runs: Runs) -> list[str]:
    return [LADDER] if runs.epoch_budgets else []
