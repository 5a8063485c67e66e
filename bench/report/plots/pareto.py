"""Test RMSE against fit seconds, a point per row, as a PNG: who is fast, who is accurate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.files import plot_of
from bench.report.formats import significant
from bench.report.markdown import escaped
from bench.report.metrics import fit_s, mean, median, rmse
from bench.report.plots import style
from bench.report.ranking import dominated
from bench.report.rows import Line, Table

AIR = 0.15
"""Above the worst row, of the rows' spread."""
LABEL_STEPS = 200
"""A number of steps: within a time limit labels would lie elsewhere on a slower machine."""

LEGEND_COLUMNS = 4
"""As many entries of the legend as have room in a line."""


@dataclass(frozen=True)
class Place:
    """Median fit seconds and mean test RMSE of one row on one kind of device."""

    line: Line
    seconds: float
    rmse: float

    def x(self, least: float) -> float:
        """Where the point is drawn, on an axis that begins with `least` seconds."""
        return max(self.seconds, least)

    @property
    def has_epochs(self) -> bool:
        return any(record.metrics and record.metrics.epochs for record in self.line.runs.scored)


def pareto(table: Table) -> style.Plot | None:
    """The plot; None where fewer than two rows have figures."""
    found = places(table)
    if len(found) < 2:
        return None
    ahead = front(found)
    caption = [
        f"On the Pareto front, where no row is both faster and more accurate: {_names(ahead)}.",
        _beside(table, near_front(table, found)),
    ]
    return style.Plot(
        plot_of(table, "pareto"),
        f"Test RMSE against fit seconds on {escaped(f'{table.title}, {table.split}')}",
        " ".join(filter(None, caption)),
        lambda figure: _draw(figure, table, found),
        table.records,
    )


def _beside(table: Table, near: Sequence[Place]) -> str:
    """What the caption says of rows behind the front that noise may have put there."""
    if not table.has_repeats:
        return "One run of each row has no interval, so noise may have decided."
    return (
        f"Behind it, but no row is both faster and more accurate beyond noise: {_names(near)}."
        if near
        else ""
    )


def _names(some: Sequence[Place]) -> str:
    return ", ".join(escaped(place.line.name) for place in some)


def places(table: Table) -> list[Place]:
    """One for each row and kind of device that has figures."""
    return [
        Place(line, fit.value, error.value)
        for line in table.lines
        if (fit := median(line.runs, fit_s)) and (error := mean(line.runs, rmse))
    ]


def front(among: Sequence[Place]) -> list[Place]:
    """The Pareto front, fastest first: each more accurate than every one that is as fast."""
    ahead: list[Place] = []
    for place in sorted(among, key=lambda place: (place.seconds, place.rmse)):
        if not ahead or place.rmse < ahead[-1].rmse:
            ahead.append(place)
    return ahead


def near_front(table: Table, found: Sequence[Place]) -> list[Place]:
    """The rows behind the front that no other is ahead of in both beyond noise; a row of one run,
    of which that is not known, is not among them."""
    ahead, of_one_run = front(found), table.of_one_run
    behind = dominated([place.line for place in found])
    return [
        place
        for place, is_behind in zip(found, behind, strict=True)
        if not is_behind and place not in ahead and place.line not in of_one_run
    ]


def _draw(figure: Any, table: Table, found: Sequence[Place]) -> None:
    from matplotlib.lines import Line2D

    axes = figure.subplots()
    low, high = style.frame(
        [(place.line.row.implementation, place.rmse) for place in found], [], AIR
    )
    axes.set_ylim(low, high)
    axes.set_ylabel("test RMSE")
    inside = [place for place in found if place.rmse <= high]
    least = least_seconds(inside)
    style.time_axis(axes, [place.seconds for place in inside], least, "fit time")
    step = _draw_front(axes, front(found), least)
    kinds = {}
    for place in inside:
        kind, look = _look(place.line)
        kinds[kind] = look
        axes.plot(
            place.x(least),
            place.rmse,
            **look,
            color=style.COLOURS[place.line.place % len(style.COLOURS)],
        )
    points = [Line2D([], [], label=kind, color="0.2", **look) for kind, look in kinds.items()]
    handles = [*points, step]
    columns = min(len(handles), LEGEND_COLUMNS)
    figure.legend(handles=handles, loc="outside upper right", ncols=columns, frameon=False)
    outside = ", ".join(
        f"{place.line.name} ({place.rmse:.3f} in {significant(place.seconds)} s)"
        for place in found
        if place.rmse > high
    )
    foot = [f"Out of the frame: {outside}."] if outside else []
    if moved := moved_to(least, inside):
        foot.append(f"Drawn at {significant(least).rstrip('0')} s: {moved}.")
    style.heading(figure, axes, table, "test RMSE against fit time", " ".join(foot))
    _label(axes, inside, least)


def least_seconds(inside: Iterable[Place]) -> float:
    """Where all that is faster is drawn: 0.001 s, or the fastest row with epochs."""
    fastest = min((place.seconds for place in inside if place.has_epochs), default=math.inf)
    return min(style.LEAST_SECONDS, fastest) if fastest > 0 else style.LEAST_SECONDS


def moved_to(least: float, inside: Iterable[Place]) -> str:
    """The rows that are faster than the axis begins, with what they took; "" where none is."""
    return ", ".join(
        f"{place.line.name} ({significant(place.seconds)} s)"
        for place in inside
        if place.seconds < least
    )


def _draw_front(axes: Any, ahead: Sequence[Place], least: float) -> Any:
    """Steps through the front: what is below and to the left of them nobody reaches."""
    (fastest, *_), right = ahead, axes.get_xlim()[1]
    rmse = [axes.get_ylim()[1], *(place.rmse for place in ahead)]
    [line] = axes.plot(
        [*(place.x(least) for place in (fastest, *ahead)), right],
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
    if line.row.is_third_party:
        return "third-party library", {**look, "marker": "D", "markerfacecolor": "white"}
    kind, marker = ("built-in", "o") if line.row.is_built_in else ("own or plugin", "s")
    if line.kind == "CPU":
        return kind, {**look, "marker": marker}
    return f"{kind}, on {line.kind}", {**look, "marker": marker, "markerfacecolor": "white"}


def _label(axes: Any, inside: Sequence[Place], least: float) -> None:
    """A name at every point, clear of the points and of other names."""
    from adjustText import adjust_text
    from matplotlib.patheffects import withStroke

    look = {"fontsize": 8, "color": "0.2", "in_layout": False, "va": "center", "ha": "center"}
    names = [place.line.name for place in inside]
    scripts = [name for name in names if ".py:" in name]  # settings in full would hide each other
    texts = [
        axes.text(place.x(least), place.rmse, style.short(name, scripts), **look)
        for place, name in zip(inside, names, strict=True)
    ]
    for text in texts:  # readable over the line of the front, too
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    adjust_text(
        texts,
        [place.x(least) for place in inside],
        [place.rmse for place in inside],
        ax=axes,
        iter_lim=LABEL_STEPS,
        expand=(1.15, 1.9),
        arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6},
    )
