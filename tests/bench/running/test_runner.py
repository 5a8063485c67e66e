"""Scheduling, resuming and recording with an executor that runs nothing."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.cell import numerics
from bench.cell.data import NO_RATINGS
from bench.cell.events import Energy, Parts, Result
from bench.cell.execute import Listener, Outcome
from bench.cell.job import HarnessError, Job
from bench.cell.watch import Limits
from bench.planning.plan import Cell, Skip
from bench.planning.repeats import Precision
from bench.planning.rules import Rules
from bench.records import CellRecord, Disturbance, Memory, Numerics, Point, Record, Reference
from bench.report.grouping import tables
from bench.running.cells import SHARES
from bench.running.runner import Runner
from bench.score import ColdStart, slicings
from bench.store import RecordStore
from datasets.ratings import UNKNOWN, HeldOut, Ratings, Split
from tests.support.plans import facts
from tests.support.running import Silent, unlocked

TEST = HeldOut(np.array([0, UNKNOWN]), np.array([0, 0]), np.array([2, 3]))
IDS, TIMES = np.zeros(1, np.int64), np.array([60, 50])
NOT_A_PART = ("epoch_s", "first_model_s", "wall_s")
TRAIN = Ratings(np.zeros(2), np.zeros(2), np.array([2, 4]), 1, 1, (1, 5))


class FakeExecutor:
    """Returns a given outcome for each implementation, and lists what it ran."""

    def __init__(self, outcomes: dict[str, Callable[[], Outcome]] | None = None) -> None:
        self.outcomes = outcomes or {}
        self.ran: list[str] = []
        self.sources: list[str] = []

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        self.ran.append(job.class_path)
        self.sources.append(job.source)
        return self.outcomes.get(job.class_path, finished)()


class FakeSplits:
    def prepare(self, dataset: str, split: str, seed: int) -> Any:
        folder = SimpleNamespace(name="nowhere")
        return SimpleNamespace(
            folder=folder,
            n_users=1,
            n_items=1,
            n_train=len(TRAIN),
            test=TEST,
            cold_start=ColdStart(TRAIN),
            slicings=slicings(Split("", 0, TRAIN, NO_RATINGS, TEST, IDS, IDS, TIMES)),
        )

    def are_intact(self) -> bool:
        return True

    def discard(self) -> None: ...


PARTS = {"import": 1.0, "warmup": 2.0, "fit": 4.0, "evaluation": 8.0, "predict": 16.0}


def finished(predicted: float = 2.5, best: float = 1.0) -> Outcome:
    return Outcome(
        "ok",
        predicted=np.array([predicted], np.float32),
        result=Result(
            parts=Parts.model_validate({**PARTS, "overhead": 32.0}),
            epochs=2,
            epochs_ran=2,
            best_epoch=2,
            epoch_s=2.0,
            val_rmse=best,
            timed_out=False,
            diverged_at=None,
            memory=Memory(host_peak_bytes=7, device_peak_bytes=None, host_base_bytes=5),
            thread_pools={"torch": 1},
            numerics=None,
            ended_ns=0,
        ),
        curve=[
            Point(epoch=1, seconds=2, rmse=best + 0.5, mae=1),
            Point(epoch=2, seconds=4, rmse=best, mae=1),
        ],
        wall_s=64.0,
        exit_s=1.0,
    )


def cell(name: str, seed: int = 0, dataset: str = "with-goals", **changes: Any) -> Cell:
    requested = CellRecord(
        implementation=name,
        preset="default",
        hyperparameters={},
        dataset=dataset,
        split="random:80/10/10",
        device="cpu",
        threads=1,
        seed=seed,
    )
    return Cell(requested, name, f"hash of {name}", facts(dataset), Rules(), **changes)


def run(
    out: Path,
    cells: list[Cell],
    executor: FakeExecutor,
    *,
    fresh: bool = False,
    wanted: Precision | None = None,
) -> list[Record]:
    runner = Runner(RecordStore(out), executor, Silent(), 10**9, FakeSplits(), unlocked)  # type: ignore[arg-type]
    return runner.run(cells, fresh=fresh, wanted=wanted)


def test_what_shares_the_machine_by_intent_is_a_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [alone] = run(tmp_path / "alone", [cell("a")], FakeExecutor())
    monkeypatch.setenv(SHARES, "beside others")
    [beside] = run(tmp_path / "beside", [cell("a")], FakeExecutor())
    assert alone.metrics
    assert beside.metrics
    assert beside.metrics.flags == [*alone.metrics.flags, "beside others"]
    assert beside.identity == alone.identity


def test_a_killed_cell_of_which_a_longer_fit_took_less_can_be_read(tmp_path: Path) -> None:
    def killed() -> Outcome:
        curve = [Point(epoch=n, seconds=2 / n, rmse=1, mae=1) for n in (1, 2)]
        return Outcome("timeout", "killed", curve=curve, epoch_budgets=True, wall_s=31.0)

    [record] = run(tmp_path, [cell("a")], FakeExecutor({"a": killed}))
    assert record.epoch_budgets
    assert record.ran_s == 31.0
    assert RecordStore(tmp_path).read() == ([record], [])


def test_each_cell_leaves_one_record(tmp_path: Path) -> None:
    records = run(tmp_path, [cell("a"), cell("b"), cell("a", seed=1)], FakeExecutor())
    assert RecordStore(tmp_path).read() == (records, [])
    assert [(each.cell.implementation, each.cell.seed) for each in records] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
    ]


def test_repeats_follow_until_times_are_as_precise_as_wanted(tmp_path: Path) -> None:
    """The fake's times do not vary, so that six seeds, the fewest with an interval, are enough."""
    cells = [cell("a"), cell("b")]
    executor = FakeExecutor({"b": lambda: Outcome("failed", "no luck")})
    done = run(tmp_path, cells, executor, wanted=Precision(0.05, budget_s=1e9))
    assert [(it.cell.implementation, it.cell.seed, it.cell.again) for it in done] == [
        *(("a", 0, 0), ("b", 0, 0)),
        *(("a", seed, 0) for seed in range(1, 6)),
    ]
    assert len({each.identity for each in done}) == len(done)
    assert RecordStore(tmp_path).read() == (done, [])
    again = FakeExecutor()
    run(tmp_path, cells[:1], again, wanted=Precision(0.05, budget_s=1e9))
    assert again.ran == []


