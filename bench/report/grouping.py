"""From records to tables: who stands with whom, in which order, under which label."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bench.records import Record
from bench.report.counting import dataset_names, grouped, newest_per_seed, of_newest_source
from bench.report.rows import Row, Runs, Table, device_kind
from impls.registry import IMPLEMENTATIONS

REGISTERED = list(IMPLEMENTATIONS)


def tables(records: Iterable[Record]) -> list[Table]:
    """One table for each dataset fingerprint, machine and split, in the order of their names."""
    ordered = sorted(records, key=lambda record: record.started_at)
    names = dataset_names(ordered)
    groups = grouped(ordered, lambda r: (r.data.fingerprint, r.environment.machine, r.cell.split))
    made = [
        Table(names[fingerprint], split, machine, rows(group))
        for (fingerprint, machine, split), group in groups.items()
    ]
    return sorted(made, key=lambda t: (t.dataset, t.newest.data.fingerprint, t.machine, t.split))


def rows(records: Sequence[Record]) -> tuple[Row, ...]:
    """Rows of one table, from its records, oldest first.

    In the order of the registry (baselines first), then by name; the default preset leads.
    """
    return tuple(labelled([row_of(group, newest_per_seed) for group in by_row(records)]))


def by_row(records: Sequence[Record]) -> list[list[Record]]:
    """The records of each row, less those of older source; oldest first."""
    by_preset = grouped(records, lambda r: (r.cell.implementation, r.cell.preset))
    counting = [record for group in by_preset.values() for record in of_newest_source(group)]
    return list(grouped(counting, _row_key).values())


def _row_key(record: Record) -> tuple[str, str, str, int]:
    cell = record.cell
    hyperparameters = json.dumps(cell.hyperparameters, sort_keys=True)
    return cell.implementation, cell.preset, hyperparameters, cell.threads


def row_of(group: list[Record], counting: Callable[[list[Record]], tuple[Record, ...]]) -> Row:
    """An unlabelled row of the group's records, on each kind of device those that count."""
    cell = group[-1].cell
    by_kind = grouped(group, lambda record: device_kind(record.cell.device))
    runs = {kind: Runs(counting(by_kind[kind])) for kind in sorted(by_kind)}
    return Row(
        cell.implementation, cell.preset, cell.hyperparameters, cell.threads, cell.model, runs
    )


def _place(row: Row) -> tuple[object, ...]:
    known = row.implementation in REGISTERED
    return (
        REGISTERED.index(row.implementation) if known else len(REGISTERED),
        row.implementation,
        row.preset != "default",
        row.preset,
        row.threads,
        json.dumps(row.hyperparameters, sort_keys=True),
    )


def labelled(unlabelled: Sequence[Row]) -> list[Row]:
    """Rows in order, with the label that tells each apart: its name, else that and what differs."""
    return [
        replace(row, label=" ".join([row.name, *_apart(row, namesakes)]))
        for row in sorted(unlabelled, key=_place)
        for namesakes in [[other for other in unlabelled if other.name == row.name]]
    ]


def _apart(row: Row, namesakes: Sequence[Row]) -> list[str]:
    """`field=value` for each setting in which the namesakes differ."""
    settings = [{**other.hyperparameters, "threads": other.threads} for other in namesakes]
    mine = {**row.hyperparameters, "threads": row.threads}
    return [
        f"{name}={mine.get(name)}"
        for name in sorted({name for other in settings for name in other})
        if len({json.dumps(other.get(name)) for other in settings}) > 1
    ]
