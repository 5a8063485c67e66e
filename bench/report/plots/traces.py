"""What the plot of curves shows: which run stands for a row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.records import Record
from bench.report.rows import Line, Table


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
        return len(self.shown.curve) == 1 and not self.epoch_budgets

    @property
    def epoch_budgets(self) -> bool:
        return self.shown.epoch_budgets


def traces(table: Table) -> list[Trace]:
    """One for each row and kind of device that left a curve, the lowest RMSE last."""
    made = [_trace(line, curves) for line in table.lines if (curves := line.runs.with_curve)]
    return sorted(made, key=lambda trace: -trace.best)


def _trace(line: Line, curves: list[Record]) -> Trace:
    curves = sorted(curves, key=lambda record: record.curve[-1].seconds)
    shown = curves[(len(curves) - 1) // 2]
    return Trace(
        implementation=line.row.implementation,
        label=line.name if shown.status == "ok" else f"{line.name} ({shown.status})",
        shown=shown,
        others=[record for record in curves if record is not shown],
        best=statistics.median(min(p.rmse for p in record.curve) for record in curves),
        style=line.place,
        on_cpu=line.kind == "CPU",
    )
