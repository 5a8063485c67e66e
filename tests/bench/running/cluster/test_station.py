"""Cells on the machine of a worker: as `bench run` runs them there, or why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.events import Checkpoint, Evaluating, Phase
from bench.cell.execute import CancelledError, ProcessExecutor
from bench.planning.availability import Elsewhere
from bench.planning.facts import Loader
from bench.planning.plan import Cell, Planner
from bench.planning.suite import Block, Overrides, Suite
from bench.records import Record
from bench.running.cluster import copies, station
from bench.running.cluster.payload import Answer, Payload, Setting
from bench.running.cluster.station import (
    QUIET_S,
    WAITING_S,
    Reports,
    TaskWire,
    Waiting,
    answer,
    begun,
    topic_of,
)
from bench.running.runner import Runner
from bench.store import RecordStore, parsed
from datasets.reading.layout import AS_DETECTED, Layout
from tests.support.command_line import MISBEHAVING, write
from tests.support.running import Silent, unlocked


class FakeWire:
    """Nobody waits any more after so many looks."""

    def __init__(self, looks: int = 10**9, gpus: int = 0) -> None:
        self.looks, self.n_gpus, self.reported = looks, gpus, list[tuple[str, str]]()

    def cancelled(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def gpus(self) -> int:
        return self.n_gpus

    def report(self, what: str, text: str) -> None:
        self.reported.append((what, text))


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    place = station._Place()
    monkeypatch.setattr(station, "_PLACE", place)
    yield
    place._leave()
    assert place._leaving is None or place._leaving.cancel() is None


def planned(
    dataset: str,
    *names: str,
    layout: Layout = AS_DETECTED,
    overrides: Overrides | None = None,
    **settings: str,
) -> list[Cell]:
    loader = Loader(layout)
    place = Elsewhere(cuda=False)
    planner = Planner(loader.facts, loader.check_split, 1, overrides or Overrides(), place=place)
    block = Block(
        implementations=[*names],
        datasets=[dataset],
        devices=["cpu"],
        set={name: [value] for name, value in settings.items()},
    )
    return planner.plan(Suite(name="s", description="", blocks=[block]))


def setting(*files: str, **changes: Any) -> Setting:
    described = {path: copies.described(path) for path in files}
    return Setting(run="run-x", files=described, sandbox="off", **changes)


def ran(cell: Cell, of: Setting, wire: FakeWire | None = None) -> Answer:
    return answer(Payload.of(cell, of, ()), wire or FakeWire())


def record_of(cell: Cell, of: Setting, wire: FakeWire | None = None) -> Record:
    found = ran(cell, of, wire)
    assert found.record, found
    return parsed(found.record)


def test_a_cell_has_the_figures_that_it_has_without_a_cluster(
    tmp_path: Path, ratings: Path
) -> None:
    [cell] = planned(str(ratings), "bias")
    wire = FakeWire()
    there = record_of(cell, setting(str(ratings)), wire)
    store = RecordStore(tmp_path / "out")
    runner = Runner(store, ProcessExecutor(), Silent(), 10**9, Splits(), unlocked)
    [here] = runner.run([cell], fresh=True)
    assert there.status == here.status == "ok"
    assert there.metrics == here.metrics
    assert (there.identity, there.cell, there.data) == (here.identity, here.cell, here.data)
    assert [(p.epoch, p.rmse, p.mae) for p in there.curve] == [
        (p.epoch, p.rmse, p.mae) for p in here.curve
    ]
    assert there.goals[0].rmse == here.goals[0].rmse  # the baseline's own
    assert wire.reported[0] == ("started", "")


def test_a_search_never_sees_the_test_part(ratings: Path) -> None:
    [cell] = planned(str(ratings), "bias")
    record = record_of(cell, setting(str(ratings), blind=True))
    assert record.status == "ok"
    assert record.metrics is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path, ratings: Path) -> None:
    [cell] = planned(str(ratings), "global_mean")
    of = setting(str(ratings))
    moved = ratings.rename(tmp_path / "elsewhere.csv")
    assert ran(cell, of).missing == [str(ratings)]
    offset = 0
    for piece in copies.pieces(str(moved)):
        assert station.put_piece(of.files[str(ratings)].to_json(), offset, piece) == ""
        offset += len(piece)
    assert record_of(cell, of).status == "ok"


def test_a_piece_of_no_file_is_refused(ratings: Path) -> None:
    file = setting(str(ratings)).files[str(ratings)]
    assert "changed while it was sent" in station.put_piece(file.to_json(), 0, b"x" * file.size)


def test_other_ratings_are_refused(tmp_path: Path) -> None:
    here, there = write(tmp_path / "here.csv"), write(tmp_path / "there.csv", scale=(2, 9))
    [cell] = planned(str(here), "global_mean")
    of = Setting(run="x", files={str(here): copies.described(str(there))}, sandbox="off")
    here.unlink()
    for piece in copies.pieces(str(there)):
        copies.put(of.files[str(here)], 0, piece)
    refused = ran(cell, of).refused
    assert "has other ratings (fingerprint" in refused
    assert cell.facts.data.fingerprint[:12] in refused


def test_data_that_cannot_be_had_is_refused(ratings: Path) -> None:
    [cell] = planned(str(ratings), "global_mean")
    request = cell.request.model_copy(update={"dataset": "nowhere.csv"})
    refused = ran(Cell(request, *_rest(cell)), setting()).refused
    assert "nowhere.csv" in refused


def _rest(cell: Cell) -> tuple[Any, ...]:
    return cell.class_path, cell.implementation_hash, cell.facts, cell.rules


def test_another_source_is_skipped_by_name(ratings: Path) -> None:
    [cell] = planned(str(ratings), "bias")
    other = Cell(cell.request, cell.class_path, "0" * 16, cell.facts, cell.rules)
    record = record_of(other, setting(str(ratings)))
    assert record.status == "skipped"
    assert "its source on this machine is another one" in record.reason
    assert "0" * 16 in record.reason


NEEDS = """
from dataclasses import dataclass
import numpy as np
from impls.protocol import Training

