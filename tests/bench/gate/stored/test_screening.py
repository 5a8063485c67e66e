"""Baselines on disk, runs of one side, and when a screen hands over to the paired check."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.gate.errors import BaselineError, SideError
from bench.gate.statistics import PASSED, REGRESSION, UNDECIDED
from bench.gate.stored import command as screening
from bench.gate.stored.baseline import Baseline, MachineKey, read
from bench.gate.stored.solo import ROUNDS, time_alone
from tests.bench.gate.conftest import Checkout
from tests.support.gate_runs import NAMES, request_of, runs, slower
from tests.support.gate_sides import FakeSide, Machine

HERE = MachineKey(cpu="a CPU", flags="f", cache="c", blas="b", python="3.11.7")
PAIRED = UNDECIDED
"""The exit code of the paired check here, so that it shows where it ran."""


def alone(loops: dict[str, int], only: tuple[str, ...] = (), **faults: str) -> dict[str, float]:
    machine = Machine()

    @contextmanager
    def start(hash_seed: int) -> Iterator[FakeSide]:
        machine.hash_seeds.append(hash_seed)
        cost = {"a": 1.0, "b": 30.0}
        yield FakeSide("head", machine, hash_seed, [*cost], lambda _, w, __: cost[w], faults)

    times = time_alone(start, random.Random(0), loops, only, lambda _: None)
    assert len(set(machine.hash_seeds)) == ROUNDS
    return times


def test_a_run_is_the_time_of_one_call_with_the_loops_that_are_stored() -> None:
    loops = {"a": 50}
    times = alone(loops)
    assert times == pytest.approx({"a": 13.8155, "b": 17.2167}, abs=1e-3)  # ln of 1 and 30 ms
    assert loops == {"a": 50, "b": 1}


def test_a_run_leaves_out_what_is_skipped_and_fails_with_what_fails() -> None:
    assert alone({}, b="skip").keys() == alone({}, only=("a",)).keys() == {"a"}
    for fault in ("fail", "late"):
        with pytest.raises(SideError, match="b: "):
            alone({}, b=fault)


def test_a_run_that_times_nothing_or_lacks_what_was_requested_is_none() -> None:
    with pytest.raises(SideError, match="no workload typo; there are a, b"):
        alone({}, only=("a", "typo"))
    with pytest.raises(SideError, match="nothing was timed"):
        alone({}, a="skip", b="skip")


@pytest.fixture
def stored(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline of HEAD with eight runs that agree."""
    sha = checkout.commit(a="1")
    monkeypatch.setattr(MachineKey, "here", classmethod(lambda _: HERE))
    monkeypatch.setattr(
        screening, "compare", lambda request, *_: PAIRED if request.base == sha else 9
    )
    path = tmp_path / "baseline.json"
    lock = screening.lock_of(checkout.root)
    Baseline(sha=sha, lock=lock, machine=HERE, loops={}, runs=runs(9, 0.002)[:-1]).write(path)
    return path


def screened(path: Path, checkout: Checkout, monkeypatch, now: dict) -> tuple[int, str]:
    shown: list[str] = []
    monkeypatch.setattr(screening, "time_alone", lambda *_: now)
    code = screening.against(path, request_of(path.parent), checkout.root, shown.append, print)
    return code, "\n".join(shown)


NOW = runs(9, 0.002)[-1]


def test_the_same_machine_passes_and_fails_by_itself(stored, checkout, monkeypatch) -> None:
    code, text = screened(stored, checkout, monkeypatch, NOW)
    assert code == PASSED
    assert "cannot distinguish them" in text
    code, text = screened(stored, checkout, monkeypatch, slower(NOW, 0.5))
    assert code == REGRESSION
    assert re.search(r"\| a +\| 1.49\d +\| 0\.\d\d% .*FAIL", text)  # and by which spread


@pytest.mark.parametrize("what", ["machine", "lock"])
def test_another_machine_or_lock_is_compared_in_pairs(
    stored, checkout, monkeypatch, what: str
) -> None:
    other = {"machine": HERE.model_copy(update={"cpu": "another CPU"}), "lock": "another"}
    read(stored).model_copy(update={what: other[what]}).write(stored)
    code, text = screened(stored, checkout, monkeypatch, slower(NOW, 0.5))
    assert code == PAIRED
    assert "SUSPECT" in text
    assert "another machine or other versions" in text
    assert screened(stored, checkout, monkeypatch, NOW)[0] == PAIRED