def test_a_record_says_how_much_it_was_trained_on_and_what_memory_was_not_its_own(
    tmp_path: Path,
) -> None:
    [record] = run(tmp_path, [cell("a")], FakeExecutor())
    assert record.metrics is not None
    assert record.metrics.n_train == len(TRAIN)
    assert record.memory is not None
    assert (record.memory.host_base_bytes, record.memory.host_peak_bytes) == (5, 7)


def test_a_record_has_the_accuracy_of_slices_and_reads_back_with_them(tmp_path: Path) -> None:
    """One test rating of a user with two training ratings, and a later one that is unseen."""
    [record] = run(tmp_path, [cell("a")], FakeExecutor())
    assert record.metrics is not None
    assert [(it.by, it.name, it.low, it.high, it.n) for it in record.metrics.slices] == [
        ("training", "few", 1, 10, 1),
        ("training", "cold start", None, None, 1),
        ("time", "oldest", 50, 50, 1),
        ("time", "newest", 60, 60, 1),
    ]
    assert RecordStore(tmp_path).read() == ([record], [])


def in_arithmetic(**settings: object) -> Callable[[], Outcome]:
    outcome = finished()
    assert outcome.result is not None
    found = Numerics.model_validate({**numerics.WANTED, **settings})
    outcome.result = outcome.result.model_copy(update={"numerics": found})
    return lambda: outcome


def test_a_record_has_the_arithmetic_of_its_fit(tmp_path: Path) -> None:
    outcomes = {
        "a": in_arithmetic(),
        "b": in_arithmetic(cuda_matmul="tf32"),
    }
    requested = [cell("a"), cell("b"), cell("c")]
    as_wanted, own, none = run(tmp_path, requested, FakeExecutor(outcomes))
    assert as_wanted.numerics is not None
    assert as_wanted.numerics.model_dump() == numerics.WANTED
    assert own.numerics is not None
    assert own.numerics.cuda_matmul == "tf32"
    assert none.numerics is None
    flagged = ["arithmetic of its own" in str(each.metrics) for each in (as_wanted, own, none)]
    assert flagged == [False, True, False]


