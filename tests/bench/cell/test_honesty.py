"""Ways to look better than one is: each is caught by name, or gains nothing.

Through real workers, from a file of ratings to the record.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cell.execute import ProcessExecutor
from bench.cell.job import write_split
from bench.planning.facts import Loader
from bench.planning.plan import Cell
from bench.planning.rules import Rules
from bench.planning.source.own_files import own_source
from bench.records import CellRecord, Record
from bench.running.runner import Runner
from bench.score import score
from bench.store import RecordStore
from datasets import splits
from datasets.ratings import Dataset, Ratings
from tests.support import SUPPORT
from tests.support.running import Silent, execute, unlocked

DISHONEST = SUPPORT / "dishonest.py"
Run = Callable[..., list[Record]]


def rated() -> Ratings:
    """600 ratings of 40 users and 30 items, whose means differ."""
    rng = np.random.default_rng(0)
    users, items = np.divmod(rng.permutation(40 * 30)[:600], 30)
    liking = 3 + 0.8 * rng.normal(size=30)[items] + 0.8 * rng.normal(size=600)
    return Ratings(users, items, np.clip(liking, 1, 5).round(1), 40, 30, (1, 5))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every rating stands in it twice, as when two exports were joined."""
    path = tmp_path_factory.mktemp("ratings") / "twice.csv"
    ratings = rated()
    rows = zip(ratings.users, ratings.items, ratings.values, strict=True)
    path.write_text("".join(f"{user},{item},{value:.1f}\n" for user, item, value in rows) * 2)
    return path


@pytest.fixture
def run(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run implementations of `dishonest` by name, one after another on one split."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))

    def run(
        *names: str, split: str = "random:80/10/10", pinned: bool = False, **settings: Any
    ) -> list[Record]:
        runner = Runner(
            RecordStore(tmp_path / "out"), ProcessExecutor(), Silent(), 10**9, exclusive=unlocked
        )
        cells = [cell(name, str(file), split, pinned, **settings) for name in names]
        return runner.run(cells, fresh=True)

    return run


def cell(name: str, dataset: str, split: str, pinned: bool, **settings: Any) -> Cell:
    """Of `dishonest`, or of the file that is named."""
    class_path = name if ":" in name else f"{DISHONEST}:{name}"
    requested = CellRecord(
        implementation=name,
        preset="default",
        hyperparameters=settings,
        dataset=dataset,
        split=split,
        device="cpu",
        threads=1,
        seed=0,
        pinned=pinned,
    )
    source = own_source((Path(class_path.rpartition(":")[0]), ""))[0]
    return Cell(requested, class_path, source, Loader().facts(dataset), Rules())


def flags(record: Record) -> list[str]:
    assert (record.status, record.reason) == ("ok", "")
    assert record.metrics is not None
    return record.metrics.flags


@pytest.mark.alone
@pytest.mark.parametrize("name", ["ItemMeans", "KeepsAPool"])
def test_an_honest_row_passes(run: Run, name: str) -> None:
    (record,) = run(name)
    assert flags(record) == []
    first, *_, last = record.curve
    assert last.rmse < first.rmse


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("SaysOneThing", "all predictions are equal"),
        ("HasNoiseForEachPair", "no better than global_mean"),
        ("Memorises", "all predictions are equal"),
    ],
)
def test_what_has_learnt_nothing_is_flagged(run: Run, name: str, flag: str) -> None:
    """For `Memorises` that means: no test pair is in train, though the file has each twice."""
    (record,) = run(name)
    assert flags(record) == [flag]


def test_a_leak_would_show_in_what_memorises(tmp_path: Path) -> None:
    """The same ratings, each twice, in a dataset that did not see to it."""
    once = rated()
    twice = dataclasses.replace(
        once,
        **{column: np.tile(getattr(once, column), 2) for column in ("users", "items", "values")},
    )
    dataset = Dataset("leaking", twice, np.arange(40), np.arange(30), "")
    leaking = splits.cut(dataset, "random:80/10/10", 0)
    write_split(leaking, tmp_path)
    rmses = []
    for name in ("Memorises", "ItemMeans"):
        outcome = execute(f"{DISHONEST}:{name}", leaking, tmp_path)
        assert outcome.predicted is not None
        rmses.append(score(outcome.predicted, leaking.test.values, (1, 5)).rmse)
    memorised, learnt = rmses
    assert memorised < 0.75 * learnt


def test_test_pairs_come_only_after_training(run: Run) -> None:
    (record,) = run("PeeksAtPairs")
    assert flags(record) == []


@pytest.mark.parametrize("split", ["random:80/10/10", "random:90/10"])
@pytest.mark.parametrize("name", ["CountsThePairsOfACall", "DrawsNoise"])
def test_predictions_that_depend_on_the_other_pairs_of_a_call_are_caught(
    run: Run, name: str, split: str
) -> None:
    """In the evaluation where there is one, else in the last prediction."""
    (record,) = run(name, split=split)
    assert record.status == "failed"
    assert "predictions depend on the other pairs of a call" in record.reason


def test_arrays_cannot_be_written_to(run: Run) -> None:
    (record,) = run("WritesToTheArrays")
    assert record.status == "failed"
    assert "ValueError: cannot set WRITEABLE flag" in record.reason


@pytest.mark.parametrize("name", ["WritesToTheFiles", "LeavesANote"])
def test_files_that_were_changed_are_noticed_and_laid_out_anew(run: Run, name: str) -> None:
    before, record, after = run("ItemMeans", name, "ItemMeans")
    assert record.status == "failed"
    assert record.reason == "changed the files that hold the ratings"
    assert record.metrics is None
    assert before.metrics == after.metrics


