"""Our rows beside published numbers, each under the protocol that was published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.records import Record, Reference
from bench.report.files import MARK
from bench.report.layout import Column, Footnotes, markdown
from bench.report.machines import caption
from bench.report.metrics import Figure, mae, mean, rmse
from bench.report.pages.dataset import machines
from bench.report.prose import notes
from bench.report.rows import Runs, Table
from bench.report.text import NOTHING, error, escaped, signed, target, title
from bench.stats import Interval


@dataclass(frozen=True)
class Line:
    """One published number, and the runs that stand beside it."""

    label: str
    table: Table
    reference: Reference
    metric: str
    published: float
    runs: Runs
    figure: Figure
    reach: float | None


def published_page(tables: Sequence[Table]) -> str:
    """The page, a section per machine; "" where no record carries a reference."""
    parts = []
    for machine in machines(tables):
        lines = [line for t in tables if t.machine == machine for line in _lines(t)]
        if not lines:
            continue
        used = list({id(line.table): line.table for line in lines}.values())
        records = sorted((r for t in used for r in t.records), key=lambda r: r.started_at)
        footnotes = Footnotes()
        parts += [
            f"## Machine {escaped(machine)}",
            escaped(caption(records)),
            *dict.fromkeys(note for table in used for note in notes(table)),
            _table(lines, footnotes),
            "\n".join(footnotes.lines()),
        ]
    if not parts:
        return ""
    head = [
        MARK,
        "# Beside published numbers",
        "[All results](index.md)",
        "Each row repeats a publication's protocol, and is scored as it was scored there. "
        "The number in brackets leads to the protocol, below the table. `of` is what reached the "
        "published number, which may be another model. Ours is the mean over seeds, or over the "
        "folds of a cross-validation, ± its 95 % t interval; where the split has no validation "
        "part, it is the last epoch's. Difference: ours less the published number. Agreed: what "
        "the suite asks of ours; — where it asks nothing. Where a number is not reached, "
        "`docs/implementations.md` says what was tried.",
    ]
    return "\n\n".join(part for part in [*head, *parts] if part) + "\n"


def _lines(table: Table) -> Iterator[Line]:
    for row in table.rows:
        for kind, runs in row.runs.items():
            reference = next((r.reference for r in runs.records[::-1] if r.reference), None)
            if reference is None:
                continue
            label = row.label if kind == "CPU" else f"{row.label}, {kind}"
            clipped = reference.clipped
            for metric, number, figure, reach in (
                ("RMSE", reference.rmse, rmse if clipped else _rmse_raw, reference.reach),
                ("MAE", reference.mae, mae if clipped else _mae_raw, None),
            ):
                if number is not None:
                    name = metric if clipped else f"{metric}, unclipped"
                    yield Line(label, table, reference, name, number, runs, figure, reach)


def _table(lines: Sequence[Line], footnotes: Footnotes) -> str:
    ours = [mean(line.runs, line.figure) for line in lines]
    off = [
        made.value - line.published if made else None
        for made, line in zip(ours, lines, strict=True)
    ]
    protocols = [
        footnotes.marks([f"{line.reference.protocol}. Source: {line.reference.source}"])
        for line in lines
    ]
    statuses = [line.runs.status + footnotes.marks(line.runs.remarks) for line in lines]
    names = [escaped(line.label) + mark for line, mark in zip(lines, protocols, strict=True)]
    data = [f"{escaped(title(t.dataset))}, {escaped(t.split)}" for t in (x.table for x in lines)]
    return markdown(
        [
            Column("implementation", names, "left"),
            Column("data", data, "left"),
            Column("metric", [line.metric for line in lines], "left"),
            Column("published", [f"{line.published:.4g}" for line in lines]),
            Column("of", [escaped(line.reference.of) or NOTHING for line in lines], "left"),
            Column("ours", [error(made) for made in ours]),
            Column("difference", [NOTHING if it is None else signed(it) for it in off]),
            Column("agreed", [_agreed(*pair) for pair in zip(ours, lines, strict=True)], "left"),
            Column("status", statuses, "left"),
        ]
    )


def _agreed(ours: Interval | None, line: Line) -> str:
    """`±0.005: yes` and `≤ 0.840: no`: what was agreed, and whether it is so."""
    if ours is None:
        return NOTHING
    held = {}
    if (within := line.reference.within) is not None:
        held[f"±{within:g}"] = abs(ours.value - line.published) <= within
    if line.reach is not None:
        held[f"≤ {target(line.reach)}"] = ours.value <= line.reach
    return ", ".join(f"{it}: {'yes' if so else 'no'}" for it, so in held.items()) or NOTHING


def _rmse_raw(record: Record) -> float | None:
    return record.metrics.rmse_raw if record.metrics else None


def _mae_raw(record: Record) -> float | None:
    return record.metrics.mae_raw if record.metrics else None
