"""The speed-up of CUDA over the number of ratings and over the batch size, all axes logarithmic."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from bench.report.machines import hardware
from bench.report.pages.cuda_lines import Line, over_batches, over_ratings
from bench.report.plots.style import look, png, short
from bench.report.speedup import Speedup

ABREAST = 3
"""Panels in a row, at most."""
EVEN: Any = {"color": "0.35", "linewidth": 1.1}


def ratings_plot(speedup: Speedup) -> bytes:
    """A line per implementation over the number of ratings, as PNG bytes."""
    lines = over_ratings(speedup)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        _panel(axes, lines, "ratings", base=10)
        _around(figure, speedup, lines, "number of ratings")

    return png(draw)


def batches_plot(speedup: Speedup) -> bytes | None:
    """A panel per dataset, in it a line per implementation over the batch size, as PNG bytes;
    None where nothing ran with two of them."""
    panels = over_batches(speedup)

    def draw(figure: Any) -> None:
        columns = min(len(panels), ABREAST)
        rows = math.ceil(len(panels) / columns)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.remove()
        for axes, (dataset, lines) in zip(grid.flat, panels.items(), strict=False):
            _panel(axes, lines, "batch size", base=16)
            axes.set_title(short(dataset), fontsize=9)
            axes.label_outer()
        _around(figure, speedup, itertools.chain(*panels.values()), "batch size")

    return png(draw) if panels else None


def _panel(axes: Any, lines: Sequence[Line], size: str, base: int) -> None:
    """The lines, with sizes named at the powers of `base`."""
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axhline(1, zorder=1, **EVEN)
    for line in lines:
        axes.plot(*zip(*line.points, strict=True), **look(line.style, on_cpu=True))
    axes.xaxis.set_major_locator(LogLocator(base))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.minorticks_off()
    axes.set_xlabel(f"{size} (log scale)")
    axes.set_ylabel("speed-up (log scale)")


def _around(figure: Any, speedup: Speedup, lines: Iterable[Line], size: str) -> None:
    """The legend, which names each line once, the heading and the machine."""
    from matplotlib.lines import Line2D

    named = {line.name: line for line in sorted(lines, key=lambda line: line.style)}
    handles = [
        Line2D([], [], label=textwrap.fill(name, 26), **look(line.style, on_cpu=True))
        for name, line in named.items()
    ]
    handles.append(Line2D([], [], label="as fast as the CPU;\nabove it CUDA is faster", **EVEN))
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=3.2)
    heading = f"CPU seconds over CUDA seconds per epoch, by {size}, {speedup.split}"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=10)
    told = hardware(speedup.records[-1])
    figure.supxlabel(told, fontsize=7.5, color="0.35", x=0.01, ha="left")
