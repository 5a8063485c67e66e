"""Two rows against each other, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.records import Record
from bench.report.findings import Side, faster, more_accurate, sooner
from bench.report.grouping import tables
from bench.report.metrics import by_seed, fit_s, goals_of, rmse
from bench.report.rows import Table, device_kind
from bench.report.text import title
from bench.stats import Comparison, difference, ratio


def compare(
    records: Iterable[Record],
    a: str,
    b: str,
    dataset: str | None = None,
    machine: str | None = None,
) -> str:
    """Which of two rows is faster and which more accurate, a paragraph per table.

    a, b     `implementation[:preset][@device]`, or a row's label as the tables have it
    dataset  a dataset's name or the name of its file; None: every one
    machine  a machine's id; None: every one

    Raises ValueError, naming the rows there are, where no table has both, or where a
    selector could be several rows of one table.
    """
    made = tables(records)
    chosen = [
        table
        for table in made
        if dataset in (None, table.dataset, title(table.dataset))
        and machine in (None, table.machine)
    ]
    found = [(table, _find(table, a), _find(table, b)) for table in chosen]
    paragraphs = [_paragraph(table, left, right) for table, left, right in found if left and right]
    if not paragraphs:
        raise ValueError(f"no table has both '{a}' and '{b}'{_listing(chosen or made)}")
    return "\n\n".join(paragraphs)


def _find(table: Table, selector: str) -> Side | None:
    """The row on one device that `selector` names; the CPU's where it names no device."""
    name, at, device = selector.rpartition("@")
    name = name if at else selector
    matches = [row for row in table.rows if row.label == name]
    matches = matches or [row for row in table.rows if row.name == name]
    if len(matches) > 1:
        labels = ", ".join(f"'{row.label}'" for row in matches)
        raise ValueError(f"'{selector}' is several rows of {_where(table)}; name one: {labels}")
    for row in matches:
        kind = device_kind(device) if at else min(row.runs)
        if kind in row.runs:
            return Side(
                row.label if kind == "CPU" else f"{row.label}@{kind.lower()}", row.runs[kind]
            )
    return None


def _paragraph(table: Table, a: Side, b: Side) -> str:
    without = [side for side in (a, b) if not side.runs.scored]
    if without:
        told = [
            f"{side.name} has no figures on {_where(table)} ({'; '.join(side.runs.remarks)})."
            for side in without
        ]
    else:
        told = _sentences(table, a, b)
    return " ".join([*told, *dict.fromkeys(r.data.note for r in table.records if r.data.note)])


def _sentences(table: Table, a: Side, b: Side) -> list[str]:
    speed = ratio(by_seed(b.runs, fit_s), by_seed(a.runs, fit_s))
    if speed.interval.value < 1:
        a, b = b, a
        speed = ratio(by_seed(b.runs, fit_s), by_seed(a.runs, fit_s))
    told = [faster(a, b, speed, _where(table, _seeds(a, b, speed)))]
    told.append(more_accurate(a, difference(by_seed(b.runs, rmse), by_seed(a.runs, rmse))))
    told += [finding for goal in goals_of(table) if (finding := sooner(a, b, goal))]
    if speed.interval.level is None:
        told.append("One seed gives no interval: run both with `--seeds 3` or more.")
    for side in (a, b):
        late = sum(record.status == "timeout" for record in side.runs.scored)
        if late:
            total = len(side.runs.scored)
            told.append(f"{side.name} was stopped by its time limit in {late} of {total} runs.")
    return told


def _seeds(a: Side, b: Side, speed: Comparison) -> str:
    if speed.pairs:
        return f"{speed.pairs} paired seed{'s' * (speed.pairs > 1)}"
    return f"{len(a.runs.scored)} and {len(b.runs.scored)} seeds, unpaired"


def _where(table: Table, seeds: str = "") -> str:
    parts = [table.split, seeds, f"machine {table.machine}"]
    return f"{title(table.dataset)} ({', '.join(part for part in parts if part)})"


def _listing(among: Sequence[Table]) -> str:
    if not among:
        return ": nothing is recorded yet"
    lines = [
        f"  {_where(table)}: "
        + ", ".join(f"{row.label}@{kind.lower()}" for row in table.rows for kind in row.runs)
        for table in among
    ]
    return "\n".join(["; the rows there are:", *lines])
