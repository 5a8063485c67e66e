"""Real workers that serve several trials, and what one trial leaves to the next."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench.cell.events import Checkpoint, Event, Phase
from bench.cell.execute import CancelledError, Listener, Outcome
from bench.cell.job import Job, write_split
from bench.cell.watch import Limits
from bench.choose.serving import ServingExecutor, never
from bench.choose.session import ByRow
from bench.planning.rules import Rules
from datasets.ratings import HeldOut, Ratings, Split
from tests.support import SUPPORT
from tests.support.running import LIMITS, seconds

MISBEHAVING = SUPPORT / "misbehaving.py"


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrays")
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 500, np.int32), rng.integers(0, 20, 500, np.int32)
    values = rng.integers(1, 6, 500).astype(np.float32)
    held = HeldOut(users[:50], items[:50], values[:50])
    train = Ratings(users, items, values, 30, 20, (1, 5))
    write_split(Split("random", 0, train, held, held, np.arange(30), np.arange(20)), folder)
    return folder


@pytest.fixture
def executor() -> Iterator[ServingExecutor]:
    with ServingExecutor() as executor:
        yield executor


NOBODY = HeldOut(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


def run(executor: ServingExecutor, arrays: Path, name: str, **changes: Any) -> Outcome:
    events: list[Event] = changes.pop("events", [])
    job = {
        "class_path": name if ":" in name else f"{MISBEHAVING}:{name}",
        "hyperparameters": {},
        "device": "cpu",
        "seed": 0,
        "threads": 1,
        "arrays": str(arrays),
        "n_users": 30,
        "n_items": 20,
        "scale": (1, 5),
        "rules": Rules(),
        **changes,
    }
    return executor.execute(Job(**job), NOBODY, LIMITS, events.append)


def test_the_next_trial_has_no_process_to_start_and_its_own_clock(
    executor: ServingExecutor, arrays: Path
) -> None:
    first = run(executor, arrays, "Mean")
    events: list[Event] = []
    second = run(executor, arrays, "Mean", events=events, hyperparameters={"epochs": 5})
    assert [first.status, second.status] == ["ok", "ok"]
    assert first.result is not None
    assert second.result is not None
    assert second.result.parts.import_ < first.result.parts.import_ / 4
    assert [point.epoch for point in second.curve] == [1, 2, 3, 4, 5]
    for outcome in (first, second):
        assert seconds(outcome) == pytest.approx(outcome.wall_s, abs=1e-3)
    assert first.result.memory.host_peak_bytes
    assert second.result.memory.host_peak_bytes is None, "an earlier trial's, perhaps"
    assert [e.name for e in events if isinstance(e, Phase)][:2] == ["import", "construction"]


def test_trials_of_one_seed_have_equal_curves_whatever_ran_before(
    executor: ServingExecutor, arrays: Path
) -> None:
    settings = {"hyperparameters": {"factors": 4, "epochs": 3}}
    als = "impls.als:ALS"
    first = run(executor, arrays, als, **settings)
    run(executor, arrays, als, hyperparameters={"factors": 8, "epochs": 2}, seed=3)
    again = run(executor, arrays, als, **settings)
    assert [p.rmse for p in again.curve] == [p.rmse for p in first.curve]


def test_a_trial_ends_where_the_pruner_says_so_and_the_next_does_not(
    executor: ServingExecutor, arrays: Path
) -> None:
    def beaten(event: Checkpoint) -> str:
        return "worse" if event.epoch >= 3 else ""

    run(executor, arrays, "Mean")
    executor.pruner = beaten
    # An order takes a moment: the fit may go on for some epochs of no length.
    pruned = run(executor, arrays, "Mean", hyperparameters={"epochs": 20_000})
    executor.pruner = never
    after = run(executor, arrays, "Mean", hyperparameters={"epochs": 9})
    assert (pruned.status, pruned.reason) == ("pruned", "worse")
    assert 3 <= len(pruned.curve) < 20_000
    assert after.status == "ok"
    assert len(after.curve) == 9


def test_a_trial_ends_where_its_evaluations_take_too_long(
    executor: ServingExecutor, arrays: Path
) -> None:
    executor.wall_limit_s = 0.0
    slow = run(executor, arrays, "Mean", hyperparameters={"epochs": 20_000})
    executor.wall_limit_s = math.inf
    after = run(executor, arrays, "Mean", hyperparameters={"epochs": 9})
    assert (slow.status, after.status) == ("timeout", "ok")
    assert slow.reason == "it took 0 s with its evaluations"
    assert 1 <= len(slow.curve) < 20_000
    assert slow.result is not None
    assert len(after.curve) == 9


@pytest.mark.parametrize("name", ["Mean", "impls.bias:Bias"])
def test_a_trial_that_came_to_its_end_is_complete_however_long_it_took(
    executor: ServingExecutor, arrays: Path, name: str
) -> None:
    executor.wall_limit_s = 0.0
    executor.pruner = lambda _: "worse"
    settings = {"epochs": 1} if name == "Mean" else {}
    outcome = run(executor, arrays, name, hyperparameters=settings)
    assert (outcome.status, outcome.reason, len(outcome.curve)) == ("ok", "", 1)


def test_a_row_from_outside_has_the_wall_limit_of_its_trial_too(arrays: Path) -> None:
    found: list[float] = []

    class Contained:
        def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
            found.append(limits.wall_limit_s)
            return Outcome("ok")

    with ServingExecutor() as serving:
        serving.wall_limit_s = 7.0
        by_row: Any = ByRow(serving, Contained())
        run(by_row, arrays, "Mean")
        assert found == [7.0]
        assert run(by_row, arrays, "impls.bias:Bias").result, "one of ours is served"
        assert found == [7.0]


def test_a_worker_that_fails_or_dies_is_replaced(executor: ServingExecutor, arrays: Path) -> None:
    for name in ("Raises", "KilledFromOutside"):
        failed = run(executor, arrays, name)
        assert failed.status == "failed"
        assert run(executor, arrays, name).status == "failed"
    assert run(executor, arrays, "Mean").status == "ok"


def test_a_worker_that_is_killed_while_it_waits_is_replaced(
    executor: ServingExecutor, arrays: Path
) -> None:
    """As the kernel does where memory runs out: those that wait keep theirs."""
    before = set(psutil.Process().children())
    run(executor, arrays, "Mean")
    [worker] = set(psutil.Process().children()) - before
    worker.kill()
    with contextlib.suppress(ChildProcessError):  # the harness, which waits too, was sooner
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert run(executor, arrays, "Mean").status == "ok"


def test_workers_that_wait_do_not_run_and_all_end(arrays: Path) -> None:
    before = set(psutil.Process().children())
    with ServingExecutor() as executor:
        run(executor, arrays, "Mean")
        run(executor, arrays, "impls.bias:Bias")
        workers = set(psutil.Process().children()) - before
        assert len(workers) == 2
        assert {each.status() for each in workers} == {psutil.STATUS_STOPPED}
        assert run(executor, arrays, "Mean").status == "ok", "it goes on"
    assert not any(each.is_running() for each in workers)


def test_a_trial_that_nobody_waits_for_ends_its_worker(arrays: Path) -> None:
    looks = iter([False, False, True])
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with ServingExecutor(lambda: next(looks)) as executor, pytest.raises(CancelledError):
        run(executor, arrays, "NeverReturns")
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before