@dataclass(kw_only=True)
class Needs:
    rank: int
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.mean_ = float(train.values.mean())
        return self

    def predict(self, users, items):
        return np.full(len(users), self.mean_, np.float32)
"""


def test_a_row_that_must_be_set_runs_as_it_is_set(tmp_path: Path, ratings: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(NEEDS, encoding="utf-8")
    row = f"{own}:Needs"
    [cell] = planned(str(ratings), row, overrides=Overrides(settings={row: {"rank": "3"}}))
    record = record_of(cell, setting(str(ratings)))
    assert (record.status, record.reason) == ("ok", "")
    other = replace(cell, settings={"rank": "x"})
    assert "Needs.rank=x" in record_of(other, setting(str(ratings))).reason


@pytest.mark.parametrize(
    ("device", "gpus", "reason"),
    [
        ("cuda", 0, "without --gpus: cuda needs bench worker --gpus 1"),
        ("cuda:1", 1, "--gpus 1: cuda:1 needs bench worker --gpus 2"),
        ("cuda:1", 2, ""),
    ],
)
def test_a_gpu_that_its_worker_does_not_offer_is_not_used(
    ratings: Path, monkeypatch: pytest.MonkeyPatch, device: str, gpus: int, reason: str
) -> None:
    monkeypatch.setattr("bench.planning.availability.Here.row_problem", lambda *_: "")
    [cell] = planned(str(ratings), "bias")
    on_gpu = replace(cell, request=cell.request.model_copy(update={"device": device}))
    found = station.Station(setting(str(ratings)), FakeWire(gpus=gpus))._known_here(
        Payload.of(on_gpu, setting(str(ratings)), ())
    )
    assert (found.skip.reason if found.skip else "") == (
        f"its worker was started {reason}" if reason else ""
    )


def test_a_row_whose_file_is_not_there_is_skipped(tmp_path: Path, ratings: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(MISBEHAVING.read_text(encoding="utf-8"), encoding="utf-8")
    [cell] = planned(str(ratings), f"{own}:Mean")
    assert record_of(cell, setting(str(ratings))).status == "ok"
    own.unlink()
    record = record_of(cell, setting(str(ratings), blocks=1))
    assert (record.status, record.reason) == (
        "skipped",
        f"there is no file {own} on this machine: put it there",
    )


def test_a_row_with_a_required_hyperparameter_runs(tmp_path: Path, ratings: Path) -> None:
    own = tmp_path / "own.py"
    required = "\n\n@dataclass(kw_only=True)\nclass Required(Mean):\n    rank: int\n"
    own.write_text(MISBEHAVING.read_text(encoding="utf-8") + required, encoding="utf-8")
    [cell] = planned(str(ratings), f"{own}:Required", rank="3")
    record = record_of(cell, setting(str(ratings)))
    assert (record.status, record.reason) == ("ok", "")
    assert record.cell.hyperparameters["rank"] == 3


@pytest.mark.parametrize(
    ("versions", "theirs"), [({"scikit-surprise": "0.1"}, "0.1"), ({}, "missing")]
)
def test_another_version_of_the_library_than_planned_skips_its_row(
    ratings: Path, versions: dict[str, str], theirs: str
) -> None:
    """Of a library that only a plugin's row has: no greeting has compared it."""
    [cell] = planned(str(ratings), "peer:surprise_svd")
    record = record_of(replace(cell, versions=versions), setting(str(ratings)))
    assert record.status == "skipped"
    assert f"on this machine and {theirs} on the machine that planned: install" in record.reason


