"""Validation RMSE over training seconds, one curve per row, as a PNG."""

from __future__ import annotations

import math
from typing import Any

from bench.records import Record
from bench.report.metrics import goals_of
from bench.report.plots.style import LEAST_SECONDS, caption, frame, look, png, short, time_axis
from bench.report.plots.traces import Trace, traces
from bench.report.rows import Table
from bench.report.text import target

MARKS_PER_CURVE = 7
AIR = 0.6
"""Above the worst row, of the rows' spread: so much of the first epochs is in view."""


def curves(table: Table) -> bytes | None:
    """The plot as PNG bytes; None where no row left a curve."""
    drawn = traces(table)
    return png(lambda figure: _draw(figure, table, drawn)) if drawn else None


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
    caption(figure, axes, table, "validation RMSE over training time", foot)


def _draw_trace(axes: Any, trace: Trace, high: float) -> Any:
    """Draw one trace; returns its line for the legend."""
    from matplotlib.lines import Line2D

    style = look(trace.style, on_cpu=trace.on_cpu)
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
    levels = [(goal, f"target {target(goal)}") for goal in goals_of(table)]
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
