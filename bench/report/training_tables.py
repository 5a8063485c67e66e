"""What a run costs besides its fit, and the first columns of a table with a line per device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.records import Memory, Record, Times
from bench.report.layout import Column, Footnotes, markdown
from bench.report.metrics import (
    Figure,
    joules_per_fit,
    median,
    millions_of_updates,
    per_cent_of_limit,
)
from bench.report.rows import Line, Runs, Table
from bench.report.text import NOTHING, escaped, significant


def cost_table(table: Table, notes: Footnotes) -> str:
    """Medians of what surrounds the fit. A column that no row has a figure for is left out, but
    that energy is not available is told wherever a row ran on a device."""
    lines = table.lines
    columns = names(lines, table, notes)
    for header, figure in COSTS.items():
        cells = [_median(runs, figure) for *_, runs in lines]
        if set(cells) != {NOTHING}:
            columns.append(Column(header, cells))
    if ran_on_a_device(table):
        columns.append(Column("J per fit", [_joules(line.runs, notes) for line in lines]))
    return markdown(columns)


def ran_on_a_device(table: Table) -> bool:
    """Whether a row has figures from elsewhere than the CPU, so that energy is told of."""
    return any(line.kind != "CPU" and line.runs.scored for line in table.lines)


def reasons(runs: Runs) -> list[str]:
    """Why a row has no figures; the main table tells the doubts about one that has."""
    return [] if runs.any_ok else runs.remarks


def names(
    lines: Sequence[Line],
    table: Table,
    notes: Footnotes,
    remarks: Callable[[Runs], list[str]] = reasons,
) -> list[Column]:
    """The rows' labels with the numbers of their remarks, and their devices where there are two."""
    labels = [escaped(line.row.label) + notes.marks(remarks(line.runs)) for line in lines]
    columns = [Column("implementation", labels, "left")]
    if len(table.kinds) > 1:
        columns.append(Column("device", [line.kind for line in lines], "left"))
    return columns


def _joules(runs: Runs, notes: Footnotes) -> str:
    """The reason for none is told where the row has one, as the CPU's have not."""
    if not runs.scored:
        return NOTHING
    if interval := median(runs, joules_per_fit):
        return significant(interval.value)
    reasons = dict.fromkeys(r.energy_reason for r in runs.scored if r.energy_reason)
    return "not available" + notes.marks(f"no energy: {reason}" for reason in reasons)


def _median(runs: Runs, figure: Figure) -> str:
    interval = median(runs, figure)
    return significant(interval.value) if interval else NOTHING


def _time(part: Callable[[Times], float | None]) -> Figure:
    return lambda record: part(record.times) if record.times else None


def _megabytes(peak: Callable[[Memory], int | None]) -> Figure:
    def figure(record: Record) -> float | None:
        held = peak(record.memory) if record.memory else None
        return None if held is None else held / 1e6

    return figure


COSTS = {
    "warm-up s": _time(lambda times: times.warmup_s),
    "epoch s": _time(lambda times: times.epoch_s),
    "M updates/s": millions_of_updates,
    "% of limit": per_cent_of_limit,
    "predict s": _time(lambda times: times.predict_s),
    "evaluation s": _time(lambda times: times.evaluation_s),
    "cold s": _time(lambda times: times.first_model_s),
    "host peak MB": _megabytes(lambda memory: memory.host_peak_bytes),
    "device peak MB": _megabytes(lambda memory: memory.device_peak_bytes),
}