@pytest.mark.alone
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("TrainsAfterFit", "thread late"),
        ("TrainsWhileEvaluated", "thread restless"),
        ("TrainsInAProcess", r"process \d+ \(.+\)"),
    ],
)
def test_what_runs_beside_training_is_caught(run: Run, name: str, found: str) -> None:
    (record,) = run(name)
    assert record.status == "failed"
    reason = f"runs beside training while the clock is stopped: {found}"
    assert re.fullmatch(reason, record.reason), record.reason


def test_training_in_the_evaluation_is_thrown_away(run: Run) -> None:
    """Every evaluation starts from the same untrained model, and so does the last prediction."""
    (record,) = run("TrainsWhenEvaluated")
    assert flags(record) == ["all predictions are equal"]
    assert len({point.rmse for point in record.curve}) == 1
    assert len(record.curve) == 3


@pytest.mark.alone
def test_training_in_the_evaluation_out_of_sight_is_caught(run: Run) -> None:
    (record,) = run("TrainsOutOfSight")
    assert record.status == "failed"
    assert "or on earlier calls" in record.reason


def test_the_ratings_are_read_after_the_warm_up(run: Run) -> None:
    (record,) = run("LooksAroundInTheWarmUp")
    assert flags(record) == []


def test_the_clock_is_out_of_a_rows_reach(run: Run) -> None:
    (record,) = run("StopsTheClock")
    assert record.status == "failed"
    assert "no attribute 'clock'" in record.reason


@pytest.mark.parametrize("part", ["evaluation", "overhead"])
def test_a_clock_that_was_stopped_all_the_same_is_flagged(run: Run, part: str) -> None:
    """With the seconds and the CPU seconds that are not on it."""
    (record,) = run("StopsTheClockOfACaller", part=part)
    (flag,) = flags(record)
    expected = (
        r"busy for [\d.]+ s \([\d.]+ s of CPU\) during fit beside the [\de.-]+ s of the training "
        "clock"
    )
    assert re.fullmatch(expected, flag)


def test_a_clock_that_was_set_back_is_noticed(run: Run) -> None:
    (record,) = run("SetsTheClockBack")
    assert record.status == "failed"
    assert re.search(
        r"reported [\de.-]+ s of training until epoch 1, and the harness's clock counts [\d.]+ s",
        record.reason,
    )


@pytest.mark.parametrize("name", ["TrainsAsGarbage", "TrainsAtACollection"])
def test_garbage_is_collected_on_the_clock_and_nowhere_else(run: Run, name: str) -> None:
    """Which takes 0.3 s here."""
    (record,) = run(name)
    assert flags(record) == []
    assert record.times is not None
    assert record.times.fit_s >= 0.3


def test_what_an_answer_does_when_it_is_looked_at_is_in_the_time_to_predict(run: Run) -> None:
    """Which takes 0.3 s here."""
    (record,) = run("TrainsInItsAnswer")
    assert record.times is not None
    assert record.times.predict_s >= 0.3


def test_threads_are_counted_again_after_the_fit(run: Run) -> None:
    (record,) = run("AsksForMoreThreads")
    assert record.status == "failed"
    assert re.search(r"thread pools beyond --threads 1: .*'torch': 2", record.reason)


@pytest.mark.parametrize(
    ("name", "hooks"),
    [
        ("TrainsOnATimer", "handler of SIGALRM, real-time timer"),
        ("ProfilesTheHarness", "profile function"),
        ("RegistersForCollections", "callbacks of the garbage collector"),
    ],
)
def test_what_could_run_inside_the_harness_is_caught(run: Run, name: str, hooks: str) -> None:
    (record,) = run(name)
    assert record.status == "failed"
    assert record.reason == f"changed what may run while the clock is stopped: {hooks}"


def test_hooks_of_the_warm_up_are_taken_out(run: Run) -> None:
    (record,) = run("HooksInTheWarmUp")
    assert flags(record) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ReachesEveryGoalAtOnce", "reported epoch 1 after 1"),
        ("ReachesAGoalBeforeItTrains", "reported a result that is not that of its checkpoints"),
        ("AsksForThePairs", "reported evaluating after predict: no event of the harness"),
        (
            "AsksForThePairsByItself",
            "wrote to the harness's pipe what is no event: "
            '\'{"event": "phase", "name": "predict"}\' (without the harness\'s secret)',
        ),
        ("PutsSomethingInItsFolder", "changed the folder that it was given for its ratings"),
    ],
)
def test_forged_events_and_files_are_noticed(run: Run, name: str, reason: str) -> None:
    (record,) = run(name)
    assert (record.status, record.reason) == ("failed", reason)
    assert record.metrics is None


@pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs, of Linux"
)
@pytest.mark.parametrize("pinned", [False, True])
def test_what_a_row_did_to_the_harness_is_set_back(run: Run, pinned: bool) -> None:
    before = os.sched_getaffinity(0)
    record, after = run("SlowsTheHarness", "ItemMeans", pinned=pinned)
    assert record.status == "failed"
    assert record.reason == "changed the harness's CPU affinity, or somebody did, while it ran"
    assert os.sched_getaffinity(0) == before
    assert flags(after) == []


def test_a_rivals_file_that_was_rewritten_is_noticed(run: Run, tmp_path: Path) -> None:
    """The rival's own cells are left out: its digest is not that of the code any more."""
    rival = tmp_path / "rival.py"
    rival.write_text(DISHONEST.read_text(encoding="utf-8"), encoding="utf-8")
    name = f"{rival}:RewritesARival"
    record, after = run("RewritesARival", name, rival=str(rival))
    assert record.status == "failed"
    assert record.reason == f"changed the source of {name}, or somebody did, while it ran"
    assert (after.status, after.reason) == ("skipped", "its source changed after the run began")
