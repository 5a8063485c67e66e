"""Tables over machines that run nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from bench.planning.plan import Cell
from bench.planning.repeats import Precision
from bench.records import Record, Times
from bench.running.cluster.payload import Answer, Payload
from bench.running.cluster.spreading import Spreading
from bench.store import RecordStore
from tests.support.machines import FakePool, Ran, Watching, cell, dispatch, greeting, recorded


def machines(*names: str, gpus: Sequence[str] = ()) -> dict[str, Any]:
    return {name: greeting(name, gpus=int(name in gpus)) for name in names}


def run(
    out: Path, pool: FakePool, cells: Sequence[Cell] = (), **options: Any
) -> tuple[list[str], Watching]:
    return dispatch(
        RecordStore(out),
        pool,
        lambda ledger, watching: Spreading(ledger, watching, cells=cells, **options),
    )


def on(pool: FakePool, machine: str) -> list[tuple[str, int]]:
    return [(name, seed) for place, name, seed in pool.ran_on if place == machine]


TABLES = [cell(name, seed, dataset) for seed in (0, 1) for dataset in "xy" for name in "ab"]
"""Two datasets."""


def status_of(out: Path) -> dict[tuple[str, str, int], list[str]]:
    """Dataset, row and seed -> the statuses of its records."""
    found: dict[tuple[str, str, int], list[str]] = {}
    for each in RecordStore(out).read()[0]:
        key = each.cell.dataset, each.cell.implementation, each.cell.seed
        found.setdefault(key, []).append(each.status)
    return found


def machines_of(records: Sequence[Record]) -> dict[str, set[str]]:
    """Dataset -> the machines of its rows with figures."""
    found: dict[str, set[str]] = {}
    for each in records:
        if each.curve:
            found.setdefault(each.cell.dataset, set()).add(each.environment.machine)
    return found


def test_a_table_is_one_machine_s_and_its_cells_keep_their_order(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    left_over, watching = run(tmp_path, pool, TABLES)
    assert left_over == []
    assert on(pool, "one") == on(pool, "two") == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    records = RecordStore(tmp_path).read()[0]
    assert machines_of(records) == {"x": {"one"}, "y": {"two"}}
    assert watching.total == len(records) == 8
    assert pool.most_at_once == 2


def test_a_machine_has_its_own_number_of_threads(tmp_path: Path) -> None:
    pool = FakePool({"one": greeting("one", cores=7)})
    run(tmp_path, pool, [cell("a")])
    assert [each.request.threads for each in pool.payloads] == [7]


def test_a_machine_gets_the_table_that_it_has_rows_of(tmp_path: Path) -> None:
    run(tmp_path, FakePool(machines("one", "two")), TABLES[:4])
    pool = FakePool(machines("three", "two", "one"))
    _, watching = run(tmp_path, pool, TABLES)
    assert on(pool, "one") == on(pool, "two") == [("a", 1), ("b", 1)]
    assert {line for line in watching.lines if "has" in line} == {
        *("one has a 0", "one has b 0", "two has a 0", "two has b 0"),
    }
    assert machines_of(RecordStore(tmp_path).read()[0]) == {"x": {"one"}, "y": {"two"}}


def test_what_is_recorded_runs_again_only_where_that_is_requested(tmp_path: Path) -> None:
    run(tmp_path, FakePool(machines("one")), TABLES)
    again = FakePool(machines("one"))
    run(tmp_path, again, TABLES)
    assert again.ran_on == []
    run(tmp_path, again, TABLES, fresh=True)
    assert len(again.ran_on) == 8


def test_each_machine_runs_the_whole_plan_where_that_is_requested(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    _, watching = run(tmp_path, pool, for_each=lambda _: TABLES)
    assert len(on(pool, "one")) == len(on(pool, "two")) == 8
    assert watching.total == 16
    assert machines_of(RecordStore(tmp_path).read()[0])["x"] == {"one", "two"}


def test_a_late_machine_gets_a_table_that_waits(tmp_path: Path) -> None:
    pool = FakePool(machines("one"))
    pool.events[2] = lambda: pool.there.update(machines("late"))
    run(tmp_path, pool, TABLES)
    assert len(on(pool, "one")) == len(on(pool, "late")) == 4


CUDA = [cell("a"), cell("a", device="cuda")]


def test_a_table_of_cuda_is_for_a_machine_with_a_gpu(tmp_path: Path) -> None:
    pool = FakePool(machines("plain", "gpu", gpus=["gpu"]))
    run(tmp_path, pool, CUDA)
    assert {
        (place, p.request.device) for (place, *_), p in zip(pool.ran_on, pool.payloads, strict=True)
    } == {
        ("plain", "cpu"),
        ("gpu", "cuda"),
    }


def test_rows_on_a_gpu_do_not_keep_a_table_for_a_machine_that_offers_none_now(
    tmp_path: Path,
) -> None:
    cells = [cell("a", seed, device="cuda") for seed in (0, 1)]
    run(tmp_path, FakePool(machines("one", gpus=["one"])), cells[:1])
    pool = FakePool(machines("one", "two", gpus=["two"]))
    left_over, _ = run(tmp_path, pool, cells)
    assert left_over == []
    assert pool.ran_on == [("two", "a", 0), ("two", "a", 1)]


def test_rows_of_cuda_have_the_goal_of_the_baseline_on_their_machine(tmp_path: Path) -> None:
    pool = FakePool(machines("plain", "gpu", gpus=["gpu"]))
    left_over, _ = run(tmp_path, pool, [cell("bias", 0, "x"), cell("a", 0, "x", device="cuda")])
    assert left_over == []
    assert pool.ran_on == [("gpu", "bias", 0), ("gpu", "a", 0)]
    assert pool.payloads[-1].goals == (1.0,)
    again = FakePool(machines("other", "gpu", gpus=["other", "gpu"]))
    run(tmp_path, again, [cell("b", 0, "x", device="cuda")])
    assert again.ran_on == [("gpu", "b", 0)]


def test_without_a_gpu_some_machine_says_so(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Record:
        skipped = {"status": "skipped", "reason": "no CUDA device", "curve": []}
        return recorded(
            payload, greeting(address), **skipped if payload.request.device == "cuda" else {}
        )

    left_over, _ = run(tmp_path, FakePool(machines("plain"), ran), CUDA)
    assert left_over == []
    assert [each.reason for each in RecordStore(tmp_path).read()[0]] == ["", "no CUDA device"]


def dies(pool: FakePool, machine: str, at: tuple[str, int]) -> Ran:
    """The machine is killed in mid-cell, and its other cells end well."""

    def ran(address: str, payload: Payload) -> Record | None:
        if address == machine and (payload.request.implementation, payload.request.seed) == at:
            pool.events[pool.looks + 1] = lambda: pool.kill(machine)
            return None
        return recorded(payload, pool.there[address])

    return ran


def test_a_table_without_figures_moves_when_its_machine_is_lost(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    pool.ran = dies(pool, "one", ("a", 0))
    left_over, watching = run(tmp_path, pool, TABLES)
    assert left_over == []
    statuses = status_of(tmp_path)
    assert statuses.pop(("x", "a", 0)) == ["lost", "ok"]
    assert set(map(tuple, statuses.values())) == {("ok",)}
    assert machines_of(RecordStore(tmp_path).read()[0]) == {"x": {"two"}, "y": {"two"}}
    assert any("x, random:80/10/10 moved: one" in line for line in watching.lines)


def test_a_table_of_one_cell_moves_too(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    pool.ran = dies(pool, "one", ("a", 0))
    left_over, watching = run(tmp_path, pool, [cell("a")])
    assert left_over == []
    assert status_of(tmp_path) == {("with-goals", "a", 0): ["lost", "ok"]}
    assert watching.total == len(watching.finished_on) == len(watching.again_on) == 1


def test_a_table_with_figures_never_moves(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    pool.ran = dies(pool, "one", ("b", 0))
    left_over, _ = run(tmp_path, pool, TABLES)
    assert left_over == [
        "3 cells of x, random:80/10/10 did not run: one left, which alone may run them"
        " (one: was lost)"
    ]
    statuses = status_of(tmp_path)
    assert statuses[("x", "b", 0)] == ["lost"]
    assert ("x", "a", 1) not in statuses
    [lost] = [each for each in RecordStore(tmp_path).read()[0] if each.status == "lost"]
    assert lost.reason == "its machine one was lost while it ran"
    assert lost.environment.machine == "one"


def test_a_later_run_tries_again_what_was_lost(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    pool.ran = dies(pool, "one", ("b", 0))
    run(tmp_path, pool, TABLES)
    again = FakePool(machines("one", "two"))
    left_over, _ = run(tmp_path, again, TABLES)
    assert left_over == []
    assert again.ran_on == [("one", "b", 0), ("one", "a", 1), ("one", "b", 1)]


def test_a_machine_that_returns_goes_on_with_its_table(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    first = dies(pool, "one", ("b", 0))

    def ran(address: str, payload: Payload) -> Record | None:
        if (record := first(address, payload)) is None:
            pool.events[pool.looks + 3] = lambda: pool.there.update(
                {"again": greeting("one").model_copy(update={"name": "one again"})}
            )
        return record  # type: ignore[return-value]

    pool.ran = ran
    left_over, _ = run(tmp_path, pool, TABLES)
    assert left_over == []
    assert on(pool, "again") == [("b", 0), ("a", 1), ("b", 1)]


def test_a_lost_baseline_runs_again_before_the_rows_that_have_its_goals(tmp_path: Path) -> None:
    pool = FakePool(machines("one"))
    there = pool.there["one"]
    lost = dies(pool, "one", ("bias", 1))

    def ran(address: str, payload: Payload) -> Any:
        if payload.request.seed == 1:
            pool.ran = None
            pool.events[pool.looks + 3] = lambda: pool.there.update(one=there)
            return lost(address, payload)
        return True

    pool.ran = ran
    left_over, watching = run(
        tmp_path, pool, [cell(n, s, "x") for s in (0, 1) for n in ("bias", "b")]
    )
    assert left_over == []
    assert pool.ran_on[2:] == [("one", "bias", 1), ("one", "bias", 1), ("one", "b", 1)]
    assert pool.payloads[-1].goals == (1.0,)
    assert watching.total == len(watching.finished_on) == 4
    assert [each.status for _, each in watching.again_on] == ["lost"]


def kills(pool: FakePool, row: str) -> Ran:
    """The row ends whichever machine it runs on."""

    def ran(address: str, payload: Payload) -> Any:
        if payload.request.implementation != row:
            return True
        pool.events[pool.looks + 1] = lambda: pool.kill(address)
        return None

    return ran


def test_a_cell_that_ends_its_machines_is_given_up(tmp_path: Path) -> None:
    pool = FakePool(machines("1", "2", "3", "4", "5"))
    pool.ran = kills(pool, "a")
    left_over, watching = run(tmp_path, pool, [cell(name, 0, "x") for name in "ab"])
    assert left_over == ["1 cell of x, random:80/10/10 did not run: 3 machines were lost with a"]
    assert status_of(tmp_path) == {("x", "a", 0): ["lost"] * 3, ("x", "b", 0): ["ok"]}
    assert watching.total == len(watching.finished_on) == 2
    assert len(watching.again_on) == 2
    assert not any("idle" in line for line in watching.lines), "it waits for a machine in vain"


def test_a_row_that_ends_the_machine_of_its_table_is_given_up(tmp_path: Path) -> None:
    """It comes back each time."""
    pool = FakePool(machines("one"))
    lost, there = kills(pool, "b"), pool.there["one"]

    def ran(address: str, payload: Payload) -> Any:
        pool.events[pool.looks + 3] = lambda: pool.there.update(one=there)
        return lost(address, payload)

    pool.ran = ran
    run(tmp_path, pool, [cell(name, 0, "x") for name in "abc"])
    statuses = {name: found for (_, name, _), found in status_of(tmp_path).items()}
    assert statuses == {"a": ["ok"], "b": ["lost"] * 3, "c": ["ok"]}


def test_where_each_machine_runs_all_a_lost_one_ends_its_part(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"))
    pool.ran = dies(pool, "one", ("a", 0))
    left_over, _ = run(tmp_path, pool, for_each=lambda _: TABLES)
    assert [line.partition(" did")[0] for line in left_over] == [
        "4 cells of x, random:80/10/10",
        "4 cells of y, random:80/10/10",
    ]
    assert len(on(pool, "two")) == 8


def test_without_any_machine_the_run_ends_after_a_while(tmp_path: Path) -> None:
    pool = FakePool(machines("one"))
    pool.ran = dies(pool, "one", ("a", 0))
    left_over, _ = run(tmp_path, pool, TABLES)
    assert left_over == [
        "4 cells of y, random:80/10/10 did not run: no machine is there (one: was lost)",
        "4 cells of x, random:80/10/10 did not run: no machine is there (one: was lost)",
    ]


def refuses(*addresses: str) -> Ran:
    def ran(address: str, payload: Payload) -> Answer | Record:
        if address in addresses and payload.request.dataset == "x":
            return Answer(refused=f"{address} has another x")
        return recorded(payload, greeting(address))

    return ran


def test_a_machine_without_the_data_leaves_its_table_to_another(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"), refuses("one"))
    left_over, _ = run(tmp_path, pool, TABLES)
    assert left_over == []
    assert machines_of(RecordStore(tmp_path).read()[0])["x"] == {"two"}


def test_where_every_machine_is_without_the_data_its_cells_say_so(tmp_path: Path) -> None:
    pool = FakePool(machines("one", "two"), refuses("one", "two"))
    left_over, _ = run(tmp_path, pool, TABLES)
    assert left_over == []
    of_x = [each for each in RecordStore(tmp_path).read()[0] if each.cell.dataset == "x"]
    assert [each.status for each in of_x] == ["skipped"] * 4
    assert {each.reason for each in of_x} == {"one: one has another x; two: two has another x"}


def test_a_machine_that_comes_later_runs_what_the_others_refused(tmp_path: Path) -> None:
    """Be it new, or back from where it was lost."""
    pool = FakePool(machines("one"), refuses("one"))
    pool.events[3] = lambda: pool.there.update(machines("late"))
    left_over, watching = run(tmp_path, pool, TABLES)
    assert left_over == []
    assert machines_of(RecordStore(tmp_path).read()[0]) == {"x": {"late"}, "y": {"one"}}
    assert watching.total == len(watching.finished_on) == 8

    pool = FakePool(machines("one", "two"))
    first = dies(pool, "two", ("a", 0))

    def ran(address: str, payload: Payload) -> Any:
        if address == "one":
            return Answer(refused="it has no ratings")
        pool.ran = refuses("one")
        pool.events[pool.looks + 3] = lambda: pool.there.update(machines("two"))
        return first(address, payload)

    pool.ran = ran
    left_over, _ = run(tmp_path / "lost", pool, TABLES[:1])
    assert left_over == []
    assert status_of(tmp_path / "lost") == {("x", "a", 0): ["lost", "ok"]}


def fails(*seeds: int) -> Ran:
    def ran(address: str, payload: Payload) -> Record:
        bad = {"status": "failed", "curve": []} if payload.request.seed in seeds else {}
        return recorded(payload, greeting(address), **bad)

    return ran


def test_what_ended_on_a_machine_does_not_run_there_again_when_its_table_returns(
    tmp_path: Path,
) -> None:
    pool = FakePool(machines("one"))
    there = pool.there["one"]

    def ran(address: str, payload: Payload) -> Any:
        if payload.request.seed == 1 and pool.submitted == 2:
            pool.events[pool.looks + 1] = lambda: pool.kill("one")
            pool.events[pool.looks + 3] = lambda: pool.there.update(one=there)
            return None
        return fails(0)(address, payload)

    pool.ran = ran
    left_over, watching = run(tmp_path, pool, [cell("a", seed, "x") for seed in (0, 1)])
    assert left_over == []
    assert pool.ran_on == [("one", "a", 0), ("one", "a", 1), ("one", "a", 1)]
    assert status_of(tmp_path) == {("x", "a", 0): ["failed"], ("x", "a", 1): ["lost", "ok"]}
    assert watching.total == len(watching.finished_on) == 2


def test_the_baseline_sets_the_goal_of_its_own_table_alone(tmp_path: Path) -> None:
    rmse = {("one", "x"): 0.8, ("two", "y"): 0.7}

    def ran(address: str, payload: Payload) -> Record:
        dataset = payload.request.dataset
        return recorded(payload, greeting(address), rmse[address, dataset])

    pool = FakePool(machines("one", "two"), ran)
    cells = [
        cell(name, seed, dataset) for seed in (0, 1) for dataset in "xy" for name in ("bias", "b")
    ]
    run(tmp_path, pool, cells)
    goals = {
        (p.request.dataset, p.request.implementation, p.request.seed): p.goals
        for p in pool.payloads
    }
    assert goals["x", "b", 0] == (0.8,)
    assert goals["y", "b", 0] == (0.7,)
    assert goals["x", "bias", 1] == ()


def test_repeats_follow_on_the_same_machine(tmp_path: Path) -> None:
    """Six seeds, the fewest with an interval, of a row whose times do not vary."""
    parts = dict.fromkeys(("import_s", "warmup_s", "predict_s", "evaluation_s", "overhead_s"), 0.0)
    times = Times(**parts, fit_s=1.0, epoch_s=1.0, first_model_s=1.0, wall_s=1.0)

    def ran(address: str, payload: Payload) -> Record:
        return recorded(payload, greeting(address), times=times)

    pool = FakePool(machines("one", "two"), ran)
    run(tmp_path, pool, [cell("a", 0, "x"), cell("b", 0, "y")], wanted=Precision(0.5, 1000))
    assert {seed for _, seed in on(pool, "one")} >= {0, 1, 2, 3, 4, 5}
    assert {name for name, _ in on(pool, "one")} == {"a"}
    assert {name for name, _ in on(pool, "two")} == {"b"}


def calls_per_cell(out: Path, n_tables: int) -> float:
    """Of functions of bench.running on the client, where each table has one cell."""
    names = [f"m{n}" for n in range(20)]
    cells = [cell("a", 0, f"d{n}") for n in range(n_tables)]
    pool = FakePool({name: greeting(name) for name in names}, step_s=1e-3)
    counted = [0]

    def profile(frame: FrameType, event: str, _: object) -> None:
        counted[0] += event == "call" and "bench/running/" in frame.f_code.co_filename

    sys.setprofile(profile)
    try:
        left_over, watching = run(out, pool, cells)
    finally:
        sys.setprofile(None)
    assert left_over == []
    assert len(watching.finished_on) == n_tables
    return counted[0] / n_tables


def test_a_table_costs_the_same_however_many_wait(tmp_path: Path) -> None:
    """The calls are counted: time is of the machine."""
    few, many = (calls_per_cell(tmp_path / str(n), n) for n in (100, 400))
    assert many < 1.1 * few


def test_a_table_that_machines_refused_costs_the_same_however_many_wait(tmp_path: Path) -> None:
    """One of three refuses all: each table goes round once."""

    def costs(n_tables: int) -> float:
        looks, preferred = [0], Spreading._can_run

        def counted(self: Spreading, table: Any, machine: Any) -> bool:
            looks[0] += 1
            return preferred(self, table, machine)

        pool = FakePool(machines("one", "two", "three"), step_s=1e-3)

        def ran(address: str, payload: Payload) -> Any:
            return Answer(refused="no") if address == "one" else True

        pool.ran = ran
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Spreading, "_can_run", counted)
            run(tmp_path / str(n_tables), pool, [cell("a", 0, f"d{n}") for n in range(n_tables)])
        return looks[0] / n_tables

    assert costs(200) < 1.1 * costs(50)


def test_the_client_s_work_for_a_cell_is_constant(tmp_path: Path) -> None:
    """As 20,000 cells do, which take five times as long (`python -m tests.simulated.cluster`): the
    calls are counted."""

    class Counted(RecordStore):
        reads = appends = 0

        def read(self) -> Any:
            self.reads += 1
            return super().read()

        def append(self, record: Record) -> Path:
            self.appends += 1
            return tmp_path

    names = [f"m{n}" for n in range(200)]
    cells = [cell(f"r{n}", 0, f"d{table}") for table in range(200) for n in range(20)]
    store, pool = Counted(tmp_path), FakePool({name: greeting(name) for name in names}, step_s=1e-3)
    left_over, watching = dispatch(
        store, pool, lambda ledger, watching: Spreading(ledger, watching, cells=cells)
    )
    assert left_over == []
    assert len(watching.finished_on) == store.appends == pool.submitted == 4_000
    assert store.reads == 1
    assert pool.most_at_once == len({place for place, *_ in pool.ran_on}) == 200
