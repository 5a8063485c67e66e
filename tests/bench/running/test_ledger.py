"""What is stored when the store takes only some of it, and whose record is the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.planning.plan import Cell
from bench.records import Record
from bench.running.cluster.machines import Machine, placed
from bench.running.cluster.payload import Payload, Setting
from bench.running.goals import Goals
from bench.running.ledger import Ledger
from bench.store import RecordStore
from tests.support.machines import Watching, cell, greeting, recorded


def record(machine: str, of: Cell) -> Record:
    there = greeting(machine)
    planned = placed(of, Machine(machine, there))
    return recorded(Payload.of(planned, Setting(run="run"), ()), there)


class Stored(Watching):
    """Remembers what was not stored."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: list[tuple[int, Path | None]] = []
        self.never: list[tuple[list[str], Path | None]] = []

    def not_stored(self, count: int, _: OSError, kept: Path | None) -> None:  # type: ignore[override]
        self.reported.append((count, kept))

    def never_stored(self, records: list[Record], kept: Path | None) -> None:  # type: ignore[override]
        self.never.append(([each.cell.implementation for each in records], kept))


def test_records_of_one_machine_wait_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store, observer = RecordStore(tmp_path), Stored()
    store.path_of("one").mkdir(parents=True)
    store.path_of("two").mkdir()
    ledger = Ledger(store, observer)
    for machine in ("one", "two", "three", "one"):
        ledger.take(record(machine, cell(f"of {machine}")))
    assert [each.environment.machine for each in store.read()[0]] == ["three"]
    assert [count for count, _ in observer.reported] == [1, 1, 2]
    assert len({kept for _, kept in observer.reported}) == 2  # a file for each machine
    assert len(ledger.unwritten) == 3
    store.path_of("two").rmdir()
    ledger.close()
    assert [names for names, _ in observer.never] == [["of one"] * 2]
    assert {each.environment.machine for each in store.read()[0]} == {"two", "three"}
    assert [*tmp_path.glob("unwritten*")] == [observer.never[0][1]]


def test_an_edit_that_is_taken_back_counts_though_a_clock_is_ahead(tmp_path: Path) -> None:
    store, here = RecordStore(tmp_path), greeting("one").environment
    before = placed(cell("a"), Machine("one", greeting("one")))
    edited = replace(before, implementation_hash="edited")
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    for each in (before, edited):
        store.append(record("one", each).model_copy(update={"started_at": ahead}))
    for _ in range(2):
        ledger = Ledger(store, Watching())
        ledger.refresh()
        found = ledger.done(before, here, Goals())
        assert found is not None
        records = store.read()[0]
        assert len(records) == 3
        assert max(records, key=lambda each: each.counts_from) == found
        assert found.source.implementation_hash == before.implementation_hash
