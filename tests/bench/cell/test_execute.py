"""Real workers that go wrong: each ends in a status with a reason, and nothing is left of it."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench import machine
from bench.cell import numerics, watch
from bench.cell.events import NotAnEventError, parse
from bench.cell.execute import CancelledError, Outcome, ProcessExecutor
from bench.cell.job import (
    DIGEST_BYTES,
    WARM_UP_RATINGS,
    Job,
    read_sample,
    write_pairs,
    write_split,
)
from bench.cell.watch import Limits
from bench.planning.rules import Rules
from datasets.ratings import UNKNOWN, HeldOut, Ratings, Split
from tests.support import SUPPORT, running
from tests.support.running import LIMITS

MISBEHAVING = SUPPORT / "misbehaving.py"
CALLS_STORED_CODE = """
from dataclasses import dataclass
import numpy as np
from numba import njit
from called import rating

@njit(cache=True)
def stored():
    return rating()

@dataclass
class Row:
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training):
        return self

    def predict(self, users, items):
        return np.full(len(users), stored(), np.float32)
"""
Execute = Callable[..., Outcome]


@pytest.fixture(scope="module")
def split() -> Split:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 500), rng.integers(0, 20, 500)
    values = rng.integers(1, 6, 500).astype(np.float32)
    held = HeldOut(users[:50], np.r_[items[:49], UNKNOWN], values[:50])
    train = Ratings(users, items, values, 30, 20, (1, 5))
    ids = np.arange(30)
    return Split("random", 0, train, held, held, ids, ids[:20])


@pytest.fixture
def execute(split: Split, tmp_path: Path) -> Execute:
    write_split(split, tmp_path)

    def execute(name: str, limits: Limits = LIMITS, **changes: Any) -> Outcome:
        return running.execute(f"{MISBEHAVING}:{name}", split, tmp_path, limits, **changes)

    return execute


def test_a_cell_runs_to_its_predictions(execute: Execute, split: Split) -> None:
    outcome = execute("Mean")
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.predicted is not None
    assert np.allclose(outcome.predicted, split.train.values.mean())
    assert len(outcome.predicted) == split.test.known.sum() == 49
    assert [point.epoch for point in outcome.curve] == [1, 2, 3]
    assert (
        outcome.result.memory.host_peak_bytes > outcome.result.memory.host_base_bytes > 10_000_000
    )


def test_it_reports_squared_errors_of_parts_of_the_validation_ratings(execute: Execute) -> None:
    assert execute("Mean").result.val_blocks == []
    result = execute("Mean", blocks=10).result
    assert len(set(result.val_blocks)) == 10
    assert np.mean(result.val_blocks) == pytest.approx(result.val_rmse**2)


def test_a_process_that_the_warm_up_started_counts_as_the_row_s(execute: Execute) -> None:
    outcome = execute("WorksInAHelper")
    assert (outcome.status, outcome.reason, outcome.doubts) == ("ok", "", [])
    assert outcome.result.memory.host_base_bytes > 300_000_000
    assert outcome.result.memory.host_peak_bytes > outcome.result.memory.host_base_bytes
    assert outcome.result.cpu_s > 1


def test_code_that_numba_stored_is_of_this_source(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numba would not notice that a function which the stored one calls has changed."""
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    write_split(split, tmp_path)
    row = tmp_path / "row.py"
    row.write_text(CALLS_STORED_CODE)
    # Of another length: Python's own stored code goes by the size and the second of a file.
    for source, rating in [("1", 1.0), ("2", 2.25)]:
        (tmp_path / "called.py").write_text(
            f"from numba import njit\n@njit\ndef rating(): return {rating}\n"
        )
        outcome = running.execute(f"{row}:Row", split, tmp_path, LIMITS, source=source)
        assert outcome.predicted is not None, outcome
        assert set(outcome.predicted) == {rating}


@pytest.mark.skipif(sys.platform != "linux", reason="counters of Linux")
def test_what_disturbed_the_fit_is_reported(execute: Execute) -> None:
    found = execute("Mean").result.disturbance
    assert found.steal_s is not None
    assert found.wait_s is not None
    assert found.cpu_s > 0


