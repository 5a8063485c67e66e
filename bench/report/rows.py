"""From records to the rows of tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.records import Record
from bench.report.counting import dataset_names, grouped, newest_per_seed, of_newest_source
from impls.registry import IMPLEMENTATIONS

REGISTERED = list(IMPLEMENTATIONS)


@dataclass(frozen=True)
class Runs:
    """What counts of one row on one kind of device: one record per seed, in seed order."""

    records: tuple[Record, ...]

    @property
    def scored(self) -> list[Record]:
        """The runs with figures: those that ended well, or ran into the time limit."""
        return [r for r in self.records if r.metrics and r.times and r.status in ("ok", "timeout")]

    @property
    def with_curve(self) -> list[Record]:
        """The runs that were seen in training; a killed one may have no score."""
        return [r for r in self.records if r.curve and r.status in ("ok", "timeout")]

    @property
    def any_ok(self) -> bool:
        return any(record.status == "ok" for record in self.records)

    @property
    def status(self) -> str:
        """`ok`, or `2 of 3 ok` where seeds were repeated and at least one ended well."""
        statuses = Counter(record.status for record in self.records)
        if len(self.records) > 1 and (statuses["ok"] or len(statuses) > 1):
            return f"{statuses['ok']} of {len(self.records)} ok"
        return self.records[0].status

    @property
    def remarks(self) -> list[str]:
        """Each reason why a run is not `ok`, and each doubt about one that is; no repeats."""
        said = []
        for record in self.records:
            if record.status != "ok":
                reason = " ".join(record.reason.split())
                said.append(f"{record.status}: {reason}" if reason else record.status)
            said.extend(record.metrics.flags if record.metrics else [])
        return list(dict.fromkeys(said))

    def values(self, figure: Callable[[Record], float | None]) -> list[float]:
        """`figure` of each scored run that has it."""
        return [value for record in self.scored if (value := figure(record)) is not None]


@dataclass(frozen=True)
class Row:
    """One implementation at fixed hyperparameters and threads. `runs`: device kind -> runs."""

    implementation: str
    preset: str
    hyperparameters: dict[str, object]
    threads: int
    model: str
    runs: dict[str, Runs]
    label: str = ""

    @property
    def name(self) -> str:
        """The implementation, with its preset unless that is the default."""
        default = self.preset == "default"
        return self.implementation if default else f"{self.implementation}:{self.preset}"


@dataclass(frozen=True)
class Table:
    """Rows that may stand together: one dataset, one split, one machine."""

    dataset: str
    split: str
    machine: str
    rows: tuple[Row, ...]

    @cached_property
    def records(self) -> list[Record]:
        """Every record that counts, oldest first."""
        runs = [runs for row in self.rows for runs in row.runs.values()]
        return sorted((r for some in runs for r in some.records), key=lambda r: r.started_at)

    @property
    def newest(self) -> Record:
        return self.records[-1]

    @property
    def kinds(self) -> list[str]:
        """The kinds of device that have a record, CPU first."""
        kinds = {kind for row in self.rows for kind in row.runs}
        return sorted(kinds, key=lambda kind: (kind != "CPU", kind))


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
    by_preset = grouped(records, lambda r: (r.cell.implementation, r.cell.preset))
    counting = [record for group in by_preset.values() for record in of_newest_source(group)]
    made = [_row(group) for group in grouped(counting, _row_key).values()]
    return tuple(_labelled(sorted(made, key=_place)))


def device_kind(device: str) -> str:
    """`CPU` or `CUDA`, whatever the device's number."""
    return device.partition(":")[0].upper()


def _row_key(record: Record) -> tuple[str, str, str, int]:
    cell = record.cell
    hyperparameters = json.dumps(cell.hyperparameters, sort_keys=True)
    return cell.implementation, cell.preset, hyperparameters, cell.threads


def _row(group: list[Record]) -> Row:
    cell = group[-1].cell
    by_kind = grouped(group, lambda record: device_kind(record.cell.device))
    runs = {kind: Runs(newest_per_seed(by_kind[kind])) for kind in sorted(by_kind)}
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


def _labelled(unlabelled: Sequence[Row]) -> list[Row]:
    """Rows with the label that tells each apart: its name, else that and what differs."""
    return [
        replace(row, label=" ".join([row.name, *_apart(row, namesakes)]))
        for row in unlabelled
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
