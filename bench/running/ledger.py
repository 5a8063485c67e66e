"""What is recorded already, and how a new record is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bench.planning.plan import Cell
from bench.planning.rerun import History, is_of
from bench.records import WELL, CellRecord, Data, Environment, Record, Status
from bench.running.cells import now
from bench.running.goals import Goals, reached
from bench.running.observer import StoreObserver
from bench.store import RecordStore, keep_elsewhere
from datasets.splits import beneath


class Key(NamedTuple):
    """Of a table: what decides its split, that split, what stands in for what, and whether it is
    of CUDA."""

    fingerprint: str
    split_digest: str
    note: str
    split: str
    cuda: bool


def key_of(cell: CellRecord, data: Data) -> Key:
    """Of the table in which a cell stands."""
    cuda = cell.device.startswith("cuda")
    # What reads the test part stands beside the rows that do not.
    return Key(data.fingerprint, data.split_digest, data.note, beneath(cell.split), cuda)


class Ledger:
    """The records of one store, and those that it could not take yet.

    A machine's records have a file of their own, so those of one may wait while others are stored:
    each further record of that machine, and `close`, tries again.

    settled  the statuses of a record that need no other run
    """

    def __init__(
        self, store: RecordStore, observer: StoreObserver, settled: Collection[Status] = WELL
    ) -> None:
        self.store = store
        self._observer, self._settled = observer, settled
        self._unwritten: dict[str, list[Record]] = {}
        self._kept: dict[str, Path | None] = {}
        self._histories: dict[str, History] = {}
        self._records: defaultdict[str, list[Record]] = defaultdict(list)
        self._rows: defaultdict[Key, Counter[str]] = defaultdict(Counter)
        self._n_records = -1

    @property
    def unwritten(self) -> list[Record]:
        """Records that the store could not take, those of each machine from the oldest on."""
        return [record for waiting in self._unwritten.values() for record in waiting]

    def refresh(self) -> None:
        """Learn what others have added to the store since the last time."""
        records = [*self.store.read()[0], *self.unwritten]
        if len(records) != self._n_records:
            self._n_records = len(records)
            self._histories.clear()
            self._records.clear()
            self._rows.clear()
            for record in records:
                self._add(record)

    def done(self, cell: Cell, here: Environment, goals: Goals) -> Record | None:
        """The record that the cell has on a machine, from whose curve `goals` learn; None where it
        has to run. Where it is found under other names it is stored under these."""
        history = self._history(here)
        if (done := history.done(cell)) is None:
            return None
        goals.learn(cell, done.curve)
        changes: dict[str, object] = {}
        # A published number that is new needs no other run: the record is stored with it.
        if cell.reference not in (None, done.reference):
            changes["reference"] = cell.reference
        is_renamed = not is_of(done, cell)
        if is_renamed:
            changes |= _under_its_name(cell, done, goals.of(cell))
        if is_renamed or history.is_outdated(done):  # as after an edit that was taken back
            newest = history.newest(done.model_copy(update=changes))
            changes["reused_at"] = _after(newest.counts_from)
        if changes:
            done = done.model_copy(update=changes)
            self.take(done)
        return done

    def why_again(self, cell: Cell, here: Environment) -> str:
        """Why a cell with a record runs again on a machine; "" where it is new there."""
        return self._history(here).why_again(cell)

    def rows_by_machine(self, key: Key) -> Mapping[str, int]:
        """Of a table: id of a machine -> how many records with figures it has."""
        return self._rows.get(key, {})

    def take(self, record: Record) -> None:
        """Store a record, or keep it until that can be done."""
        place = record.environment.machine
        self._unwritten.setdefault(place, []).append(record)
        self._n_records += 1
        self._add(record)
        if error := self._write(place):
            self._observer.not_stored(len(self._unwritten[place]), error, self._kept.get(place))

    def problem(self, place: str) -> str:
        """Why no record of a machine could be added now; "" where it could."""
        try:
            self.store.check(place)
        except OSError as error:
            reason = error.strerror or str(error)
            return f"its records cannot be stored ({self.store.path_of(place)}: {reason})"
        return ""

    def close(self) -> None:
        """Try a last time to store what could not be, and say where it is otherwise."""
        if not self._unwritten:
            return
        # An interrupt may have come after one was stored, and before it was off the list.
        stored = {record.entry for record in self.store.read()[0]}
        for place, waiting in [*self._unwritten.items()]:
            waiting[:] = [record for record in waiting if record.entry not in stored]
            if self._write(place) is not None:
                self._observer.never_stored(waiting, self._kept.get(place))

    def _history(self, here: Environment) -> History:
        if here.machine not in self._histories:
            records = self._records.pop(here.machine, [])
            self._histories[here.machine] = History(records, here, self._settled)
        return self._histories[here.machine]

    def _add(self, record: Record) -> None:
        place = record.environment.machine
        if record.metrics is not None or record.curve:
            self._rows[key_of(record.cell, record.data)][place] += 1
        if place in self._histories:
            self._histories[place].add(record)
        else:
            self._records[place].append(record)

    def _write(self, place: str) -> OSError | None:
        """Store what is to be stored of a machine. Where that fails it is kept in memory and,
        should this process end before it is written, in a file elsewhere."""
        waiting = self._unwritten[place]
        while waiting:
            try:
                self.store.append(waiting[0])
            except OSError as error:
                self._kept[place] = keep_elsewhere(waiting, self._kept.get(place))
                return error
            waiting.pop(0)
        del self._unwritten[place]
        if kept := self._kept.pop(place, None):
            kept.unlink(missing_ok=True)
        return None


def _under_its_name(cell: Cell, done: Record, goals: tuple[float, ...]) -> dict[str, object]:
    """What of a record changes so that it stands for the same cell under other names."""
    ran_as = f"{done.cell.implementation} on {done.cell.dataset}"
    return {
        "cell": cell.request.model_copy(update={"rules": done.cell.rules}),
        "data": cell.facts.data,
        "reference": cell.reference,
        "goals": reached(done.curve, goals) if goals else done.goals,
        "reused_from": done.reused_from or ran_as,
    }


def _after(newest: str) -> str:
    """Now, or right after the time that the newest record counts from: another machine's clock may
    be ahead of this one's."""
    if (here := now()) > newest:
        return here
    return (datetime.fromisoformat(newest) + timedelta(seconds=1)).isoformat(timespec="seconds")
