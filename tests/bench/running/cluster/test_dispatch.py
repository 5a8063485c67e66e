"""What the client does with the answers of machines, in what order, and with their silence."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pytest

from bench.planning.rules import Rules
from bench.records import Record
from bench.running.cluster import copies
from bench.running.cluster.address import ClusterError
from bench.running.cluster.dispatch import SILENT_S, silence_s
from bench.running.cluster.payload import Answer, File, Payload, Setting
from bench.running.cluster.pool import Broken
from bench.running.cluster.spreading import Spreading
from bench.store import RecordStore
from tests.support.machines import FakePool, Watching, cell, dispatch, greeting, recorded


def run(
    out: Path, pool: FakePool, setting: Setting | None = None, rules: Rules = Rules()
) -> tuple[list[str], Watching]:
    def plan(ledger: Any, watching: Any) -> Spreading:
        return Spreading(ledger, watching, cells=[cell(name, rules=rules) for name in "ab"])

    return dispatch(RecordStore(out), pool, plan, setting)


def one() -> dict[str, Any]:
    return {"one": greeting("one")}


def test_a_file_that_is_missing_is_sent_before_the_cell_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PIECE", 4)
    path = tmp_path / "r.csv"
    path.write_text("0123456789", encoding="utf-8")
    file = copies.described(str(path))
    assert file is not None
    setting = Setting(run="run", files={str(path): file})

    def ran(address: str, payload: Payload) -> Answer | Record:
        if not pool.pieces:
            return Answer(missing=[str(path)])
        return recorded(payload, greeting(address))

    pool = FakePool(one(), ran)
    left_over, watching = run(tmp_path, pool, setting)
    assert left_over == []
    assert [piece[1:] for piece in pool.pieces] == [(0, b"0123"), (4, b"4567"), (8, b"89")]
    assert {File.from_json(piece[0]) for piece in pool.pieces} == {file}
    assert f"one gets {path}, 10" in watching.lines
    assert [name for _, name, _ in pool.ran_on] == ["a", "a", "b"]


@pytest.mark.parametrize("answer", [Answer(broken="no disk"), Answer()])
def test_a_machine_that_cannot_run_cells_gets_no_more(tmp_path: Path, answer: Answer) -> None:
    def ran(address: str, payload: Payload) -> Answer | Record:
        return answer if address == "one" else recorded(payload, greeting(address))

    pool = FakePool({**one(), "two": greeting("two")}, ran)
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert pool.ran_on == [("one", "a", 0), ("two", "a", 0), ("two", "b", 0)]
    assert f"one {answer.broken or 'its answer is empty'}" in watching.lines
    assert [each.status for each in RecordStore(tmp_path).read()[0]] == ["ok", "ok"]


def test_a_task_that_raises_is_its_machine_s_fault(tmp_path: Path) -> None:
    pool = FakePool(one(), lambda *_: None)
    next_ = pool.next

    def broken(timeout_s: float) -> Any:
        report = next_(timeout_s)
        if timeout_s and report is None:
            return Broken("run-1", "ImportError: no module")
        return report

    pool.next = broken  # type: ignore[method-assign]
    left_over, watching = run(tmp_path, pool)
    assert "one ImportError: no module" in watching.lines
    assert len(left_over) == 1
    assert RecordStore(tmp_path).read()[0] == []


def test_an_answer_that_cannot_be_read_is_its_machine_s_fault(tmp_path: Path) -> None:
    pool = FakePool(one(), lambda *_: Answer(record="no record"))
    _, watching = run(tmp_path, pool)
    assert any("one its answer cannot be read" in line for line in watching.lines)


def test_a_cell_that_is_silent_for_too_long_is_lost(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Record | None:
        return None if address == "one" else recorded(payload, greeting(address))

    pool = FakePool({**one(), "two": greeting("two")}, ran)
    left_over, _ = run(tmp_path, pool, rules=Rules(time_limit_s=5))
    assert left_over == []
    lost, *others = RecordStore(tmp_path).read()[0]
    assert lost.status == "lost"
    assert "its machine one has reported nothing for" in lost.reason
    assert [each.environment.machine for each in others] == ["two", "two"]
    assert pool.cancelled


def test_a_cell_may_be_as_silent_as_two_of_its_phases() -> None:
    assert silence_s(Rules(time_limit_s=100)) == 230 + SILENT_S
    assert silence_s(Rules()) == math.inf


def test_what_ends_the_run_ends_its_cells(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Record | None:
        return None

    class Over(FakePool):
        def look(self) -> Any:
            if self.ran_on:
                raise ClusterError("the scheduler is gone")
            return super().look()

    pool = Over(one(), ran)
    with pytest.raises(ClusterError):
        run(tmp_path, pool)
    assert pool.cancelled == ["run-1"]


def test_an_interrupt_keeps_what_is_recorded(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Record:
        if payload.request.implementation == "b":
            raise KeyboardInterrupt
        return recorded(payload, greeting(address))

    with contextlib.suppress(KeyboardInterrupt):
        run(tmp_path, FakePool(one(), ran))
    assert [each.cell.implementation for each in RecordStore(tmp_path).read()[0]] == ["a"]


def test_what_ended_before_its_machine_left_is_not_lost(tmp_path: Path) -> None:
    """Its answer is there already, and the machine is not."""

    def ran(address: str, payload: Payload) -> Record:
        if payload.request.implementation == "b":
            pool.now_s += 10
            del pool.there["one"]
        return recorded(payload, greeting(address))

    pool = FakePool(one(), ran)
    left_over, _ = run(tmp_path, pool)
    assert left_over == []
    assert [each.status for each in RecordStore(tmp_path).read()[0]] == ["ok", "ok"]
