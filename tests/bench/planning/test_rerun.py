"""What re-runs a cell that has a record, and the reason that is given, with a real store."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import machine
from bench.cell.data import NO_RATINGS
from bench.cell.execute import Outcome
from bench.planning import describing, plan
from bench.planning.facts import Facts
from bench.planning.plan import Cell, Planner
from bench.planning.rerun import History
from bench.planning.rules import Rules
from bench.planning.source.own_files import own_source
from bench.planning.suite import Suite
from bench.records import CellRecord, Data, Record
from bench.running.runner import Runner
from bench.store import RecordStore

FACTS = Facts(Data(fingerprint="f", n_users=1, n_items=1, n_ratings=1, scale=(1, 5)), (0.9,))


class Run:
    """A runner on the store in a folder, whose cells all end at once with `status`."""

    def __init__(self, out: Path) -> None:
        self.store, self.status = RecordStore(out), "ok"
        self.ran: list[str] = []
        self._runner = Runner(self.store, self, self, 10**9, self, contextlib.nullcontext)  # type: ignore[arg-type]

    def __call__(self, *cells: Cell) -> list[str]:
        """The reasons of the cells that run; "" for a new one."""
        self.ran = []
        self._runner.run(list(cells), fresh=False)
        return self.ran

    def execute(self, *_: Any) -> Outcome:
        return Outcome(self.status)  # type: ignore[arg-type]

    def prepare(self, *_: Any) -> Any:
        folder = SimpleNamespace(name="nowhere")
        return SimpleNamespace(folder=folder, n_users=1, n_items=1, test=NO_RATINGS)

    def are_intact(self) -> bool:
        return True

    def started(self, cell: Cell, again: str) -> None:
        self.ran.append(again)

    def discard(self) -> None: ...
    def already_done(self, cell: Cell) -> None: ...
    def waiting(self) -> None: ...
    def on_event(self, event: object) -> None: ...
    def finished(self, record: Record) -> None: ...
    def not_stored(self, *_: object) -> None: ...
    def never_stored(self, *_: object) -> None: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "out")


KERNEL = '''"""A kernel."""

STEP = 0.5


def step(x):
    """Half of it."""
    return STEP * x
'''
ROW = '''"""A row."""
from dataclasses import dataclass
from kernel import step


@dataclass
class Row:
    """A row."""
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=None):
        return self

    def predict(self, users, items):
        return step(users)
'''


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Cell]]:
    """Plan the row in `row.py`, which is imported here and not in a process of its own."""
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "row.py").write_text(ROW)

    def describe(class_path: str, *arguments: Any) -> describing.Described:
        found = describing._described(describing._load(class_path), *arguments[:3])
        digest, _ = own_source((Path(class_path.rpartition(":")[0]), ""))
        return dataclasses.replace(found, implementation_hash=digest)

    monkeypatch.setattr(plan, "describe", describe)
    monkeypatch.syspath_prepend(tmp_path)
    block = {"implementations": [f"{tmp_path}/row.py:Row"], "datasets": ["d"], "devices": ["cpu"]}
    suite = Suite.model_validate({"name": "s", "description": "", "blocks": [block]})
    return lambda: Planner(lambda *_: FACTS, lambda *_: None, threads=1).plan(suite)


def edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


def test_what_means_the_same_runs_nothing_and_a_changed_constant_of_a_kernel_does(
    run: Run, planned: Callable[[], list[Cell]], tmp_path: Path
) -> None:
    kernel, row = tmp_path / "kernel.py", tmp_path / "row.py"
    assert run(*planned()) == [""]
    edit(kernel, ("STEP * x", "(\n        STEP  # half\n        * x\n    )"), ("\n\n\n", "\n\n"))
    assert run(*planned()) == []  # reformatted
    edit(kernel, ("Half of it.", "The half of `x`."), ('"""A kernel."""', '"""One kernel."""'))
    edit(row, ('"""A row."""', '"""One row."""'))
    assert run(*planned()) == []  # documented
    edit(kernel, ("STEP = 0.5", "STEP = 0.25"))
    [reason] = run(*planned())
    assert reason.startswith("its source changed (recorded 20")
    assert run(*planned()) == []


def cell(**changes: Any) -> Cell:
    request = CellRecord(
        implementation="row",
        preset="default",
        hyperparameters={"factors": 8},
        dataset="d",
        split="random:80/10/10",
        device="cpu",
        threads=1,
        seed=0,
        rules={"patience": 5, "until_rmse": None, "time_limit_s": 60.0},
    )
    known = changes.keys() & CellRecord.__dataclass_fields__.keys()
    request = request.model_copy(update={name: changes.pop(name) for name in known})
    return replace(Cell(request, "row:Row", "hash", FACTS, Rules()), **changes)


def data(**changes: Any) -> Facts:
    return replace(FACTS, data=FACTS.data.model_copy(update=changes))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (cell(implementation_hash="another"), "its source changed"),
        (cell(hyperparameters={"factors": 9}), "factors was 8 and is 9"),
        (cell(hyperparameters={"factors": 8, "decay": 1}), "decay was None and is 1"),
        (cell(hyperparameters={"factors": 8, "hidden": (4, 2)}), "hidden was None and is [4, 2]"),
        (cell(facts=data(fingerprint="g")), "its ratings changed"),
        (cell(facts=data(note="d stands in for e")), "other data stood in for its ratings"),
        (cell(rules={"patience": 3, "until_rmse": None}), "patience was 5 and is 3"),
        (cell(rules={"patience": 5, "until_rmse": 0.9}), "until_rmse was None and is 0.9"),
        (cell(versions={"numpy": "1.0"}), f"numpy {machine.versions(['numpy'])['numpy']} -> 1.0"),
        (cell(pinned=True), "it ran without --pin"),
        (cell(versions={"cornac": "3.0"}), "cornac absent -> 3.0"),
        (
            cell(implementation_hash="another", hyperparameters={"factors": 9}),
            "its source changed; factors was 8 and is 9",
        ),
    ],
)
def test_each_change_that_re_runs_a_cell_is_named(run: Run, changed: Cell, reason: str) -> None:
    assert run(cell()) == [""]
    [found] = run(changed)
    assert found.partition(" (recorded ")[0] == reason
    assert run(changed, cell()) == []


@pytest.mark.parametrize(
    ("split", "then", "now", "reason"),
    [
        ("leave-last", "a", "b", "its times changed"),
        ("time:80/10/10", "a", "b", "its times changed"),
        ("leave-last", "", "b", "its times were not recorded"),
        ("given", "a", "b", "its test part changed"),
        ("given:90/10", "a", "b", "its test part changed"),
    ],
)
def test_what_else_decides_the_split_re_runs_a_cell(
    run: Run, split: str, then: str, now: str, reason: str
) -> None:
    before, after = (cell(split=split, facts=FACTS.split_by(digest)) for digest in (then, now))
    assert run(before) == [""]
    [found] = run(after)
    assert found.partition(" (recorded ")[0] == reason
    assert run(before, after) == []


def test_another_test_file_is_named(run: Run) -> None:
    before = cell(split="given", facts=data(test="a.csv", fingerprint="a", split_digest="a"))
    after = cell(split="given", facts=data(test="b.csv", fingerprint="b", split_digest="b"))
    run(before)
    [found] = run(after)
    assert found.partition(" (recorded ")[0] == "its test file was a.csv and is b.csv"


@pytest.mark.parametrize(
    "other",
    [
        cell(seed=1),
        cell(dataset="e", facts=data(fingerprint="e")),
        cell(device="cuda"),
        cell(threads=2),
    ],
)
def test_another_cell_is_new(run: Run, other: Cell) -> None:
    assert run(cell()) == [""]
    assert run(other) == [""]


def test_a_limit_that_changed_re_runs_nothing(run: Run) -> None:
    assert run(cell()) == [""]
    assert run(cell(rules={"patience": 5, "until_rmse": None, "time_limit_s": 1.0})) == []


def test_a_record_that_did_not_end_well_is_the_reason(run: Run) -> None:
    run.status = "timeout"
    assert run(cell()) == [""]
    [reason] = run(cell())
    assert reason.startswith("its record ended as timeout (recorded ")


def record_of(a_cell: Cell, **changes: Any) -> Record:
    environment = a_cell.environment(machine.environment())
    return Record(
        identity=a_cell.identity(machine.environment()),
        started_at="2026-01-01T00:00:00+00:00",
        status="ok",
        cell=a_cell.request,
        data=a_cell.facts.data,
        source={"git_sha": "0123456789", "dirty": False, "implementation_hash": "hash"},  # type: ignore[arg-type]
        environment=environment,
    ).model_copy(update=changes)


def test_a_skipped_record_is_no_reason(run: Run) -> None:
    run.store.append(record_of(cell(), status="skipped"))
    assert run(cell()) == [""]


def test_a_record_of_an_older_schema_names_the_command_that_helps(run: Run) -> None:
    run.store.append(record_of(cell(), schema_=1, identity="of schema 1"))
    [reason] = run(cell(implementation_hash="of schema 2"))
    assert reason == (
        "its record is of schema 1: bench migrate (recorded 2026-01-01, commit 0123456)"
    )


def test_another_python_is_named(run: Run) -> None:
    here = machine.environment()
    older = here.model_copy(update={"python": "3.10.1"})
    run.store.append(record_of(cell(), identity="of 3.10.1", environment=older))
    [reason] = run(cell())
    assert reason.startswith(f"Python 3.10.1 -> {here.python} (recorded 2026-01-01")


def test_the_reason_is_of_the_newest_record_with_the_same_hyperparameters() -> None:
    other = cell(hyperparameters={"factors": 9}).request
    now = cell(implementation_hash="another")
    records = [
        record_of(cell(), identity="a", started_at="2026-01-01"),
        record_of(cell(), identity="b", started_at="2026-01-02"),
        record_of(cell(), identity="c", started_at="2026-01-03", cell=other),
    ]
    history = History(records, machine.environment())
    assert history.why_again(now) == "its source changed (recorded 2026-01-02, commit 0123456)"
    assert history.done(now) is None


def test_a_tuple_is_the_list_that_its_record_has(run: Run) -> None:
    values = {"hidden": (4, 2)}
    assert run(cell(hyperparameters=values)) == [""]
    [reason] = Run(run.store.folder.parent)(
        cell(hyperparameters=values, implementation_hash="another")
    )
    assert reason.startswith("its source changed (recorded ")


def test_a_tuple_of_a_record_of_this_process_is_its_list() -> None:
    before = record_of(cell(hyperparameters={"hidden": (4, 2)}), started_at="2026-01-02")
    history = History([before], machine.environment())
    now = cell(hyperparameters={"hidden": (4, 2)}, implementation_hash="another")
    assert history.why_again(now).startswith("its source changed (recorded ")


def test_where_nothing_known_changed_no_reason_is_given() -> None:
    """As for a class with another name in the same source, which is part of the identity."""
    history = History([record_of(cell(), identity="another")], machine.environment())
    assert history.why_again(cell()) == ""


def test_what_was_lost_runs_again_and_is_not_the_newest_of_its_row() -> None:
    here = machine.environment()
    ok = record_of(cell(), identity=cell().identity(here), started_at="2026-01-01")
    other = ok.source.model_copy(update={"implementation_hash": "another"})
    history = History([ok], here)
    lost = ok.model_copy(update={"status": "lost", "started_at": "2026-01-02", "source": other})
    history.add(lost)
    assert history.done(cell()) == ok
    assert not history.is_outdated(ok)
    alone = History([ok.model_copy(update={"status": "lost"})], here)
    assert alone.done(cell()) is None
    assert alone.why_again(cell()).startswith("its record ended as lost")