def test_a_record_has_what_disturbed_its_fit(tmp_path: Path) -> None:
    found = Disturbance(steal_s=0.0, wait_s=1.0, involuntary_switches=3, cpu_s=3.0)

    def disturbed() -> Outcome:
        outcome = finished()
        assert outcome.result is not None
        outcome.result = outcome.result.model_copy(update={"disturbance": found})
        return outcome

    with_it, without = run(tmp_path, [cell("a"), cell("b")], FakeExecutor({"a": disturbed}))
    assert with_it.disturbance == found
    assert with_it.disturbed == "waited for a core 25 % of its time"
    assert (without.disturbance, without.disturbed) == (None, "")


def test_a_record_has_the_energy_of_a_fit_or_why_there_is_none(tmp_path: Path) -> None:
    measured = {"joules_per_fit": 2.5, "fits": 4, "seconds": 5.5}
    with_it, without = finished(), finished()
    with_it.energy = Energy.model_validate({"measured": measured, "ended_ns": 1})
    without.energy = Energy(reason="no counter", ended_ns=1)
    executor = FakeExecutor({"a": lambda: with_it, "b": lambda: without})
    records = run(tmp_path, [cell("a"), cell("b"), cell("c")], executor)
    assert RecordStore(tmp_path).read()[0] == records
    energies = [each.energy and each.energy.model_dump() for each in records]
    assert energies == [measured, None, None]
    assert [each.energy_reason for each in records] == ["", "no counter", ""]


def test_a_record_is_written_before_the_next_cell_starts(tmp_path: Path) -> None:
    seen: list[int] = []

    def outcome() -> Outcome:
        seen.append(len(RecordStore(tmp_path).read()[0]))
        return finished()

    run(tmp_path, [cell("a"), cell("b")], FakeExecutor({"a": outcome, "b": outcome}))
    assert seen == [0, 1]


def test_what_has_an_ok_record_is_not_run_again_unless_fresh(tmp_path: Path) -> None:
    cells = [cell("a"), cell("b")]
    run(tmp_path, cells[:1], FakeExecutor())
    executor = FakeExecutor()
    run(tmp_path, cells, executor)
    assert executor.ran == ["b"]
    assert executor.sources == [cells[1].implementation_hash]
    run(tmp_path, cells, executor, fresh=True)
    assert executor.ran == ["b", "a", "b"]


def test_a_published_number_that_is_new_or_mended_needs_no_other_run(tmp_path: Path) -> None:
    run(tmp_path, [cell("a")], FakeExecutor())
    number = Reference(rmse=0.9, source="a paper", protocol="as there")
    executor = FakeExecutor()
    for requested in (cell("a", reference=number), cell("a", reference=number), cell("a")):
        run(tmp_path, [requested], executor)
    assert executor.ran == []
    assert [each.reference for each in RecordStore(tmp_path).read()[0]] == [None, number]


def test_what_another_run_finished_while_this_one_waited_is_not_run_again(
    tmp_path: Path,
) -> None:
    @contextlib.contextmanager
    def after_another_run(on_wait: Callable[[], None]) -> Iterator[None]:
        run(tmp_path, [cell("a")], FakeExecutor())
        yield

    executor = FakeExecutor()
    store, splits = RecordStore(tmp_path), FakeSplits()
    runner = Runner(store, executor, Silent(), 10**9, splits, after_another_run)  # type: ignore[arg-type]
    (record,) = runner.run([cell("a")], fresh=False)
    assert executor.ran == []
    assert store.read()[0] == [record]


def test_what_counts_as_settled_needs_no_other_run(tmp_path: Path) -> None:
    diverged = {"a": lambda: Outcome("diverged", "not finite")}
    (first,) = run(tmp_path, [cell("a")], FakeExecutor(diverged))
    executor = FakeExecutor()
    store, splits, settled = RecordStore(tmp_path), FakeSplits(), ("ok", "diverged")
    runner = Runner(store, executor, Silent(), 10**9, splits, unlocked, settled)  # type: ignore[arg-type]
    assert runner.run([cell("a")], fresh=False) == [first]
    assert executor.ran == []