TWO_CORES = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs, of Linux"
)


@TWO_CORES
def test_a_pinned_worker_is_on_one_core_from_its_start_and_the_harness_is_not(
    execute: Execute,
) -> None:
    before = os.sched_getaffinity(0)
    core = machine.timing_core()
    assert core == max(before)
    reason = execute("NamesItsCores", core=core).reason
    assert reason.endswith(f"RuntimeError: on cores [{core}]")
    assert os.sched_getaffinity(0) == before
    assert execute("NamesItsCores").reason.endswith(f"on cores {sorted(before)}")


@TWO_CORES
def test_a_row_that_leaves_its_core_is_not_called_pinned(execute: Execute) -> None:
    outcome = execute("LeavesItsCore", core=machine.timing_core())
    assert outcome.reason == "left the core that --pin keeps it on"
    assert execute("LeavesItsCore").status == "ok"


@pytest.mark.alone
def test_the_clocks_parts_sum_to_the_process_wall_time(execute: Execute) -> None:
    outcome = execute("Mean")
    assert outcome.result.parts.other_budgets is None
    assert not outcome.epoch_budgets
    assert running.seconds(outcome) + outcome.exit_s == pytest.approx(outcome.wall_s, rel=0.01)


@pytest.mark.alone
def test_the_parts_of_fits_with_epoch_budgets_sum_to_the_process_wall_time(
    execute: Execute, split: Split
) -> None:
    outcome = execute("Uninterruptible")
    assert (outcome.status, outcome.result.epochs, outcome.result.best_epoch) == ("ok", 2, 2)
    assert [point.epoch for point in outcome.curve] == [2, 3]
    assert outcome.epoch_budgets
    assert outcome.predicted is not None
    assert np.allclose(outcome.predicted, split.train.values.mean() + 2)
    parts = outcome.result.parts
    assert parts.fit == pytest.approx(outcome.curve[0].seconds)
    assert parts.other_budgets > 0
    assert running.seconds(outcome) + outcome.exit_s == pytest.approx(outcome.wall_s, rel=0.01)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("Raises", "failed", r"misbehaving.py:\d+: ValueError: no such luck"),
        ("LeavesNoRoom", "failed", "^the harness cannot write to .*; raise the limit"),
        ("WrongShape", "failed", r"predict returned shape \(\d+, 1\) for \d+ pairs"),
        ("WrongType", "failed", "predict returned list"),
        ("NotANumber", "diverged", "validation RMSE was not finite after epoch 1"),
        ("Infinite", "diverged", "validation RMSE was not finite after epoch 1"),
        ("InfiniteAtLast", "diverged", "test predictions are not all finite"),
        ("RequestsTooMuch", "out of memory", "MemoryError"),
        ("EatsMemory", "out of memory", r"used more than the memory limit of 1\.0 GB"),
        ("ExitsAtOnce", "failed", "ended with exit code 0 before it gave a result"),
        ("KilledFromOutside", "failed", "killed by SIGKILL from outside"),
        ("InterruptedFromOutside", "failed", "killed by SIGINT from outside"),
        ("RaisesInSilence", "failed", r"misbehaving.py:\d+: ValueError: no such luck"),
    ],
)
def test_what_goes_wrong_is_reported(execute: Execute, name: str, status: str, reason: str) -> None:
    outcome = execute(name)
    assert outcome.status == status
    assert re.search(reason, outcome.reason), outcome.reason


def test_a_row_that_waits_for_ever_is_killed_before_its_limit(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HANG_S", 0.5)
    outcome = execute("PredictsForEver", hyperparameters={"after": 0})
    assert outcome.status == "failed"
    assert outcome.reason == "hangs in predict in the warm-up: no processor time in 0.5 s; killed"


@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "SystemExit"])
def test_what_a_row_raises_is_its_own(execute: Execute, kind: str) -> None:
    outcome = execute("RaisesWhatIsNoException", hyperparameters={"kind": kind})
    assert outcome.status == "failed"
    assert re.fullmatch(rf"misbehaving.py:\d+: {kind}: mine", outcome.reason)


