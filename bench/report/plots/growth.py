"""Seconds per epoch and peak memory over the number of ratings, both axes logarithmic."""

from __future__ import annotations

from typing import Any

from bench.report.files import plot_name
from bench.report.growth import Growth, Trend, epoch_s, peak_bytes
from bench.report.metrics import Figure
from bench.report.plots.style import Plot, around, log_panel, log_ticks, look, short

GUIDE: Any = {"color": "0.6", "linewidth": 0.8, "linestyle": (0, (2, 3))}


def growth_plot(growth: Growth) -> Plot:
    """The plot of one machine and split."""
    return Plot(
        plot_name("growth", growth.split, growth.machine),
        "Seconds per epoch and peak memory over ratings",
        "",
        lambda figure: _draw(figure, growth),
    )


def _draw(figure: Any, growth: Growth) -> None:
    from matplotlib.lines import Line2D

    panels = figure.subplots(1, 2)
    _panel(panels[0], growth, epoch_s, 1, "seconds per epoch")
    _panel(panels[1], growth, peak_bytes, 1e6, "peak memory, MB")
    handles = [Line2D([], [], label=_label(growth, t), **_look(t)) for t in growth.trends]
    handles.append(Line2D([], [], label="in proportion to the ratings", **GUIDE))
    title = f"Growth on synthetic datasets, {growth.split}"
    around(figure, title, handles, growth.records[-1])


def _panel(axes: Any, growth: Growth, figure: Figure, unit: float, label: str) -> None:
    log_panel(axes)
    lines = [trend.medians(figure) for trend in growth.trends]
    for trend, medians in zip(growth.trends, lines, strict=True):
        axes.plot(medians.keys(), [value / unit for value in medians.values()], **_look(trend))
    _guides(axes, growth, [value / unit for medians in lines for value in medians.values()])
    names = [name.removeprefix("synthetic-") for name in growth.names.values()]
    axes.set_xticks(list(growth.names), names)
    axes.yaxis.set_major_locator(log_ticks(*axes.get_ylim()))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_xlabel("ratings (log scale)")
    axes.set_ylabel(f"{label} (log scale)")


def _guides(axes: Any, growth: Growth, values: list[float]) -> None:
    """Faint lines of slope 1, a factor of ten apart, inside the frame of the data."""
    if not values:
        return
    low, high = axes.get_ylim()
    first, last = min(growth.names), max(growth.names)
    level = low * first / last
    while level < high:
        axes.plot([first, last], [level, level * last / first], zorder=0, **GUIDE)
        level *= 10
    axes.set_ylim(low, high)


def _look(trend: Trend) -> dict[str, Any]:
    return look(trend.style, hollow=trend.kind != "CPU")


def _label(growth: Growth, trend: Trend) -> str:
    several = len({other.kind for other in growth.trends}) > 1
    return short(f"{trend.label}@{trend.kind.lower()}" if several else trend.label)