def test_a_changed_implementation_runs_again(tmp_path: Path) -> None:
    before = cell("a")
    run(tmp_path, [before], FakeExecutor())
    executor = FakeExecutor()
    run(tmp_path, [Cell(before.request, "a", "another hash", before.facts, Rules())], executor)
    assert executor.ran == ["a"]


def test_what_did_not_end_ok_is_tried_again(tmp_path: Path) -> None:
    broken = {"a": lambda: Outcome("failed", "broke", log="its last words")}
    (record,) = run(tmp_path, [cell("a")], FakeExecutor(broken))
    assert (record.status, record.reason, record.log) == ("failed", "broke", "its last words")
    placed = {"c": lambda: Outcome("failed", f"no {sys.prefix}/x", log=f"{sys.prefix}/y: old")}
    (record,) = run(tmp_path, [cell("c")], FakeExecutor(placed))
    assert (record.reason, record.log) == ("no <environment>/x", "<environment>/y: old")
    ended = {"b": lambda: Outcome("pruned", "beaten", log="Epoch 1/9")}
    assert run(tmp_path, [cell("b")], FakeExecutor(ended))[0].log == "", "nothing went wrong"
    executor = FakeExecutor()
    run(tmp_path, [cell("a")], executor)
    assert executor.ran == ["a"]


def test_an_interrupted_run_keeps_what_was_finished(tmp_path: Path) -> None:
    def interrupt() -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [cell("a"), cell("b")], FakeExecutor({"b": interrupt}))
    executor = FakeExecutor()
    run(tmp_path, [cell("a"), cell("b")], executor)
    assert executor.ran == ["b"]


