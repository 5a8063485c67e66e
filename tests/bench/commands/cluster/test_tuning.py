"""`bench tune --cluster` on machines that run nothing."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.commands import terminal
from bench.commands.cluster import tuning
from bench.commands.run import FAILED
from bench.planning.facts import Loader
from bench.running.cluster.dispatch import Dispatch
from bench.store import RecordStore
from bench.tune.study import Range, Study
from datasets.reading.layout import AS_DETECTED
from tests.support.machines import FakePool, greeting, recorded


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> FakePool:
    """One machine, in the place of a cluster."""
    pool = FakePool({"one": greeting("one")})

    @contextlib.contextmanager
    def dispatching(_: object, ledger: Any, *of: Any) -> Any:
        yield Dispatch(pool, ledger, *of, timer=pool.timer)
        ledger.close()

    alone = contextlib.nullcontext(SimpleNamespace())
    monkeypatch.setattr(tuning, "connect", lambda *_: alone)
    monkeypatch.setattr(tuning, "dispatching", dispatching)
    return pool


def search(ratings: Path, out: Path, trials: int) -> int:
    study = Study(
        name="s",
        description="",
        implementations=["numpy_sgd"],
        dataset=str(ratings),
        space={"learning_rate": Range(low=0.01, high=0.1, log=True)},
    )
    of = ("", RecordStore(out), out, Loader(AS_DETECTED), "off")
    return tuning.search_on("somewhere", [study], trials, *of)


def test_trials_that_cannot_be_stored_fail_the_command_which_says_how_to_add_them(
    ratings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "out" / "records").mkdir(parents=True)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(RecordStore, "append", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(terminal, "out", terminal.console(width=500))
    assert search(ratings, tmp_path / "out", 2) == FAILED
    assert RecordStore(tmp_path / "out").read() == ([], [])
    [advice] = re.findall(r"cat .*", capsys.readouterr().out)
    subprocess.run(["sh", "-c", advice], check=True)
    assert len(RecordStore(tmp_path / "out").read()[0]) == 2


def test_a_trial_that_was_lost_and_ran_again_is_no_failure(
    ratings: Path, tmp_path: Path, pool: FakePool
) -> None:
    pool.there["two"] = greeting("two")
    pool.ran = lambda address, payload: (
        None if address == "one" else recorded(payload, pool.there[address])
    )
    pool.events[2] = lambda: pool.kill("one")
    assert search(ratings, tmp_path / "out", 2) == 0
    statuses = [each.status for each in RecordStore(tmp_path / "out").read()[0]]
    assert sorted(statuses) == ["lost", "ok", "ok"]


def test_trials_that_are_recorded_count_as_done(
    ratings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(ratings, tmp_path / "out", 1) == 0
    assert search(ratings, tmp_path / "out", 2) == 0
    assert "[2/2]" in capsys.readouterr().out
