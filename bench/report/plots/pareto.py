"""Test RMSE against fit seconds, a point per row, as a PNG: who is fast, who is accurate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.report.front import Place, front, places
from bench.report.plots.style import COLOURS, LEAST_SECONDS, caption, frame, png, short, time_axis
from bench.report.rows import Line, Table
from bench.report.text import significant

AIR = 0.15
"""Above the worst row, of the rows' spread."""
LABEL_STEPS = 200
"""A number of steps: within a limit of time labels would lie elsewhere on a slower machine."""


def pareto(table: Table) -> bytes | None:
    """The plot as PNG bytes; None where fewer than two rows have figures."""
    found = places(table)
    return png(lambda figure: _draw(figure, table, found)) if len(found) > 1 else None


def _draw(figure: Any, table: Table, found: Sequence[Place]) -> None:
    from matplotlib.lines import Line2D

    axes = figure.subplots()
    low, high = frame([(place.line.row.implementation, place.rmse) for place in found], [], AIR)
    axes.set_ylim(low, high)
    axes.set_ylabel("test RMSE")
    inside = [place for place in found if place.rmse <= high]
    time_axis(axes, [place.seconds for place in inside], "fit time")
    step = _draw_front(axes, front(found))
    kinds = {}
    for place in inside:
        kind, look = _look(place.line)
        kinds[kind] = look
        axes.plot(max(place.seconds, LEAST_SECONDS), place.rmse, **look, color=_colour(place))
    points = [Line2D([], [], label=kind, color="0.2", **look) for kind, look in kinds.items()]
    handles = [*points, step]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)
    outside = [
        f"{place.line.name} ({place.rmse:.3f} in {significant(place.seconds)} s)"
        for place in found
        if place.rmse > high
    ]
    foot = f"Out of the frame: {', '.join(outside)}." if outside else ""
    caption(figure, axes, table, "test RMSE against fit time", foot)
    _label(axes, inside)


def _draw_front(axes: Any, ahead: Sequence[Place]) -> Any:
    """Steps through the front: what is below and to the left of them nobody reaches."""
    (fastest, *_), right = ahead, axes.get_xlim()[1]
    seconds = [max(place.seconds, LEAST_SECONDS) for place in (fastest, *ahead)]
    rmse = [axes.get_ylim()[1], *(place.rmse for place in ahead)]
    [line] = axes.plot(
        [*seconds, right],
        [*rmse, rmse[-1]],
        drawstyle="steps-post",
        color="0.55",
        linewidth=1,
        zorder=1,
        label="Pareto front: no row is both faster and more accurate",
    )
    return line


def _look(line: Line) -> tuple[str, dict[str, Any]]:
    """What kind of row it is, and how that is drawn."""
    look = {"linestyle": "none", "markersize": 6.5, "markeredgewidth": 1.4, "zorder": 4}
    if line.row.is_peer:
        return "a library", {**look, "marker": "D", "markerfacecolor": "white"}
    if line.kind == "CPU":
        return "ours", {**look, "marker": "o"}
    return f"ours on {line.kind}", {**look, "marker": "o", "markerfacecolor": "white"}


def _colour(place: Place) -> str:
    return COLOURS[place.line.place % len(COLOURS)]


def _label(axes: Any, inside: Sequence[Place]) -> None:
    """A name at every point, clear of the points and of other names."""
    from adjustText import adjust_text
    from matplotlib.patheffects import withStroke

    seconds = [max(place.seconds, LEAST_SECONDS) for place in inside]
    rmse = [place.rmse for place in inside]
    look = {"fontsize": 8, "color": "0.2", "in_layout": False}
    texts = [
        axes.text(x, y, short(place.line.name), va="center", ha="center", **look)
        for x, y, place in zip(seconds, rmse, inside, strict=True)
    ]
    for text in texts:  # readable over the line of the front, too
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    adjust_text(
        texts,
        seconds,
        rmse,
        ax=axes,
        iter_lim=LABEL_STEPS,
        expand=(1.15, 1.9),
        arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6},
    )