@pytest.mark.parametrize(
    ("how", "pipe"),
    [
        ("closes", "reports to the harness"),
        ("redirects", "reports to the harness"),
        ("closes all", "reports to the harness"),
        ("redirects the orders", "brings the harness's orders"),
    ],
)
def test_a_row_that_loses_its_pipe_fails_with_that_reason(
    execute: Execute, how: str, pipe: str
) -> None:
    outcome = execute("LosesItsPipe", hyperparameters={"how": how})
    assert outcome.status == "failed"
    assert outcome.reason == f"closed or redirected the pipe that {pipe}"
    assert outcome.wall_s < 30


@pytest.mark.parametrize(
    ("after", "what"),
    [(0, "predict in the warm-up"), (1, "predict on validation pairs"), (3, "predict on test")],
)
def test_an_endless_predict_is_named(execute: Execute, after: int, what: str) -> None:
    limits = Limits(time_limit_s=0.1, memory_limit_bytes=10**9, grace_s=1)
    outcome = execute(
        "PredictsForEver", limits, hyperparameters={"after": after, "epochs": 1}, rules=Rules()
    )
    assert outcome.status == "timeout"
    assert outcome.reason.startswith(f"no end of {what}")


def test_a_fit_ends_at_a_checkpoint_after_the_wall_limit_with_all_its_figures(
    execute: Execute,
) -> None:
    late = dataclasses.replace(LIMITS, wall_limit_s=0.0)
    outcome = execute("Mean", late, hyperparameters={"epochs": 20_000}, blocks=10)
    assert (outcome.status, outcome.reason) == ("timeout", "it took 0 s with its evaluations")
    assert 1 <= len(outcome.curve) < 20_000
    assert len(outcome.result.val_blocks) == 10
    assert execute("Mean", late, hyperparameters={"epochs": 1}).status == "ok", "it had ended"


def test_an_endless_construction_is_named(execute: Execute) -> None:
    outcome = execute("BuildsForEver", Limits(0.1, 10**9, grace_s=3))
    killed = "within the time limit of 0.1 s and 3 s more; killed"
    assert outcome.reason == f"no end of __init__ {killed}"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            b"no JSON at all, but rather a long sentence that somebody wrote there\n",
            "'no JSON at all",
        ),
        (b'{"event": "surprise"}\n', "surprise"),
        (b'{"event": "failed", "status": "ok", "reason": "fine"}\n', "secret"),
        (b'{"event": "checkpoint", "epoch": 1}\n', "secret"),
        (b'{"event": "result", "rmse": 0}\n', "result"),
        (b"x" * 1_000_000, "a line of more than 65,536 bytes: 'xxxx"),
        (b"\xff\x00" * 10 + b"\n", "\ufffd"),
    ],
)
def test_a_line_that_is_no_event_ends_the_cell(
    execute: Execute, line: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "line").write_bytes(line)
    outcome = execute("WritesToThePipe", hyperparameters={"line": str(tmp_path / "line")})
    assert outcome.status == "failed"
    assert outcome.reason.startswith("wrote to the harness's pipe what is no event: ")
    assert reason in outcome.reason
    assert len(outcome.reason) < 400


def test_a_forged_result_is_no_event_of_the_harness(execute: Execute) -> None:
    outcome = execute("ForgesAResult")
    assert outcome.status == "failed"
    assert outcome.reason.endswith("(without the harness's secret)")


def test_the_secret_of_an_event_after_half_a_line_is_not_shown() -> None:
    with pytest.raises(NotAnEventError) as error:
        parse(b'half a linehidden{"event": "evaluating"}', "hidden")
    assert str(error.value).startswith('\'half a line{"event"')


def test_a_thread_that_does_not_end_is_reported(execute: Execute) -> None:
    outcome = execute("LeavesAThread", dataclasses.replace(LIMITS, exit_s=1))
    assert outcome.status == "failed"
    assert "still running 1 s after its result" in outcome.reason


