"""Which cells have a record, and why a cell that has one runs again."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from bench.planning.plan import Cell
from bench.records import SCHEMA, UNRUN, WELL, CellRecord, Data, Environment, Record, Status
from datasets.splits import is_in_time


class History:
    """The records of a store, by the cell and machine that they are of.

    settled  the statuses of a record that need no other run
    """

    def __init__(
        self,
        records: Iterable[Record],
        machine: Environment,
        settled: Collection[Status] = WELL,
    ) -> None:
        self._machine, self._settled = machine, settled
        self._done: defaultdict[str, list[Record]] = defaultdict(list)
        self._newest: dict[tuple[object, ...], Record] = {}
        self._runs: defaultdict[tuple[object, ...], list[Record]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Take one record more."""
        if record.status in self._settled:
            self._done[record.identity].append(record)
        if record.status not in UNRUN:
            newest = self._newest.setdefault(_row(record), record)
            if record.counts_from >= newest.counts_from:
                self._newest[_row(record)] = record
        if record.status != "skipped":
            self._runs[_key(record.cell, record.environment)].append(record)

    def done(self, cell: Cell) -> Record | None:
        """The newest settled record of the cell as it is now; None where it has to run.

        One under the cell's own names goes first. Else it is of the same code, data and settings
        under other names: `is_of`.
        """
        if not (done := self._done.get(cell.identity(self._machine))):
            return None
        return next((each for each in reversed(done) if is_of(each, cell)), done[-1])

    def is_outdated(self, record: Record) -> bool:
        """Whether a newer record of its row is of another source, so that no page shows it."""
        newest = self.newest(record)
        return newest.source.implementation_hash != record.source.implementation_hash

    def newest(self, record: Record) -> Record:
        """The newest record of the row of a record, which is that itself where none is known."""
        return self._newest.get(_row(record), record)

    def why_again(self, cell: Cell) -> str:
        """What changed since the newest record of the same row, dataset, split, seed, device,
        threads and machine; "" where there is none, so that the cell is new."""
        environment = cell.environment(self._machine)
        runs = self._runs.get(_key(cell.request, environment), [])
        now = cell.request
        before = [r for r in runs if (r.cell.seed, r.cell.again) == (now.seed, now.again)]
        if not before:
            return ""
        # Cells of one row may differ in hyperparameters alone: the nearest record explains most.
        values = _as_recorded(cell.request.hyperparameters)
        record = max(
            reversed(before), key=lambda r: (r.cell.hyperparameters == values, r.started_at)
        )
        changes = list(_changes(cell, environment, record))
        if not changes and record.status not in self._settled:
            changes = [f"its record ended as {record.status}"]
        commit = f", commit {record.source.git_sha[:7]}" if record.source.git_sha else ""
        when = f"recorded {record.started_at[:10]}{commit}"
        return f"{'; '.join(changes)} ({when})" if changes else ""


def names(cell: CellRecord) -> tuple[str, str]:
    """What the row and its dataset are called, of which no result depends."""
    return normalised(cell.implementation), normalised(cell.dataset)


def is_of(record: Record, cell: Cell) -> bool:
    """Whether a record stands under the names of the cell."""
    return names(record.cell) == names(cell.request)


def _row(record: Record) -> tuple[object, ...]:
    """What the records of one row in one table share, whatever their source is."""
    cell = record.cell
    data = (record.data.fingerprint, record.data.split_digest)
    place = (*data, record.environment.machine, cell.split)
    return (cell.implementation, cell.preset, *place)


def normalised(name: str) -> str:
    """`./a/b` as `a/b`: another spelling of a path is no other name."""
    return os.path.normpath(name) if os.sep in name else name


def _key(cell: CellRecord, environment: Environment) -> tuple[object, ...]:
    row = (*names(cell), cell.preset, cell.split, cell.device)
    return (*row, cell.threads, environment.machine)


def _as_recorded(hyperparameters: dict[str, Any]) -> Any:
    """As they come back from a record: tuples are lists there."""
    return json.loads(json.dumps(hyperparameters))


def _changes_of_data(now: Data, record: Record) -> Iterator[str]:
    then = record.data
    if then.fingerprint == now.fingerprint and then.split_digest == now.split_digest:
        return
    if now.test and then.test and normalised(now.test) != normalised(then.test):
        yield f"its test file was {then.test} and is {now.test}"
        return
    if then.fingerprint != now.fingerprint:
        yield "its ratings changed"
    if then.split_digest != now.split_digest:
        decides = "its times" if is_in_time(record.cell.split) else "its test part"
        yield f"{decides} changed" if then.split_digest else f"{decides} were not recorded"


def _changes(cell: Cell, environment: Environment, record: Record) -> Iterator[str]:
    if record.source.implementation_hash != cell.implementation_hash:
        older = record.schema_ != SCHEMA
        yield "its record is of schema 1: bench migrate" if older else "its source changed"
    now, then = (_as_recorded(each.hyperparameters) for each in (cell.request, record.cell))
    for name in sorted(now.keys() | then.keys()):
        if now.get(name) != then.get(name):
            yield f"{name} was {then.get(name)} and is {now.get(name)}"
    yield from _changes_of_data(cell.facts.data, record)
    if record.data.note != cell.facts.data.note:
        yield "other data stood in for its ratings"
    for rule in ("patience", "until_rmse"):
        if record.cell.rules.get(rule) != (value := cell.request.rules.get(rule)):
            yield f"{rule} was {record.cell.rules.get(rule)} and is {value}"
    if record.cell.pinned != cell.request.pinned:
        yield f"it ran {'with' if record.cell.pinned else 'without'} --pin"
    versions_now = {"Python": environment.python, **environment.versions}
    versions_then = {"Python": record.environment.python, **record.environment.versions}
    for package in sorted(versions_now.keys() | versions_then.keys()):
        one, other = versions_then.get(package), versions_now.get(package)
        if one != other:
            yield f"{package} {one or 'absent'} -> {other or 'absent'}"
