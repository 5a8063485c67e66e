"""Validation RMSE over training seconds, one curve per row, as a PNG.

Distinct by marker and line style as well as by colour, so that it reads in greyscale.
The bytes depend on the table alone: fonts, metadata and settings are fixed.
"""

from __future__ import annotations

import io
import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from bench.records import Record
from bench.report.figures import targets
from bench.report.machines import hardware
from bench.report.rows import Table
from bench.report.text import target, title

MADE_BY = "ratebench"

# Okabe & Ito's colours, dark and light by turns; with markers and dashes no two rows look alike.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", "h", ">")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))

STYLE = {
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


@dataclass(frozen=True)
class Trace:
    """One line of the plot: the seed with the median fit, the other seeds faint behind it."""

    label: str
    shown: Record
    others: Sequence[Record]
    best: float
    on_cpu: bool

    @property
    def closed_form(self) -> bool:
        return len(self.shown.curve) == 1


def traces(table: Table) -> list[Trace]:
    """One for each row and kind of device that left a curve; the lowest RMSE comes last."""
    made = []
    for row in table.rows:
        for kind, runs in row.runs.items():
            curves = [r for r in runs.records if r.curve and r.status in ("ok", "timeout")]
            if not curves:
                continue
            curves.sort(key=lambda record: record.curve[-1].seconds)
            shown = curves[(len(curves) - 1) // 2]
            label = row.label if len(table.kinds) == 1 else f"{row.label}, {kind}"
            if shown.status != "ok":
                label += f" ({shown.status})"
            others = [record for record in curves if record is not shown]
            best = statistics.median(min(p.rmse for p in record.curve) for record in curves)
            made.append(Trace(label, shown, others, best, kind == "CPU"))
    return sorted(made, key=lambda trace: -trace.best)
