"""The main table: accuracy beside time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.records import Record
from bench.report.layout import Column, Footnotes, markdown
from bench.report.metrics import (
    REFERENCE,
    fit_s,
    mae,
    mean,
    median,
    reference_row,
    rmse,
    times_faster,
)
from bench.report.rows import Row, Runs, Table
from bench.report.text import NOTHING, error, escaped, seconds, times


def main_table(table: Table, notes: Footnotes) -> str:
    """Accuracy beside time: one line per row, its CPU and CUDA figures side by side."""
    return markdown(
        [
            _labels(table.rows),
            Column("model", [escaped(row.model) or NOTHING for row in table.rows], "left"),
            *_per_kind(table, "test RMSE", lambda runs: error(mean(runs, rmse))),
            Column("test MAE", [error(mean(_main_runs(row), mae)) for row in table.rows]),
            *_fit_columns(table),
            Column("epochs", [_epochs(_main_runs(row)) for row in table.rows]),
            _status_column(table, notes),
        ]
    )


def _fit_columns(table: Table) -> list[Column]:
    """Fit time, and how many times faster that is than the reference's on the CPU."""
    columns = [
        Column(f"fit s ({kind})", [seconds(median(r.runs.get(kind), fit_s)) for r in table.rows])
        for kind in table.kinds
    ]
    reference = reference_row(table)
    if reference is None:
        return columns
    faster = _per_kind(table, f"× {REFERENCE}", lambda runs: times(times_faster(runs, reference)))
    return columns + faster


def _status_column(table: Table, notes: Footnotes) -> Column:
    """`ok [1]`, or `CPU ok, CUDA skipped [1]` where the table has both."""
    cells = []
    for row in table.rows:
        told = {
            kind: runs.status + notes.marks(runs.remarks) for kind, runs in sorted(row.runs.items())
        }
        named = len(table.kinds) > 1
        cells.append(", ".join(f"{kind} {it}" if named else it for kind, it in told.items()))
    return Column("status", cells, "left")


def _labels(rows: Sequence[Row]) -> Column:
    return Column("implementation", [escaped(row.label) for row in rows], "left")


def _per_kind(table: Table, header: str, cell: Callable[[Runs | None], str]) -> list[Column]:
    """A column for each kind of device, which its header names where there are several."""
    several = len(table.kinds) > 1
    return [
        Column(
            f"{header} ({kind})" if several else header,
            [cell(row.runs.get(kind)) for row in table.rows],
        )
        for kind in table.kinds
    ]


def _main_runs(row: Row) -> Runs | None:
    """On the CPU, or on another device where the CPU has no figures."""
    return next((row.runs[kind] for kind in sorted(row.runs) if row.runs[kind].scored), None)


def _epochs(runs: Runs | None) -> str:
    """`12/15`: medians of the best epoch and of those that ran; nothing for a closed form."""
    ran = median(runs, _epochs_ran)
    if not ran or not ran.value:
        return NOTHING
    best = median(runs, _best_epoch)
    return f"{best.value:g}/{ran.value:g}" if best else f"{ran.value:g}"


def _epochs_ran(record: Record) -> float | None:
    return record.metrics.epochs if record.metrics else None


def _best_epoch(record: Record) -> float | None:
    return record.metrics.best_epoch if record.metrics else None
