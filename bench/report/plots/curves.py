"""Validation RMSE over training seconds, one curve per row, as a PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.records import Record
from bench.report.files import plot_of
from bench.report.formats import goal_rmse, title
from bench.report.markdown import escaped
from bench.report.metrics import best_validation, goals_of
from bench.report.plots.style import LEAST_SECONDS, Plot, frame, heading, look, short, time_axis
from bench.report.rows import Line, Table

MARKS_PER_CURVE = 7
AIR = 0.6
"""Above the worst row, of the rows' spread: so much of the first epochs is in view."""
NOTE = """\
Bold: the seed with the median fit; faint: the other seeds. A dotted level is a model without \
epochs, drawn at 0.001 s where its fit took less."""
BUDGETS_NOTE = (
    " Markers without a line are of a row that cannot be interrupted: each is a full fit."
)


@dataclass(frozen=True)
class Trace:
    """One curve of the plot: the run with the median fit, and those of other seeds behind it.

    style  the row's place in the table: a row on two devices has one style
    best   median over seeds of the lowest validation RMSE
    """

    implementation: str
    label: str
    shown: Record
    others: Sequence[Record]
    best: float
    style: int
    on_cpu: bool

    @property
    def closed_form(self) -> bool:
        return len(self.shown.curve) == 1 and not self.epoch_budgets

    @property
    def epoch_budgets(self) -> bool:
        return self.shown.epoch_budgets


def traces(table: Table) -> list[Trace]:
    """One for each row and kind of device that left a curve, the lowest RMSE last."""
    made = [_trace(line, curves) for line in table.lines if (curves := line.runs.with_curve)]
    return sorted(made, key=lambda trace: -trace.best)


def _trace(line: Line, curves: list[Record]) -> Trace:
    curves = sorted(curves, key=lambda record: record.curve[-1].seconds)
    shown = curves[(len(curves) - 1) // 2]
    return Trace(
        implementation=line.row.implementation,
        label=line.name if shown.status == "ok" else f"{line.name} ({shown.status})",
        shown=shown,
        others=[record for record in curves if record is not shown],
        best=best_validation(line.runs),
        style=line.place,
        on_cpu=line.kind == "CPU",
    )


def curves(table: Table) -> Plot | None:
    """The plot; None where no row left a curve."""
    drawn = traces(table)
    if not drawn:
        return None
    budgets = any(line.runs.epoch_budgets for line in table.lines)
    return Plot(
        plot_of(table),
        f"Validation RMSE over training seconds on "
        f"{escaped(f'{title(table.dataset)}, {table.split}')}",
        NOTE + BUDGETS_NOTE * budgets,
        lambda figure: _draw(figure, table, drawn),
    )


def _draw(figure: Any, table: Table, drawn: list[Trace]) -> None:
    axes = figure.subplots()
    levels = _levels(table)
    bests = [(trace.implementation, trace.best) for trace in drawn]
    low, high = frame(bests, [rmse for rmse, _ in levels], AIR)
    axes.set_ylim(low, high)
    runs = [run for trace in drawn for run in (trace.shown, *trace.others)]
    points = [point for run in runs for point in run.curve]
    visible = [p.seconds for p in points if p.rmse <= high] or [LEAST_SECONDS]
    time_axis(axes, visible, "training time")
    handles = [_draw_trace(axes, trace, high) for trace in drawn]
    _draw_levels(axes, levels)
    axes.set_ylabel("validation RMSE")
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=3.2)
    above = any(point.rmse > high for point in points)
    foot = f"What lies above {high:.3f} is out of the frame." if above else ""
    heading(figure, axes, table, "validation RMSE over training time", foot)


def _draw_trace(axes: Any, trace: Trace, high: float) -> Any:
    """Draw one trace; returns its line for the legend."""
    from matplotlib.lines import Line2D

    style = look(trace.style, hollow=not trace.on_cpu)
    above = f" (above: {trace.best:.3f})" if trace.best > high else ""
    if trace.closed_form or trace.epoch_budgets:
        style["linestyle"] = "none"
    if trace.closed_form:
        axes.axhline(
            trace.shown.curve[0].rmse, color=style["color"], linewidth=0.7, linestyle=(0, (2, 3))
        )
    behind = style if trace.epoch_budgets else {"color": style["color"], "linewidth": 0.7}
    for record in trace.others:
        axes.plot(*_points(record), **behind, alpha=0.35)
    seconds, rmse = _points(trace.shown)
    marked = None if trace.epoch_budgets else _marked(seconds, rmse, high)
    axes.plot(seconds, rmse, markevery=marked, **style)
    return Line2D([], [], label=short(trace.label) + above, **style)


def _points(record: Record) -> tuple[list[float], list[float]]:
    seconds = [max(point.seconds, LEAST_SECONDS) for point in record.curve]
    return seconds, [point.rmse for point in record.curve]


def _marked(seconds: list[float], rmse: list[float], high: float) -> list[int]:
    """Where markers go: evenly over the visible part of the curve as the log axis shows it."""
    visible = [n for n, value in enumerate(rmse) if value <= high]
    if not visible:
        return []
    first, last = math.log(seconds[visible[0]]), math.log(seconds[visible[-1]])
    wanted = [first + (last - first) * n / (MARKS_PER_CURVE - 1) for n in range(MARKS_PER_CURVE)]
    return sorted(
        {min(visible, key=lambda n: abs(math.log(seconds[n]) - place)) for place in wanted}
    )


def _levels(table: Table) -> list[tuple[float, str]]:
    """RMSEs worth a line across, with what each is called, lowest first."""
    levels = [(goal, f"goal {goal_rmse(goal)}") for goal in goals_of(table)]
    floor = table.newest.data.floor
    if floor is not None:
        levels.append((floor, f"floor {floor:.4f}"))
    return sorted(levels)


def _draw_levels(axes: Any, levels: list[tuple[float, str]]) -> None:
    """Thin lines, labelled in the right margin, each label clear of the one below."""
    bottom, top = axes.get_ylim()
    gap = 0.04 * (top - bottom)
    at = -math.inf
    for rmse, label in levels:
        axes.axhline(rmse, color="0.6", linewidth=0.6, zorder=0)
        at = max(rmse, at + gap)
        axes.annotate(
            label,
            xy=(1, rmse),
            xytext=(1.02, at),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6},
            fontsize=8,
            color="0.3",
            va="center",
        )
