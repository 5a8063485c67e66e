"""The speed-up of CUDA over the number of ratings and over the batch size, all axes logarithmic."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from bench.report.files import plot_name
from bench.report.plots.style import Plot, around, log_panel, log_ticks, look, short
from bench.report.speedup import Curve, Speedup, over_batches, over_ratings

ABREAST = 3
"""Panels in a row, at most."""
EVEN: Any = {"color": "0.35", "linewidth": 1.1}


def ratings_plot(speedup: Speedup) -> Plot:
    """A curve per implementation over the number of ratings."""
    curves = over_ratings(speedup)

    def draw(figure: Any) -> None:
        _panel(figure.subplots(), curves, looks(speedup), "ratings", base=10)
        _legend(figure, speedup, curves, "number of ratings")

    path = plot_name("cuda", "ratings", speedup.split, speedup.machine)
    return Plot(path, "Speed-up over the number of ratings", "", draw)


def batches_plot(speedup: Speedup) -> Plot | None:
    """A panel per dataset, in it a curve per implementation over the batch size; None where
    nothing ran with two batch sizes."""
    panels = over_batches(speedup)

    def draw(figure: Any) -> None:
        columns = min(len(panels), ABREAST)
        rows = math.ceil(len(panels) / columns)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.remove()
        for axes, (dataset, curves) in zip(grid.flat, panels.items(), strict=False):
            _panel(axes, curves, looks(speedup), "batch size", base=16)
            axes.set_title(short(dataset), fontsize=9)
            axes.label_outer()
        _legend(figure, speedup, list(itertools.chain(*panels.values())), "batch size")

    path = plot_name("cuda", "batches", speedup.split, speedup.machine)
    return Plot(path, "Speed-up over the batch size", "", draw) if panels else None


def looks(speedup: Speedup) -> dict[str, dict[str, Any]]:
    """Label of a curve -> colour, marker and dashes, the same in both plots."""
    curves = [*over_ratings(speedup), *itertools.chain(*over_batches(speedup).values())]
    drawn = {curve.label for curve in curves}
    labels = dict.fromkeys(pair.label for pair in speedup.pairs if pair.label in drawn)
    return {label: look(style) for style, label in enumerate(labels)}


def _panel(
    axes: Any, curves: Sequence[Curve], looks: dict[str, dict[str, Any]], size: str, base: int
) -> None:
    """The curves, with sizes named at the powers of `base`."""
    from matplotlib.ticker import LogLocator

    log_panel(axes)
    axes.axhline(1, zorder=1, **EVEN)
    for curve in curves:
        sizes = [size for size, _ in curve.points]
        faster = [compared.interval for _, compared in curve.points]
        axes.plot(sizes, [times.value for times in faster], **looks[curve.label])
        low, high = [times.low for times in faster], [times.high for times in faster]
        axes.vlines(sizes, low, high, colors=looks[curve.label]["color"], linewidth=1)
    axes.xaxis.set_major_locator(LogLocator(base))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_locator(log_ticks(*axes.get_ylim()))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.minorticks_off()
    axes.set_xlabel(f"{size} (log scale)")
    axes.set_ylabel("speed-up (log scale)")


def _legend(figure: Any, speedup: Speedup, curves: Sequence[Curve], size: str) -> None:
    """What is around the panels; the legend names each curve once."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], label=textwrap.fill(name, 26), **style)
        for label, style in looks(speedup).items()
        for name in dict.fromkeys(curve.name for curve in curves if curve.label == label)
    ]
    handles.append(Line2D([], [], label="as fast as the CPU;\nabove it CUDA is faster", **EVEN))
    title = f"CPU seconds over CUDA seconds per epoch, by {size}, {speedup.split}"
    around(figure, title, handles, speedup.records[-1])
