"""What a plot shows: which run stands for a row, and what the frame takes in."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.records import Record
from bench.report.rows import Table


@dataclass(frozen=True)
class Trace:
    """One line of the plot: the run with the median fit, and those of other seeds behind it.

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
        return len(self.shown.curve) == 1


def traces(table: Table) -> list[Trace]:
    """One for each row and kind of device that left a curve, the lowest RMSE last."""
    made = [
        _trace(table, style, kind, curves)
        for style, row in enumerate(table.rows)
        for kind in table.kinds
        if kind in row.runs and (curves := row.runs[kind].with_curve)
    ]
    return sorted(made, key=lambda trace: -trace.best)


def frame(drawn: Sequence[Trace], levels: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest RMSE in view: the rows' bests, the levels, and some air.

    First epochs and global_mean lie so far above that the rows would fall on one line. So
    the top is a little above the rows that beat global_mean.
    """
    mean = min((t.best for t in drawn if t.implementation == "global_mean"), default=math.inf)
    models = [trace.best for trace in drawn if trace.best < mean]
    inside = [*(models or [trace.best for trace in drawn]), *levels]
    spread = max(max(inside) - min(inside), 0.01)
    return min(inside) - 0.08 * spread, max(inside) + 0.6 * spread


def _trace(table: Table, style: int, kind: str, curves: list[Record]) -> Trace:
    curves = sorted(curves, key=lambda record: record.curve[-1].seconds)
    shown = curves[(len(curves) - 1) // 2]
    label = table.rows[style].label
    if len(table.kinds) > 1:
        label += f", {kind}"
    if shown.status != "ok":
        label += f" ({shown.status})"
    return Trace(
        implementation=table.rows[style].implementation,
        label=label,
        shown=shown,
        others=[record for record in curves if record is not shown],
        best=statistics.median(min(p.rmse for p in record.curve) for record in curves),
        style=style,
        on_cpu=kind == "CPU",
    )