@pytest.mark.parametrize("name", ["LeavesAChild", "LeavesADaemon"])
def test_a_child_left_behind_is_ended_and_reported(execute: Execute, name: str) -> None:
    before = children()  # another test may have left multiprocessing's resource tracker
    outcome = execute(name)
    assert outcome.status == "failed"
    assert "left" in outcome.reason
    assert children() <= before


def children() -> set[psutil.Process]:
    """The processes below this one that have not ended."""
    below = psutil.Process().children(recursive=True)
    return {each for each in below if each.status() != psutil.STATUS_ZOMBIE}


def test_one_that_never_returns_is_killed_at_its_limit(execute: Execute) -> None:
    limits = Limits(time_limit_s=0.1, memory_limit_bytes=10**9, grace_s=1)
    outcome = execute("NeverReturns", limits)
    assert outcome.status == "timeout"
    killed = "within the time limit of 0.1 s and 1 s more; killed"
    assert outcome.reason == f"no end of warm-up {killed}"
    assert outcome.wall_s < 10


def test_a_limit_met_between_epochs_keeps_the_scores(execute: Execute) -> None:
    outcome = execute("SlowEpochs", hyperparameters={"epochs": 50}, rules=Rules(time_limit_s=0.3))
    assert outcome.status == "timeout"
    assert re.fullmatch(r"time limit reached after \d+ epoch\(s\)", outcome.reason)
    assert outcome.predicted is not None


def test_of_much_output_only_the_end_is_stored(execute: Execute) -> None:
    outcome = execute("PrintsALot")
    assert outcome.status == "ok"
    assert outcome.log.endswith("the last words\n")
    assert len(outcome.log) <= 8_000