def test_a_library_that_is_not_there_skips_its_row(
    ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [cell] = planned(str(ratings), "peer:surprise_svd")
    assert cell.skip is None
    monkeypatch.setattr("bench.planning.availability.versions", lambda _: {})
    record = record_of(cell, setting(str(ratings)))
    assert record.status == "skipped"
    assert "is not installed" in record.reason


def test_a_sandbox_that_is_required_and_impossible_is_the_machine_s_fault(
    ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.bubblewrap, "problem", lambda: "there is no bubblewrap")
    [cell] = planned(str(ratings), "bias")
    of = setting(str(ratings)).model_copy(update={"sandbox": "require"})
    assert ran(cell, of).broken == "HarnessError: --sandbox require: there is no bubblewrap"


def test_a_cell_that_nobody_waits_for_ends(ratings: Path) -> None:
    [cell] = planned(str(ratings), f"{MISBEHAVING}:NeverReturns")
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with pytest.raises(CancelledError):
        ran(cell, setting(str(ratings)), FakeWire(looks=5))
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before


def test_nobody_waits_for_a_cell_that_waits_for_the_machine(ratings: Path) -> None:
    [cell] = planned(str(ratings), "global_mean")
    wire = FakeWire(looks=2)
    with locks.exclusive(lambda: None), pytest.raises(CancelledError):
        ran(cell, setting(str(ratings)), wire)
    assert wire.reported == [("waiting", "")]


def test_a_long_wait_for_the_machine_is_reported_again() -> None:
    now, wire = [0.0], FakeWire()
    waiting = Waiting(wire, lambda: now[0])
    waiting.go_on()
    assert wire.reported == []
    waiting.report()
    for _ in range(5):
        now[0] += WAITING_S / 2 + 1
        waiting.go_on()
    assert wire.reported == [("waiting", "")] * 3


def test_the_ratings_stay_from_cell_to_cell_of_a_run(ratings: Path) -> None:
    of = setting(str(ratings))
    for cell in planned(str(ratings), "global_mean", "bias"):
        record_of(cell, of)
    first = station._PLACE._station
    assert first is not None
    prepared = first._cells.splits._prepared
    assert len(prepared) == 1
    folder = Path(next(iter(prepared.values())).folder.name)
    record_of(cell, of.model_copy(update={"run": "another"}))
    assert station._PLACE._station is not first
    assert not folder.exists()
    station._PLACE._leave()
    assert station._PLACE._station is None


def test_checkpoints_are_reported_now_and_then() -> None:
    now, wire = [0.0], FakeWire()
    reports = Reports(wire, lambda: now[0])

    def checkpoint(epoch: int) -> Checkpoint:
        return Checkpoint(epoch=epoch, seconds=0, rmse=1, mae=1, planned=9, evaluation_s=0)

    for epoch in range(1, 10):
        reports.on_event(Evaluating())
        reports.on_event(checkpoint(epoch))
        now[0] += QUIET_S / 2
    reports.on_event(Phase(name="predict"))
    epochs = [text for _, text in wire.reported if "checkpoint" in text]
    assert len(epochs) == 5  # every second one, and the last
    assert '"epoch":9' in epochs[-1]
    assert len(wire.reported) == 6


def test_tasks_of_a_run_report_together() -> None:
    assert topic_of("ratebench-abc-12") == topic_of("ratebench-abc-0") == "ratebench-abc"


@pytest.mark.parametrize(
    ("status", "state", "cancelled"),
    [
        ("running", "executing", False),
        ("running", "cancelled", True),
        ("running", None, True),
        ("closing", "executing", True),
    ],
)
def test_a_task_knows_whether_anybody_waits(
    monkeypatch: pytest.MonkeyPatch, status: str, state: str | None, cancelled: bool
) -> None:
    distributed = pytest.importorskip("distributed")
    from distributed.worker import thread_state

    tasks = {"run-1": SimpleNamespace(state=state)} if state else {}
    events: list[Any] = []
    worker = SimpleNamespace(
        status=SimpleNamespace(name=status),
        state=SimpleNamespace(tasks=tasks, total_resources={"machine": 1.0, "cuda": 2.0}),
        log_event=lambda *event: events.append(event),
    )
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    monkeypatch.setattr(thread_state, "key", "run-1", raising=False)
    wire = TaskWire()
    assert wire.cancelled() is cancelled
    assert wire.gpus() == 2
    wire.report("started", "")
    assert events == [("run", {"task": "run-1", "started": ""})]


def test_the_layout_of_a_file_arrives(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", header="rating,item,user\n", scale=(1, 9))
    layout = Layout(columns={"user": "rating", "item": "item", "rating": "user"})
    [cell] = planned(str(path), "global_mean", layout=layout)
    assert record_of(cell, setting(str(path), options=layout.options())).status == "ok"
    assert "the rating is not a finite number" in ran(cell, setting(str(path))).refused


def test_a_source_that_changed_since_it_was_imported_does_not_run(
    ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [cell] = planned(str(ratings), "bias")
    monkeypatch.setattr("bench.planning.describing._digest_of", lambda _: "another")
    record = record_of(cell, setting(str(ratings)))
    assert (record.status, record.reason) == ("skipped", "its source changed after the run began")


def test_a_system_that_pins_nothing_skips_what_is_to_be_pinned(
    ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [cell] = planned(str(ratings), "bias")
    pinned = replace(cell, request=cell.request.model_copy(update={"pinned": True}))
    monkeypatch.setattr("bench.machine.timing_core", lambda: None)
    record = record_of(pinned, setting(str(ratings)))
    assert record.status == "skipped"
    assert record.reason.startswith("--pin: ")


def test_a_cell_in_a_sandbox_ends_where_nobody_waits(ratings: Path) -> None:
    of = Setting(run="run", sandbox="auto")
    here = station.Station(of, FakeWire(looks=0))
    here.__dict__["_sandbox"] = station.Sandbox()
    executor = here.executor()
    assert isinstance(executor, station.SandboxedExecutor)
    assert executor._executor("nowhere")._cancelled() is True


def test_a_task_reports_that_it_begins_before_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = FakeWire()
    monkeypatch.setattr(station, "TaskWire", lambda: wire)
    assert begun(lambda text: f"{text} after {wire.reported}", "ran") == "ran after [('begun', '')]"
