"""What the client does with the answers of machines, in what order, and with their silence."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.planning.rules import Rules
from bench.records import CellRecord, Record
from bench.running.cluster import copies
from bench.running.cluster.address import ClusterError
from bench.running.cluster.dispatch import SILENT_S, START_S, silence_s
from bench.running.cluster.payload import Answer, File, Payload, Setting
from bench.running.cluster.pool import Answered, Broken, DaskPool, Gone, Reported
from bench.running.cluster.spreading import Spreading
from bench.running.cluster.station import begun
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
    setting = Setting(run="run", test=str(path), files={str(path): file})

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


def other(payload: Payload, **changes: Any) -> CellRecord:
    return payload.request.model_copy(update=changes)


GARBAGE: dict[str, Callable[[Payload], Any]] = {
    "no JSON": lambda _: "{",
    "no object": lambda _: "[]",
    "nothing": lambda _: None,
    "deep JSON": lambda _: "[" * 100_000,
    "no record": lambda _: Answer(record="none").to_json(),
    "a deep record": lambda _: Answer(record="[" * 100_000).to_json(),
    "a file of no cell": lambda _: Answer(missing=["/etc/passwd"]).to_json(),
    "another machine's": lambda payload: recorded(payload, greeting("elsewhere")),
    "another cell's": lambda payload: recorded(
        payload, greeting("one"), cell=other(payload, seed=77)
    ),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_an_answer_that_is_garbage_sets_its_machine_aside(tmp_path: Path, what: str) -> None:
    class Garbled(FakePool):
        def _text(self, address: str, payload: Payload, answer: Any) -> str:
            if address == "one" and not isinstance(answer := GARBAGE[what](payload), Record):
                return answer  # type: ignore[no-any-return]
            return super()._text(address, payload, answer)

    pool = Garbled({**one(), "two": greeting("two")})
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert any("one its answer cannot be read: " in line for line in watching.lines)
    records = RecordStore(tmp_path).read()[0]
    assert [(each.environment.machine, each.status) for each in records] == [("two", "ok")] * 2


def test_a_report_that_is_garbage_sets_its_machine_aside(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Any:
        if address == "one":
            pool.report(Reported(f"run-{pool.submitted}", "event", "garbage"))
        pool.report(Reported(f"run-{pool.submitted}", "unknown", "garbage"))
        return True

    pool = FakePool({**one(), "two": greeting("two")}, ran)
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert any("one its report cannot be read: 'garbage'" in line for line in watching.lines)
    assert [place for place, *_ in pool.ran_on] == ["one", "two", "two"]


def test_cells_that_break_machines_run_twice_each_and_have_one_record_on_each(
    tmp_path: Path,
) -> None:
    def plan(ledger: Any, watching: Any) -> Spreading:
        return Spreading(ledger, watching, cells=[cell(f"c{n}") for n in range(8)])

    pool = FakePool({**one(), "two": greeting("two")}, lambda *_: Answer(broken="x"))
    left_over, watching = dispatch(RecordStore(tmp_path), pool, plan)
    assert left_over == []
    assert len(pool.ran_on) == len({*pool.ran_on}) == 16
    records = RecordStore(tmp_path).read()[0]
    assert {each.status for each in records} == {"failed"}
    found = [(each.cell.implementation, each.environment.machine) for each in records]
    assert len(found) == len({*found}) == watching.total
    assert {name for name, _ in found} == {f"c{n}" for n in range(8)}


def test_a_cell_that_broke_two_machines_runs_on_those_that_it_has_not_broken(
    tmp_path: Path,
) -> None:
    def plan(ledger: Any, watching: Any) -> Spreading:
        return Spreading(ledger, watching, for_each=lambda _: [cell(name) for name in "ab"])

    def ran(address: str, payload: Payload) -> Any:
        is_bad = payload.request.implementation == "a" and address in ("one", "two")
        return Answer(broken="no disk") if is_bad else True

    names = ("one", "two", "three")
    pool = FakePool({name: greeting(name) for name in names}, ran)
    left_over, _ = dispatch(RecordStore(tmp_path), pool, plan)
    assert left_over == []
    assert len(pool.ran_on) == len({*pool.ran_on}) == 6
    of_a = {
        each.environment.machine: each.status
        for each in RecordStore(tmp_path).read()[0]
        if each.cell.implementation == "a"
    }
    assert of_a == {"one": "failed", "two": "failed", "three": "ok"}


def test_a_cell_whose_machines_die_before_it_runs_is_given_up(tmp_path: Path) -> None:
    """As where the ratings do not fit into memory, and a service starts the worker again."""

    class Dying(FakePool):
        def submit(self, address: str, function: Any, *arguments: Any) -> str:
            task = super().submit(address, function, *arguments)
            assert self.submitted < 9, "it is tried for ever"
            del self.there[address]
            self.report(Gone(task))
            again = f"one-{self.submitted}"
            self.silent.add(again)
            self.there[again] = greeting("one").model_copy(update={"name": again})
            return task

    left_over, _ = run(tmp_path, Dying(one(), silent={"one"}))
    assert left_over == [
        f"1 cell of with-goals, random:80/10/10 did not run: 3 machines were lost with {name}"
        for name in "ab"
    ]
    records = RecordStore(tmp_path).read()[0]
    assert [each.cell.implementation for each in records] == [*"aaabbb"]
    assert {each.status for each in records} == {"lost"}
    assert all(each.reason.endswith("was lost before it ran") for each in records)


def test_a_cell_may_wait_for_another_client_s_for_any_time(tmp_path: Path) -> None:
    pool = FakePool(one(), queued={"one"})

    def comes_to_its_turn() -> None:
        pool.queued.clear()
        pool.report(Reported("run-1", "begun", ""))
        record = recorded(pool.payloads[0], greeting("one"))
        pool.report(Answered("run-1", Answer(record=record.to_line()).to_json()))

    pool.events[3 * int(START_S)] = comes_to_its_turn
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert pool.now_s > 2 * START_S
    assert pool.ran_on == [("one", "a", 0), ("one", "b", 0)]
    assert watching.lines == ["one joined"]


def test_a_machine_whose_records_cannot_be_stored_gets_no_cell(tmp_path: Path) -> None:
    (tmp_path / "records" / "late.jsonl").mkdir(parents=True)
    pool = FakePool(one())
    pool.events[2] = lambda: pool.there.update({"late": greeting("late")})
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    assert {place for place, *_ in pool.ran_on} == {"one"}
    [line] = [line for line in watching.lines if line.startswith("late")]
    assert "gets no cell: its records cannot be stored" in line


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
    return Setting(run="run", test=str(path), files={str(path): file})


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


def test_a_machine_that_does_not_start_a_cell_gets_no_more(tmp_path: Path) -> None:
    pool = FakePool({**one(), "two": greeting("two")}, silent={"one"})
    pool.events[3 * int(START_S)] = lambda: pytest.fail("it waits for ever")
    left_over, watching = run(tmp_path, pool)
    assert left_over == []
    records = RecordStore(tmp_path).read()[0]
    found = [(r.environment.machine, r.status) for r in records]
    assert found == [("one", "lost"), ("two", "ok"), ("two", "ok")]
    assert records[0].reason.endswith("s before it ran")
    assert f"one has reported nothing for {START_S:.0f} s" in watching.lines


def test_a_wait_for_another_run_may_take_any_time(tmp_path: Path) -> None:
    pool = FakePool(one(), silent={"one"})

    def waits() -> None:
        pool.report(Reported("run-1", "waiting", ""))
        pool.events[pool.looks + int(START_S / 2)] = waits if pool.now_s < 3 * START_S else ends

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


def test_each_task_says_when_it_comes_to_its_turn() -> None:
    submitted: list[tuple[Any, ...]] = []

    def submit(*task: Any, **_: Any) -> Any:
        submitted.append(task)
        return SimpleNamespace(add_done_callback=lambda _: None)

    client = SimpleNamespace(subscribe_topic=lambda *_: None, submit=submit)
    pool = DaskPool(SimpleNamespace(client=client), "run")  # type: ignore[arg-type]
    task = pool.submit("one", str, 1)
    assert submitted == [(begun, str, 1)]
    for event in ("garbage", {"what": "garbage"}, {"task": task, 1: 2}):
        pool._hear((0.0, event))
    assert pool.next(0) == Reported(task, "1", "2")
    assert pool.next(0) is None


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
