"""Validation RMSE over training seconds, one curve per row, as a PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.records import Point, Record
from bench.report.files import plot_of
from bench.report.formats import goal_rmse, significant
from bench.report.markdown import escaped
from bench.report.metrics import best_validation, goals_of
from bench.report.plots.style import LEAST_SECONDS, Plot, frame, heading, look, short, time_axis
from bench.report.rows import Line, Table

MARKED = 0.08
"""A marker every so much of the plot's diagonal along a curve."""
FAINT = 40
"""Other seeds that are drawn: more would be a blot."""
AIR = 0.6
"""Above the worst row, of the rows' spread: so much of the first epochs is in view."""
NOTE = """\
Bold: the seed with the median fit; faint: the other seeds. A dotted level is a model without \
epochs, drawn at {least} s where its fit took less."""
PART = 0.01
"""Of the shortest training with epochs: an earlier checkpoint would squeeze it aside."""
BUDGETS_NOTE = (
    " Markers without a line are of a row that cannot be interrupted: each is a full fit."
)


class Trace(NamedTuple):
    """A line of the table in the plot: the run with the median fit, and those of other seeds.

    others  at most `FAINT`, from the fastest to the slowest
    best    median over seeds of the lowest validation RMSE
    """

    line: Line
    shown: Record
    others: Sequence[Record]
    best: float

    @property
    def points(self) -> list[Point]:
        """Of all that is drawn."""
        return [point for run in (self.shown, *self.others) for point in run.curve]

    @property
    def closed_form(self) -> bool:
        return len(self.shown.curve) == 1 and not self.shown.epoch_budgets


def curves(table: Table) -> Plot | None:
    """The plot; None where no row left a curve."""
    drawn = traces(table)
    if not drawn:
        return None
    note = NOTE.format(least=significant(least_seconds(table, drawn)).rstrip("0"))
    if any(line.runs.epoch_budgets for line in table.lines):
        note += BUDGETS_NOTE
    if any(len(trace.line.runs.with_curve) > FAINT + 1 for trace in drawn):
        note += f" Of more than {FAINT} other seeds, at most {FAINT} are drawn."
    return Plot(
        plot_of(table),
        f"Validation RMSE over training seconds on {escaped(f'{table.title}, {table.split}')}",
        note,
        lambda figure: _draw(figure, table, drawn),
        table.records,
    )


def traces(table: Table) -> list[Trace]:
    """One for each row and kind of device that left a curve, the lowest RMSE last."""
    found = []
    for line in table.lines:
        if line.runs.with_curve:
            by_fit = sorted(line.runs.with_curve, key=lambda record: record.curve[-1].seconds)
            shown = by_fit.pop((len(by_fit) - 1) // 2)
            others = by_fit[:: -(-len(by_fit) // FAINT) or 1]
            found.append(Trace(line, shown, others, best_validation(line.runs)))
    return sorted(found, key=lambda trace: -trace.best)


def limits(table: Table, drawn: Sequence[Trace]) -> tuple[float, float]:
    """Lowest and highest RMSE in view: of no run the lowest is cut off."""
    bests = [(trace.line.row.implementation, trace.best) for trace in drawn]
    low, high = frame(bests, [rmse for rmse, _ in _levels(table)], AIR)
    lowest = min(point.rmse for trace in drawn for point in trace.points)
    return min(low, lowest - 0.02 * (high - lowest)), high


def least_seconds(table: Table, drawn: Sequence[Trace]) -> float:
    """Where all that is faster is drawn: 0.001 s, or as far left as models with epochs go."""
    _, high = limits(table, drawn)
    with_epochs = [trace for trace in drawn if not trace.closed_form]
    visible = [p.seconds for trace in with_epochs for p in trace.points if p.rmse <= high]
    ends = [trace.shown.curve[-1].seconds for trace in with_epochs]
    first = max(min(visible, default=math.inf), PART * min(ends, default=math.inf))
    return min(LEAST_SECONDS, first) if first > 0 else LEAST_SECONDS


def _draw(figure: Any, table: Table, drawn: list[Trace]) -> None:
    axes = figure.subplots()
    levels = _levels(table)
    low, high = limits(table, drawn)
    least = least_seconds(table, drawn)
    axes.set_ylim(low, high)
    points = [point for trace in drawn for point in trace.points]
    visible = [p.seconds for p in points if p.rmse <= high] or [least]
    time_axis(axes, visible, least, "training time")
    names = [trace.line.name for trace in drawn]
    handles = [_draw_trace(axes, trace, high, least, names) for trace in drawn]
    _draw_levels(axes, levels)
    axes.set_ylabel("validation RMSE")
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=3.2)
    above = any(point.rmse > high for point in points)
    foot = f"What lies above {high:.3f} is out of the frame." if above else ""
    heading(figure, axes, table, "validation RMSE over training time", foot)


def _draw_trace(axes: Any, trace: Trace, high: float, least: float, names: Sequence[str]) -> Any:
    """Draw one trace of those with these names; returns its line for the legend."""
    from matplotlib.lines import Line2D

    line, shown = trace.line, trace.shown
    style = look(line.place, hollow=line.kind != "CPU")
    if trace.closed_form or shown.epoch_budgets:
        style["linestyle"] = "none"
    if trace.closed_form:
        level = {"color": style["color"], "linewidth": 0.7, "linestyle": (0, (2, 3))}
        axes.axhline(shown.curve[0].rmse, **level)
    behind = style if shown.epoch_budgets else {"color": style["color"], "linewidth": 0.7}
    # What is earlier and above the frame comes in from its left edge.
    least = least if trace.closed_form else least / 2
    axes.plot(*_points(trace.others, least), **behind, alpha=0.35)
    # Along a curve of one point matplotlib would put no marker.
    every = None if shown.epoch_budgets or len(shown.curve) == 1 else MARKED
    axes.plot(*_points([shown], least), markevery=every, **style)
    label = line.name if shown.status == "ok" else f"{line.name} ({shown.status})"
    label = short(label, [name for name in names if name != line.name])
    above = f" (above: {trace.best:.3f})" if trace.best > high else ""
    return Line2D([], [], label=label + above, **style)


def _points(records: Sequence[Record], least: float) -> tuple[list[float], list[float]]:
    """Seconds and RMSEs of their curves, each curve apart from the one before by a gap."""
    seconds: list[float] = []
    rmse: list[float] = []
    for record in records:
        gap = [math.nan] if seconds else []
        seconds += [*gap, *(max(point.seconds, least) for point in record.curve)]
        rmse += [*gap, *(point.rmse for point in record.curve)]
    return seconds, rmse


def _levels(table: Table) -> list[tuple[float, str]]:
    """RMSEs worth a line across, with what each is called, lowest first."""
    levels = [(goal, f"goal {goal_rmse(goal)}") for goal in goals_of(table)]
    floor = table.newest.data.floor
    return sorted(levels if floor is None else [*levels, (floor, f"floor {floor:.4f}")])


def _draw_levels(axes: Any, levels: list[tuple[float, str]]) -> None:
    """Thin lines, labelled in the right margin, each label clear of the one below."""
    bottom, top = axes.get_ylim()
    at = -math.inf
    grey: Any = {"color": "0.6", "linewidth": 0.6}
    for rmse, label in levels:
        axes.axhline(rmse, **grey, zorder=0)
        at = max(rmse, at + 0.04 * (top - bottom))
        axes.annotate(
            label,
            xy=(1, rmse),
            xytext=(1.02, at),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            arrowprops={"arrowstyle": "-", **grey},
            fontsize=8,
            color="0.3",
            va="center",
        )