def test_a_row_may_print_what_the_terminal_cannot_hold(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii:strict")
    outcome = execute("PrintsAnything")
    assert (outcome.status, outcome.log.splitlines()[-1]) == ("ok", r"漢\udcff")


def test_a_closed_form_gets_one_point(execute: Execute) -> None:
    outcome = execute("NoEpochs")
    assert [point.epoch for point in outcome.curve] == [0]
    assert outcome.result.epoch_s is None


def test_predictions_come_from_the_best_epoch(execute: Execute, split: Split) -> None:
    outcome = execute("BestEarly")
    assert outcome.result.best_epoch == 2
    assert outcome.predicted is not None
    assert np.allclose(outcome.predicted, split.train.values.mean())


@pytest.mark.parametrize("name", ["TakesThreads", "TakesTorchThreads"])
def test_more_threads_than_allowed_fail(execute: Execute, name: str) -> None:
    outcome = execute(name)
    assert outcome.status == "failed"
    assert "thread pools beyond --threads 1" in outcome.reason


def test_the_arithmetic_in_force_at_the_end_is_reported(execute: Execute) -> None:
    """Of a row that imports torch in `fit`, too: the harness's, but for what it changed there."""
    assert execute("Mean").result.numerics is None
    found = execute("OwnArithmetic").result.numerics.model_dump()
    assert found == {**numerics.WANTED, "cuda_matmul": "tf32"}


def test_test_ratings_never_reach_the_worker(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each part it gets what it needs next: the warm-up's, then the ratings, then the pairs."""
    laid_out, places = tmp_path / "laid out", tmp_path / "temporary"
    laid_out.mkdir()
    places.mkdir()
    write_split(split, laid_out)
    monkeypatch.setattr(tempfile, "tempdir", str(places))
    seen: dict[str, set[str]] = {}

    def listener(event: Any) -> None:
        seen[getattr(event, "name", event.event)] = {path.name for path in places.glob("*/*")}

    job = Job(
        *(f"{MISBEHAVING}:Mean", {}, "cpu", 0, 1, str(laid_out), 30, 20, (1, 5)), rules=Rules()
    )
    assert ProcessExecutor().execute(job, split.test, LIMITS, listener).status == "ok"
    columns = ("users", "items", "values")
    assert seen["predict of the warm-up"] == {f"sample.{column}" for column in columns}
    assert seen["checkpoint"] == {
        f"{part}.{column}" for part in ("sample", "train", "validation") for column in columns
    }
    assert seen["result"] - seen["checkpoint"] == {"test.users", "test.items", "predicted"}


def test_the_warm_up_learns_nothing_of_the_ratings(split: Split, tmp_path: Path) -> None:
    """Its pairs are of the training part, and no rating is where it belongs but by chance."""
    write_split(split, tmp_path)
    train = split.train
    job = Job("", {}, "cpu", 0, 1, str(tmp_path), 30, 20, (1, 5), Rules())
    sample, expected = read_sample(job), train.sample(WARM_UP_RATINGS, split.seed)
    assert (sample.users == expected.users).all()
    assert (sample.items == expected.items).all()
    assert (sample.n_users, sample.n_items) == (expected.n_users, expected.n_items)
    assert sorted(sample.values) == sorted(expected.values)
    assert abs(np.corrcoef(sample.values, expected.values)[0, 1]) < 0.2


def test_test_pairs_come_without_their_ratings(split: Split, tmp_path: Path) -> None:
    write_pairs(split.test, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"test.users", "test.items"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 2 * (4 * 49 + DIGEST_BYTES)


@pytest.mark.parametrize("name", ["NeedsCleanSlate", "TupleAndList"])
def test_fit_starts_from_a_clean_slate(execute: Execute, name: str) -> None:
    outcome = execute(name)
    assert (outcome.status, outcome.reason) == ("ok", "")


def test_a_worker_of_a_numpy_row_imports_neither_torch_nor_pydantic() -> None:
    imports = "import sys, bench.cell.worker, impls.numpy_sgd, impls.bias"
    script = f"{imports}; assert not {{'torch', 'pydantic'}} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_processes_that_were_there_before_are_left_alone(execute: Execute) -> None:
    """A stranger's own child, which came to the harness with `exec`, is not the worker's."""
    sleeper = "import time; print(1, flush=True); time.sleep(3600)"
    grandchild = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {sleeper!r}])
time.sleep(3600)
"""
    stranger = subprocess.Popen(
        [sys.executable, "-c", grandchild], stdout=subprocess.PIPE, start_new_session=True
    )
    assert stranger.stdout is not None
    stranger.stdout.readline()
    assert execute("Mean").status == "ok"
    (child,) = psutil.Process(stranger.pid).children()
    assert child.is_running()
    os.killpg(stranger.pid, signal.SIGKILL)
    stranger.wait()
    stranger.stdout.close()


def test_workers_end_with_a_harness_that_is_killed(tmp_path: Path, split: Split) -> None:
    """kill -9 of the harness: the worker sees its control pipe close and kills its group."""
    write_split(split, tmp_path)
    script = f"""
from bench.cell.execute import ProcessExecutor
from bench.cell.job import Job
from bench.planning.rules import Rules
from bench.cell.watch import Limits
from datasets.ratings import HeldOut
import numpy as np
job = Job("{MISBEHAVING}:NeverReturns", {{}}, "cpu", 0, 1, "{tmp_path}", 30, 20, (1, 5), Rules())
none = HeldOut(np.empty(0), np.empty(0), np.empty(0))
ProcessExecutor().execute(
    job, none, Limits(60, 10**9), lambda event: print(getattr(event, "name", ""), flush=True)
)
"""
    harness = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert harness.stdout is not None
    for line in harness.stdout:
        if line.strip() == "warm-up":
            break
    (worker,) = psutil.Process(harness.pid).children()
    os.kill(harness.pid, signal.SIGKILL)
    harness.wait()
    harness.stdout.close()
    worker.wait(timeout=10)


def test_a_cell_that_is_cancelled_ends_with_all_that_it_started(
    split: Split, tmp_path: Path
) -> None:
    looks = iter([False, False, True])
    write_split(split, tmp_path)
    job = Job(
        *(f"{MISBEHAVING}:NeverReturns", {}, "cpu", 0, 1, str(tmp_path)),
        *(split.train.n_users, split.train.n_items, split.train.scale, Rules()),
    )
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with pytest.raises(CancelledError):
        ProcessExecutor(cancelled=lambda: next(looks)).execute(
            job, split.test, LIMITS, lambda _: None
        )
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before