@pytest.mark.parametrize(
    "now",
    [
        {**NOW, "new": 17.0},
        {name: NOW[name] for name in NAMES[1:]},
        slower({name: NOW[name] for name in NAMES[:-1]}, 0.5),
        {"a": NOW["a"]},
    ],
    ids=["a new workload", "a removed one", "a removed one beside a slower one", "too few"],
)
def test_other_workloads_than_the_stored_are_compared_in_pairs(
    stored, checkout, monkeypatch, now
) -> None:
    code, text = screened(stored, checkout, monkeypatch, now)
    assert code == PAIRED
    assert "The workloads are not the stored ones" in text


def test_stored_runs_of_unlike_workloads_are_compared_in_pairs(
    stored, checkout, monkeypatch
) -> None:
    baseline = read(stored)
    baseline.runs[1].pop("h")
    baseline.write(stored)
    assert screened(stored, checkout, monkeypatch, NOW)[0] == PAIRED


@pytest.mark.parametrize("names", [NAMES, "ab"], ids=["too noisy", "too few"])
def test_what_a_screen_leaves_open_is_compared_in_pairs(
    stored, checkout, monkeypatch, names: str
) -> None:
    *before, now = ({name: run[name] for name in names} for run in runs(9, spread=0.01))
    read(stored).model_copy(update={"runs": before}).write(stored)
    code, text = screened(stored, checkout, monkeypatch, now)
    assert code == PAIRED
    assert "The screen cannot decide" in text


def saved(path: Path, checkout: Checkout, monkeypatch, now: dict) -> str:
    shown: list[str] = []
    monkeypatch.setattr(screening, "time_alone", lambda *_: now)
    code = screening.save(path, request_of(path.parent), checkout.root, shown.append, print)
    assert code == PASSED
    return "\n".join(shown)


def test_runs_of_one_revision_and_machine_come_together(stored, checkout, monkeypatch) -> None:
    assert "9 runs" in saved(stored, checkout, monkeypatch, NOW)
    assert len(read(stored).runs) == 9


@pytest.mark.parametrize("what", ["sha", "machine"])
def test_what_a_run_replaces_is_reported(stored, checkout, monkeypatch, what: str) -> None:
    was = read(stored)
    if what == "sha":
        checkout.commit(a="2")
    else:
        was.machine.cpu = "another CPU"
        was.write(stored)
    text = saved(stored, checkout, monkeypatch, NOW)
    assert f"replaces 8 runs of {was.sha[:12]} on {was.machine.cpu}" in text
    assert "from 3 on the screen may FAIL" in text
    assert len(read(stored).runs) == 1


def test_a_run_of_other_workloads_leaves_the_stored_ones_alone(
    stored, checkout, monkeypatch
) -> None:
    before = stored.read_text()
    with pytest.raises(BaselineError, match=r"other workloads than a: save all of them"):
        saved(stored, checkout, monkeypatch, {"a": NOW["a"]})
    assert stored.read_text() == before


def test_a_run_saved_while_another_waits_is_not_lost(stored, checkout, monkeypatch) -> None:
    """The file is read after the wait, and written before the next may have the machine."""
    at_the_end: list[int] = []

    @contextmanager
    def exclusive(_) -> Iterator[None]:
        meanwhile = read(stored)
        meanwhile.runs.append(NOW)
        meanwhile.write(stored)
        yield
        at_the_end.append(len(read(stored).runs))

    monkeypatch.setattr("bench.cell.locks.exclusive", exclusive)
    saved(stored, checkout, monkeypatch, NOW)
    assert at_the_end == [10]


def test_a_dirty_tree_is_no_baseline(stored, checkout) -> None:
    checkout.write(a="3")
    with pytest.raises(BaselineError, match="commit or stash"):
        screening.save(stored, request_of(stored.parent), checkout.root, print, print)


def test_what_is_no_baseline_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"`bench gate --save .* makes one"):
        read(tmp_path / "none.json")
    for content in (b'{"sha": 1}', b"# ratebench\n", b"\xff"):
        (tmp_path / "wrong.json").write_bytes(content)
        line = r"wrong\.json: holds no baseline of the gate, and is not replaced\Z"
        with pytest.raises(BaselineError, match=line):
            read(tmp_path / "wrong.json")
    with pytest.raises(BaselineError, match=r"cannot be read: Is a directory\Z"):
        read(tmp_path)


def test_a_baseline_that_cannot_be_written_is_one_clear_error(stored, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BaselineError, match="cannot be written"):
        read(stored).write(tmp_path / "file" / "baseline.json")


def test_this_machine_has_a_key() -> None:
    assert all(MachineKey.here().model_dump().values())
