"""Validation RMSE over training seconds, one curve per row, as a PNG.

Distinct by marker and line style as well as by colour, so that it reads in greyscale.
The bytes depend on the table alone: fonts, metadata and settings are fixed.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable
from typing import Any

from bench.records import Record
from bench.report.figures import targets
from bench.report.machines import hardware
from bench.report.rows import Table
from bench.report.text import target, title
from bench.report.traces import Trace, frame, traces

MADE_BY = "ratebench"
"""Stands in the file's metadata, by which a plot is known as ours."""

# Okabe and Ito's colours, dark and light by turns. The three cycles have no common factor
# below 84 rows, so no two rows look alike.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", "h", ">")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # a name may hold a $
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
}
LEAST_SECONDS = 1e-3
"""Closed forms take microseconds; drawn as such they would squeeze the curves aside."""
MARKS_PER_CURVE = 7


def plot(table: Table) -> bytes | None:
    """The plot as PNG bytes; None where no row left a curve."""
    drawn = traces(table)
    return png(lambda figure: _draw(figure, table, drawn)) if drawn else None


def png(draw: Callable[[Any], None]) -> bytes:
    """What `draw` draws on a figure, as the bytes of a PNG."""
    # Here, for the import takes most of a second. Not pyplot: it would pick a backend.
    from matplotlib import figure, rc_context, rcdefaults

    with rc_context():
        rcdefaults()
        with rc_context(STYLE):
            made = figure.Figure(figsize=(10, 5.4), layout="constrained")
            draw(made)
            file = io.BytesIO()
            made.savefig(file, format="png", dpi=110, metadata={"Software": MADE_BY})
    return file.getvalue()


def look(style: int, *, on_cpu: bool) -> dict[str, Any]:
    """Colour, marker and dashes of the row at place `style`; hollow where not on the CPU."""
    return {
        "color": COLOURS[style % len(COLOURS)],
        "marker": MARKERS[style % len(MARKERS)],
        "linestyle": DASHES[style % len(DASHES)],
        "markerfacecolor": None if on_cpu else "white",
    }


def short(label: str) -> str:
    """A row's label as a plot has room for it: its end, where rows differ."""
    return label if len(label) <= 36 else f"…{label[-35:]}"


def _draw(figure: Any, table: Table, drawn: list[Trace]) -> None:
    axes = figure.subplots()
    levels = _levels(table)
    low, high = frame(drawn, [rmse for rmse, _ in levels])
    axes.set_ylim(low, high)
    runs = [run for trace in drawn for run in (trace.shown, *trace.others)]
    points = [point for run in runs for point in run.curve]
    _time_axis(axes.xaxis, [p.seconds for p in points if p.rmse <= high] or [LEAST_SECONDS])
    axes.grid(axis="x", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    handles = [_draw_trace(axes, trace, high) for trace in drawn]
    _draw_levels(axes, levels)
    axes.set_xlabel("training time, seconds (log scale)")
    axes.set_ylabel("validation RMSE")
    heading = f"{title(table.dataset)}, {table.split}: validation RMSE over training time"
    notes = textwrap.wrap(table.newest.data.note, 110)
    axes.set_title("\n".join([heading, *notes]), loc="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=3.2)
    foot = hardware(table.newest)
    if any(point.rmse > high for point in points):
        foot += f". What lies above {high:.3f} is out of the frame."
    figure.supxlabel(foot, fontsize=7.5, color="0.35", x=0.01, ha="left")


def _time_axis(axis: Any, seconds: list[float]) -> None:
    """A log axis in plain seconds that has several labels however short its span."""
    from matplotlib.ticker import LogLocator, NullFormatter

    first, last = (max(end, LEAST_SECONDS) for end in (min(seconds), max(seconds)))
    narrow = last < 50 * first
    axis.axes.set_xscale("log")
    axis.axes.set_xlim(first / 2, last * 2)
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    axis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    axis.set_minor_formatter(NullFormatter())


def _draw_trace(axes: Any, trace: Trace, high: float) -> Any:
    """Draw one trace; returns its line for the legend."""
    from matplotlib.lines import Line2D

    style = look(trace.style, on_cpu=trace.on_cpu)
    above = f" (above: {trace.best:.3f})" if trace.best > high else ""
    if trace.closed_form:
        style["linestyle"] = "none"
        axes.axhline(
            trace.shown.curve[0].rmse, color=style["color"], linewidth=0.7, linestyle=(0, (2, 3))
        )
    for record in trace.others:
        seconds, rmse = _points(record)
        axes.plot(seconds, rmse, color=style["color"], linewidth=0.7, alpha=0.35)
    seconds, rmse = _points(trace.shown)
    axes.plot(seconds, rmse, markevery=_marked(seconds, rmse, high), **style)
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
    levels = [(goal, f"target {target(goal)}") for goal in targets(table)]
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