@pytest.mark.parametrize("harm", ["lost predictions", "changed files"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_may_not_be_the_rows_fault_runs_once_more(
    tmp_path: Path, harm: str, times: int
) -> None:
    """Whatever cleans up temporary folders does it once, and a row that does it, again."""
    harmed: list[str] = []

    class Splits(FakeSplits):
        def are_intact(self) -> bool:
            intact = harm != "changed files" or len(harmed) == times
            harmed.extend([] if intact else ["once"])
            return intact

    def outcome() -> Outcome:
        if harm == "changed files" or len(harmed) == times:
            return finished()
        harmed.append("once")
        return Outcome("failed", "its predictions were lost", doubtful=True)

    executor = FakeExecutor({"a": outcome})
    runner = Runner(RecordStore(tmp_path), executor, Silent(), 10**9, Splits(), unlocked)  # type: ignore[arg-type]
    (record,) = runner.run([cell("a")], fresh=False)
    assert executor.ran == ["a", "a"]
    assert record.status == ("ok" if times == 1 else "failed")
    assert (record.metrics is None) == (times == 2)


def test_the_harnesss_own_fault_is_in_no_record_and_loses_none(tmp_path: Path) -> None:
    def fail() -> Outcome:
        raise HarnessError("no space")

    with pytest.raises(HarnessError):
        run(tmp_path, [cell("a"), cell("b")], FakeExecutor({"b": fail}))
    assert [each.cell.implementation for each in RecordStore(tmp_path).read()[0]] == ["a"]


def test_a_skipped_cell_is_recorded_without_running(tmp_path: Path) -> None:
    executor = FakeExecutor()
    skipped = cell("a", skip=Skip("skipped", "no CUDA device"))
    (record,) = run(tmp_path, [skipped], executor)
    assert executor.ran == []
    assert (record.status, record.reason) == ("skipped", "no CUDA device")


def test_scores_and_times_come_from_the_outcome(tmp_path: Path) -> None:
    (record,) = run(tmp_path, [cell("a")], FakeExecutor())
    metrics, times = record.metrics, record.times
    assert metrics is not None
    # 2.5 for a rating of 2; the cold-start pair gets its item's mean, 3, which is right.
    assert metrics.rmse == pytest.approx(np.sqrt(0.25 / 2))
    assert (metrics.n_test, metrics.n_cold_start) == (2, 1)
    assert times is not None
    assert times.first_model_s == 1 + 2 + 4
    assert times.overhead_s == 32 + 1
    parts = (times.import_s, times.warmup_s, times.fit_s, times.evaluation_s, times.predict_s)
    assert sum(parts) + times.overhead_s == times.wall_s


def test_without_test_ratings_a_record_has_no_scores(tmp_path: Path) -> None:
    class Blind(FakeSplits):
        def prepare(self, dataset: str, split: str, seed: int) -> Any:
            return SimpleNamespace(
                **vars(super().prepare(dataset, split, seed)) | {"test": NO_RATINGS}
            )

    executor = FakeExecutor()
    runner = Runner(RecordStore(tmp_path), executor, Silent(), 10**9, Blind(), unlocked)  # type: ignore[arg-type]
    (record,) = runner.run([cell("a")], fresh=False)
    assert (record.status, record.metrics) == ("ok", None)
    assert record.curve


def test_seconds_to_a_goal_are_of_the_first_point_at_or_below_it(tmp_path: Path) -> None:
    reached = {"a": lambda: finished(best=0.9), "b": lambda: finished(best=0.91)}
    a, b = run(tmp_path, [cell("a"), cell("b")], FakeExecutor(reached))
    assert [(goal.rmse, goal.seconds) for goal in a.goals] == [(0.9, 4)]
    assert [(goal.rmse, goal.seconds) for goal in b.goals] == [(0.9, None)]


def test_without_a_goal_the_baseline_of_the_run_sets_it(tmp_path: Path) -> None:
    cells = [cell("bias", dataset="file"), cell("a", dataset="file"), cell("b", 1, dataset="file")]
    records = run(tmp_path, cells, FakeExecutor())
    assert [[goal.rmse for goal in each.goals] for each in records] == [[1.0], [1.0], []]
    # Resumed: the baseline's record serves as well as its run.
    _, again = run(tmp_path, [cells[0], cell("c", dataset="file")], FakeExecutor())
    assert [goal.rmse for goal in again.goals] == [1.0]


def test_a_timeout_with_predictions_keeps_its_scores(tmp_path: Path) -> None:
    def timed_out() -> Outcome:
        outcome = finished()
        outcome.status, outcome.reason = "timeout", "time limit reached after 2 epochs"
        return outcome

    (record,) = run(tmp_path, [cell("a")], FakeExecutor({"a": timed_out}))
    assert record.status == "timeout"
    assert record.metrics is not None


def test_fits_at_epoch_budgets_are_one_record_with_the_other_fits_apart(tmp_path: Path) -> None:
    def with_budgets() -> Outcome:
        outcome = finished()
        parts = {**PARTS, "fit": 3.0, "other_budgets": 1.0, "overhead": 32.0}
        assert outcome.result is not None
        update = {"parts": Parts.model_validate(parts)}
        outcome.result = outcome.result.model_copy(update=update)
        return outcome

    requested = [cell("a"), cell("b")]
    several, other = run(tmp_path, requested, FakeExecutor({"a": with_budgets}))
    assert (several.epoch_budgets, other.epoch_budgets) == (True, False)
    for record in (several, other):
        assert record.times is not None
        times = record.times.model_dump()
        assert sum(s for part, s in times.items() if part not in NOT_A_PART) == times["wall_s"]
    assert several.times is not None
    assert (several.times.fit_s, several.times.other_budgets_s, several.times.first_model_s) == (
        3.0,
        1.0,
        6.0,
    )


def test_the_version_of_a_wrapped_library_is_in_its_own_record_alone(tmp_path: Path) -> None:
    wraps = cell("a", versions={"cornac": "3.0.1"})
    records = run(tmp_path, [wraps, cell("b")], FakeExecutor())
    assert [each.environment.versions.get("cornac") for each in records] == ["3.0.1", None]
    run(tmp_path, [wraps], again := FakeExecutor())
    run(tmp_path, [cell("a", versions={"cornac": "3.0.2"})], newer := FakeExecutor())
    assert (again.ran, newer.ran) == ([], ["a"])


class Full(RecordStore):
    """A store on a disk that is full while `full`."""

    full = True

    def append(self, record: Record) -> Path:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().append(record)


class Unwritten(Silent):
    """Notes what is said of records that cannot be stored."""

    def __init__(self) -> None:
        self.not_yet: list[tuple[int, Path | None]] = []
        self.never: list[tuple[list[Record], Path | None]] = []
        self.on_finished: Callable[[], None] = lambda: None

    def not_stored(self, count: int, error: OSError, kept: Path | None) -> None:
        assert error.errno == errno.ENOSPC
        self.not_yet.append((count, kept))

    def never_stored(self, records: list[Record], kept: Path | None) -> None:
        self.never.append((list(records), kept))

    def finished(self, record: Record) -> None:
        self.on_finished()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def full(out: Path, observer: Unwritten, executor: FakeExecutor) -> tuple[Full, Runner]:
    store = Full(out)
    return store, Runner(store, executor, observer, 10**9, FakeSplits(), unlocked)  # type: ignore[arg-type]


def test_a_record_that_the_disk_cannot_take_is_tried_again_with_the_next(
    tmp_path: Path, elsewhere: Path
) -> None:
    observer, executor = Unwritten(), FakeExecutor()
    store, runner = full(tmp_path / "out", observer, executor)
    observer.on_finished = lambda: setattr(store, "full", executor.ran != ["a", "b"])
    runner.run([cell("a"), cell("b"), cell("c"), cell("a")], fresh=False)
    assert executor.ran == ["a", "b", "c"]  # "a" has a record, though it was not stored yet
    assert [count for count, _ in observer.not_yet] == [1, 2]
    assert observer.never == []
    assert [each.cell.implementation for each in store.read()[0]] == ["a", "b", "c"]
    assert [*elsewhere.iterdir()] == []
    assert runner.unwritten == []


def test_records_that_the_disk_never_takes_are_in_a_file_elsewhere(
    tmp_path: Path, elsewhere: Path
) -> None:
    observer = Unwritten()
    store, runner = full(tmp_path / "out", observer, FakeExecutor())
    records = runner.run([cell("a"), cell("b")], fresh=False)
    [(never, kept)] = observer.never
    assert never == records == runner.unwritten
    assert [*elsewhere.iterdir()] == [kept]
    assert kept is not None
    store.folder.mkdir(parents=True)
    kept.rename(store.folder / "box.jsonl")
    assert store.read() == (records, [])


def test_an_interrupt_after_a_record_is_stored_does_not_store_it_again(tmp_path: Path) -> None:
    class Interrupted(RecordStore):
        def append(self, record: Record) -> Path:
            super().append(record)
            raise KeyboardInterrupt

    store = Interrupted(tmp_path)
    runner = Runner(store, FakeExecutor(), Silent(), 10**9, FakeSplits(), unlocked)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        runner.run([cell("a")], fresh=False)
    assert len(store.read()[0]) == 1


def test_an_interrupted_run_loses_no_record_either(tmp_path: Path, elsewhere: Path) -> None:
    def interrupted() -> Outcome:
        raise KeyboardInterrupt

    observer = Unwritten()
    _, runner = full(tmp_path / "out", observer, FakeExecutor({"b": interrupted}))
    with pytest.raises(KeyboardInterrupt):
        runner.run([cell("a"), cell("b")], fresh=False)
    [(never, kept)] = observer.never
    assert [each.cell.implementation for each in never] == ["a"]
    assert [*elsewhere.iterdir()] == [kept]


def of(source: str, name: str, dataset: str = "with-goals", seed: int = 0) -> Cell:
    """A cell whose code is `source`'s, whatever its name and its dataset's are."""
    named = cell(source, seed)
    request = named.request.model_copy(update={"implementation": name, "dataset": dataset})
    return replace(named, request=request)


@pytest.mark.parametrize(
    ("name", "dataset", "ran_as"),
    [
        ("copy/a.py:A", "with-goals", "a on with-goals"),
        ("renamed", "with-goals", "a on with-goals"),
        ("a", "elsewhere/with-goals.csv", "a on with-goals"),
        ("copy/a.py:A", "elsewhere/with-goals.csv", "a on with-goals"),
    ],
)
def test_what_ran_under_another_name_stands_under_the_new_one_too(
    tmp_path: Path, name: str, dataset: str, ran_as: str
) -> None:
    executor = FakeExecutor()
    originals = [of("a", "a", seed=seed) for seed in range(3)]
    run(tmp_path, originals, executor)
    copies = [of("a", name, dataset, seed) for seed in range(5)]
    found = run(tmp_path, copies, executor)
    assert len(executor.ran) == 5  # two seeds are new
    assert [each.cell.implementation for each in found] == [name] * 5
    assert [each.cell.dataset for each in found] == [dataset] * 5
    assert [each.reused_from for each in found] == [ran_as] * 3 + [""] * 2
    assert len(RecordStore(tmp_path).read()[0]) == 8
    # Once it stands there, it is not stored again; and the original has its remaining seeds so.
    run(tmp_path, copies, executor)
    assert len(RecordStore(tmp_path).read()[0]) == 8
    more = run(tmp_path, [of("a", "a", seed=seed) for seed in range(5)], executor)
    assert len(executor.ran) == 5
    assert [each.reused_from for each in more] == [""] * 3 + [f"{name} on {dataset}"] * 2
    stored, bad = RecordStore(tmp_path).read()
    assert (len(stored), bad) == (10, [])
    assert len({each.run for each in stored}) == 5


def test_a_third_name_names_the_run_and_not_the_second(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        [record] = run(tmp_path, [of("a", name)], FakeExecutor())
    assert record.reused_from == "a on with-goals"


def test_another_spelling_of_a_path_is_no_other_name(tmp_path: Path) -> None:
    for name in ("x/a.py:A", "./x/a.py:A", "x/../x/a.py:A"):
        run(tmp_path, [of("a", name)], FakeExecutor())
    assert len(RecordStore(tmp_path).read()[0]) == 1


def test_each_name_has_runs_of_its_own_where_they_are_requested_afresh(tmp_path: Path) -> None:
    executor = FakeExecutor()
    run(tmp_path, [of("a", "a")], executor)
    [again] = run(tmp_path, [of("a", "b")], executor, fresh=True)
    assert len(executor.ran) == 2
    assert again.reused_from == ""
    [first] = run(tmp_path, [of("a", "a")], executor)
    assert first.cell.implementation == "a"
    assert len(RecordStore(tmp_path).read()[0]) == 2


def test_a_reused_record_has_the_goals_of_its_own_dataset(tmp_path: Path) -> None:
    executor = FakeExecutor()
    original = replace(of("a", "a", "u.data"), facts=facts("without"))
    [record] = run(tmp_path, [original], executor)
    assert record.goals == []
    known = replace(of("a", "a", "named"), facts=replace(facts("without"), goals=(1.2,)))
    [record] = run(tmp_path, [known], executor)
    assert len(executor.ran) == 1
    assert [(goal.rmse, goal.seconds) for goal in record.goals] == [(1.2, 4)]


def later(monkeypatch: pytest.MonkeyPatch, minute: int) -> None:
    for module in ("cells", "ledger"):
        moment = f"2026-01-01T00:{minute:02}:00+00:00"
        monkeypatch.setattr(f"bench.running.{module}.now", lambda moment=moment: moment)


def sources_on_page(out: Path, name: str) -> set[str]:
    [table] = tables(RecordStore(out).read()[0])
    [row] = [row for row in table.rows if row.implementation == name]
    return {record.source.implementation_hash for record in row.runs["CPU"].records}


def test_a_row_whose_edit_is_taken_back_is_shown_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = FakeExecutor()
    edited = [replace(of("a", "a", seed=seed), implementation_hash="edited") for seed in range(2)]
    originals = [of("a", "a", seed=seed) for seed in range(2)]
    for minute, cells in enumerate((originals, edited, originals, originals)):
        later(monkeypatch, minute)
        run(tmp_path, cells, executor)
    assert len(executor.ran) == 4
    assert sources_on_page(tmp_path, "a") == {"hash of a"}
    assert len(RecordStore(tmp_path).read()[0]) == 5  # one that is newer brings back both seeds


def test_a_row_that_becomes_a_copy_is_shown_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what it reuses ran before the source that it had."""
    executor = FakeExecutor()
    for minute, each in enumerate((of("a", "a"), of("b", "b"), of("a", "b"))):
        later(monkeypatch, minute)
        run(tmp_path, [each], executor)
    assert len(executor.ran) == 2
    assert sources_on_page(tmp_path, "b") == {"hash of a"}
