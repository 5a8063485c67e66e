"""What the client does with the answers of machines, in what order, and with their silence."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.planning.rules import Rules
from bench.records import Record
from bench.running.cluster import copies
from bench.running.cluster.address import ClusterError
from bench.running.cluster.dispatch import BEGIN_S, SILENT_S, silence_s
from bench.running.cluster.payload import Answer, File, Payload, Setting
from bench.running.cluster.pool import Answered, Broken, DaskPool, Gone, Reported
from bench.running.cluster.spreading import Spreading
from bench.store import RecordStore
from datasets.errors import DataError
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


@pytest.mark.parametrize("answer", [Answer(broken="no disk"), Answer(), Answer(record="none")])
def test_a_cell_that_breaks_two_machines_fails_and_they_go_on(
    tmp_path: Path, answer: Answer
) -> None:
    def ran(address: str, payload: Payload) -> Any:
        return answer if payload.request.implementation == "a" else True

    pool = FakePool({**one(), "two": greeting("two")}, ran)
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert pool.ran_on == [("one", "a", 0), ("two", "a", 0), ("two", "b", 0)]
    failed, ok = RecordStore(tmp_path).read()[0]
    assert (failed.status, ok.status) == ("failed", "ok")
    assert failed.reason.startswith(f"broke 2 machines: {answer.broken or 'its answer '}")
    assert watching.lines.count("one joined") == 2


def test_why_no_machine_is_left_is_said(tmp_path: Path) -> None:
    left_over, _ = run(tmp_path, FakePool(one(), lambda *_: Answer(broken="no disk")))
    assert left_over == [
        "2 cells of with-goals, random:80/10/10 did not run: no machine is there (one: no disk)"
    ]


def sent(path: Path) -> Setting:
    """Of a run on a file that machines do not have."""
    path.write_text("0123456789", encoding="utf-8")
    file = copies.described(str(path))
    assert file is not None
    return Setting(run="run", files={str(path): file})


def test_a_file_that_changed_since_it_was_planned_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    setting = sent(path)
    path.write_text("01234", encoding="utf-8")
    pool = FakePool(one(), lambda *_: Answer(missing=[str(path)]))
    with pytest.raises(DataError, match="changed after the run began"):
        run(tmp_path, pool, setting)
    assert pool.pieces == []


def test_a_machine_that_does_not_keep_a_file_gets_it_once(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    pool = FakePool(one(), lambda *_: Answer(missing=[str(path)] * (len(pool.pieces) < 9)))
    _, watching = run(tmp_path, pool, sent(path))
    assert len(pool.pieces) == 1
    assert f"one does not keep what it is sent: {path}" in watching.lines


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


def test_a_machine_that_does_not_begin_gets_no_more(tmp_path: Path) -> None:
    pool = FakePool({**one(), "two": greeting("two")}, silent={"one"})
    pool.events[3 * int(BEGIN_S)] = lambda: pytest.fail("it waits for ever")
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    records = RecordStore(tmp_path).read()[0]
    assert [(r.environment.machine, r.status) for r in records] == [("two", "ok")] * 2
    assert f"one has reported nothing for {BEGIN_S:.0f} s" in watching.lines


def test_a_wait_for_another_run_may_take_any_time(tmp_path: Path) -> None:
    pool = FakePool(one(), silent={"one"})

    def waits() -> None:
        pool.report(Reported("run-1", "waiting", ""))
        pool.events[pool.looks + int(BEGIN_S / 2)] = waits if pool.now_s < 3 * BEGIN_S else ends

    def ends() -> None:
        pool.silent.clear()
        record = recorded(pool.payloads[0], greeting("one"))
        pool.report(Answered("run-1", Answer(record=record.to_line()).to_json()))

    pool.events[2] = waits
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert pool.ran_on == [("one", "a", 0), ("one", "b", 0)]
    assert watching.lines == ["one joined", "one waits"]


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


def test_what_ends_as_its_machine_leaves_is_not_lost(tmp_path: Path) -> None:
    """Its answer comes between the look at which machines are there and what follows from it."""

    def ran(address: str, payload: Payload) -> Record | None:
        record = recorded(payload, greeting(address))
        if payload.request.implementation == "a":
            return record

        def leaves() -> None:
            del pool.there["one"]
            pool.report(Answered("run-2", Answer(record=record.to_line()).to_json()))

        pool.events[pool.looks + 1] = leaves
        return None

    pool = FakePool(one(), ran)
    left_over, _ = run(tmp_path, pool)
    assert left_over == []
    assert [each.status for each in RecordStore(tmp_path).read()[0]] == ["ok", "ok"]


def test_a_machine_that_is_lost_after_it_was_seen_does_not_come_back(tmp_path: Path) -> None:
    pool = FakePool(one(), lambda *_: None)
    pool.events |= {3: lambda: pool.report(Gone("run-1")), 4: pool.there.clear}
    _, watching = run(tmp_path, pool)
    assert watching.lines.count("one joined") == 1


def test_reports_of_tasks_that_nobody_waits_for_do_not_hide_others() -> None:
    future = SimpleNamespace(add_done_callback=lambda _: None)
    client = SimpleNamespace(subscribe_topic=lambda *_: None, submit=lambda *_, **__: future)
    pool = DaskPool(SimpleNamespace(client=client), "run")  # type: ignore[arg-type]
    task = pool.submit("one", str)
    for name in ("run-8", "run-9", task, "run-8"):
        pool._hear((0.0, {"task": name, "again": ""}))
    pool._reports.put("run-9")
    assert pool.next(0) == Reported(task, "again", "")
    assert pool.next(0) is None
    assert pool._reports.empty()
