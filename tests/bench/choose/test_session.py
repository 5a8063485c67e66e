"""A whole choice with cells that are only numbers, on a clock that they move."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from bench.cell.events import Checkpoint, Parts, Result
from bench.cell.execute import Listener, Outcome
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.choose.budget import Budget
from bench.choose.growth import exponent
from bench.choose.models import planned
from bench.choose.outcome import FINAL, GROWTH, SEARCH, Model, Request, Spent, read, read_request
from bench.choose.outcome import Outcome as Choice
from bench.choose.recommendation import recommend
from bench.choose.serving import ServingExecutor
from bench.choose.session import Session
from bench.choose.session import write as write_request
from bench.choose.watching import Watching
from bench.planning.describing import plainly
from bench.planning.facts import Loader
from bench.planning.loading import describe, load_class
from bench.planning.plan import Cell, Planner
from bench.planning.presets import resolve
from bench.records import Memory, Record
from bench.store import RecordStore
from bench.tune.search import sampler
from bench.tune.study import StudyError
from datasets.ratings import HeldOut
from impls import bias
from impls.registry import IMPLEMENTATIONS
from tests.support.command_line import write
from tests.support.running import Silent

NAMES = ["bias", "als", "numba_sgd", "global_mean"]
SPLIT, FINAL_SPLIT = "random:80/10/10", "random:90/10"


class Cells(ServingExecutor):
    """Each row has an epoch's length; an RMSE falls with the epochs, and by the first
    hyperparameter that a study varies. A final run starts a process, of the trials each row's
    first.

    evaluation_s  of a checkpoint
    final_times   how many times as long as a trial a final run trains
    killed        rows whose trials hang until they are killed, and report nothing
    hanging       rows whose final runs do
    failing       rows whose trials fail without a result after so many seconds
    during        what somebody does while the cell with this number runs
    val_noise     how much parts of the validation part differ; None for no parts
    """

    epoch_s: ClassVar = {
        "Bias": 0.05,
        "ALS": 0.1,
        "NumbaSGD": 0.02,
        "GlobalMean": 0.001,
        "NumpySGD": 0.3,
        "NumpySGDStrata": 0.02,
    }
    start_s = 1.0
    evaluation_s: ClassVar[dict[str, float]] = {}
    val_noise: float | None = None
    final_times = 1.125  # 90 % of the ratings, rather than 80
    killed: ClassVar[set[str]] = set()
    hanging: ClassVar[set[str]] = set()
    failing: ClassVar[dict[str, float]] = {}

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.jobs: list[Job] = []
        self.n_test: list[int] = []
        self.shown: list[str] = []
        self.interrupt_at: int | None = None
        self.during: dict[int, Callable[[], object]] = {}
        self._started: set[str] = set()

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        if len(self.jobs) == self.interrupt_at:
            raise KeyboardInterrupt
        self.during.get(len(self.jobs), lambda: None)()
        self.jobs.append(job)
        self.n_test.append(len(test))
        row = job.class_path.rpartition(":")[2]
        final = len(test) > 0
        start_s = self.start_s if final or row not in self._started else 0.0
        self._started.add(row)
        if row in (self.hanging if final else self.killed):
            self.clock.now += job.rules.time_limit_s
            return Outcome("timeout", "killed")
        if row in self.failing and not final:
            self.clock.now += self.failing[row]
            return Outcome("failed", "hangs", wall_s=self.failing[row])
        outcome, pruned = Outcome("ok"), ""
        epochs = job.hyperparameters.get("epochs", 1)
        for epoch in range(1, epochs + 1):
            seconds = self.epoch_s[row] * epoch
            if seconds > job.rules.time_limit_s:
                outcome.status = "timeout"
                break
            checkpoint = self._checkpoint(job, epoch, seconds)
            assert checkpoint.point is not None
            outcome.curve.append(checkpoint.point)
            if not final and (pruned := self.pruner(checkpoint)):
                outcome.status, outcome.reason = "pruned", pruned
                break
            if not final and start_s + seconds + self._evaluated_s(row, epoch) > self.wall_limit_s:
                outcome.status = "timeout"
                break
        fit_s = self.epoch_s[row] * max(1, len(outcome.curve)) * (self.final_times if final else 1)
        evaluation_s = 0.0 if final else self._evaluated_s(row, len(outcome.curve))
        outcome.result = _result(start_s, fit_s, evaluation_s, epochs)
        if self.val_noise is not None and outcome.curve:
            rng = np.random.default_rng(len(self.jobs))
            parts = outcome.curve[-1].rmse ** 2 + self.val_noise * rng.normal(size=job.blocks)
            outcome.result = outcome.result.model_copy(update={"val_blocks": parts.tolist()})
        outcome.wall_s = start_s + fit_s + evaluation_s + (0.5 if final else 0.01)
        self.clock.now += outcome.wall_s
        outcome.predicted = np.full(int(test.known.sum()), 3, np.float32)
        if final:
            outcome.curve = []
        return outcome

    def _evaluated_s(self, row: str, n: int) -> float:
        return self.evaluation_s.get(row, 0.0) * n

    def _checkpoint(self, job: Job, epoch: int, seconds: float) -> Checkpoint:
        values = [v for v in job.hyperparameters.values() if isinstance(v, float) and v > 0]
        off = sum(abs(math.log(value / 0.4)) for value in values)
        rmse = 0.9 + 0.01 * off + 0.2 / epoch
        fields = {"epoch": epoch, "seconds": seconds, "rmse": rmse, "mae": 0.7}
        return Checkpoint(**fields, planned=job.hyperparameters.get("epochs", 1), evaluation_s=0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _result(start_s: float, fit_s: float, evaluation_s: float, epochs: int) -> Result:
    parts = {"import": start_s, "warmup": 0, "fit": fit_s, "predict": 0, "overhead": 0.01}
    parts["evaluation"] = evaluation_s
    return Result(
        epochs=epochs,
        epochs_ran=epochs,
        best_epoch=epochs,
        epoch_s=1,
        val_rmse=0.9,
        timed_out=False,
        diverged_at=None,
        thread_pools={},
        numerics=None,
        memory=Memory(host_peak_bytes=1, device_peak_bytes=None),
        parts=Parts(**parts),
        ended_ns=0,
    )


Choose = Callable[..., tuple[Choice, Cells]]


@pytest.fixture
def choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Choose:
    # Of thousands of records that no test reads after a crash.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    # A search that finds nothing better any more ends the same way, and sooner.
    monkeypatch.setattr("bench.choose.budget.STALE", 40)
    ratings = str(write(tmp_path / "ratings.csv"))

    def choose(
        minutes: float = 1,
        split: str = SPLIT,
        final_split: str = FINAL_SPLIT,
        folder: str = "choice",
        names: Sequence[str] = NAMES,
        seeds: int = 2,
        edit: Callable[[Cell], Cell] = lambda cell: cell,
        devices: Sequence[str] = ("cpu",),
        wait: Callable[[Clock], bool] = lambda _: False,
        **world: Any,
    ) -> tuple[Choice, Cells]:
        clock = Clock()
        cells = Cells(clock)
        for name, value in world.items():
            setattr(cells, name, value)

        @contextlib.contextmanager
        def alone(on_wait: Callable[[], None]) -> Iterator[None]:
            if wait(clock):
                on_wait()
            yield

        class Waiting(Silent):
            def waiting(self) -> None:
                cells.shown.append("waiting")

        loader = Loader()
        planner = Planner(loader.facts, loader.check_split, 1)
        groups = planned(names, planner, plainly, ratings, split, ["cpu"], 1)
        groups = [
            replace(
                each, cells=[on(edit(cell), device) for cell in each.cells for device in devices]
            )
            for each in groups
        ]
        request = Request(
            name="ratings",
            dataset=ratings,
            split=split,
            final_split=final_split,
            minutes=minutes,
            goal=None,
            seeds=seeds,
            threads=1,
            models=[],
            fingerprint=loader.facts(ratings).data.fingerprint,
        )
        budget = Budget(60 * minutes, timer=clock)
        observed: Any = (Waiting(), 10**9, loader, budget, cells.shown.append)
        arguments: Any = (groups, cells, plainly, *observed)
        with Session(tmp_path / folder, request, *arguments, serving=cells, alone=alone) as session:
            return session.run(), cells

    return choose


def on(cell: Cell, device: str) -> Cell:
    return replace(cell, request=cell.request.model_copy(update={"device": device}))


def identities(model: Model) -> list[str]:
    return [trial.record.identity for trial in model.trials]


def is_trial_of(record: Record, name: str) -> bool:
    return record.cell.suite == SEARCH and record.cell.implementation == name


def records(folder: Path) -> list[Record]:
    return RecordStore(folder / "choice").read()[0]


def test_models_search_for_equal_seconds_and_the_minutes_are_kept(choose: Choose) -> None:
    found, cells = choose(minutes=4)
    counted = {m.plan.implementation: m.spent.counted_s for m in found.models}
    assert cells.clock.now == pytest.approx(240, rel=0.1)
    # The two others have nothing left to search for.
    assert counted["als"] == pytest.approx(counted["numba_sgd"], rel=0.15)
    assert len(found.models[3].trials) == 1, "global_mean has no hyperparameters"


def test_the_first_trial_is_the_default_and_no_search_ends_worse(choose: Choose) -> None:
    found, _ = choose(minutes=3)
    for model in found.models:
        assert model.default is not None
        assert model.best is not None
        assert (model.best.rmse or 9) <= (model.default.rmse or 0)
        row = load_class(IMPLEMENTATIONS[model.plan.implementation])
        preset = resolve(row, describe(row).presets["default"], {})
        assert {**model.default.record.cell.hyperparameters, "epochs": 0} == {**preset, "epochs": 0}
    quick = found.models[2]
    assert quick.best is not quick.default
    rmses = [rmse for _, rmse in quick.anytime]
    assert rmses == sorted(rmses, reverse=True)


def test_final_runs_are_of_the_default_alone_where_no_trial_beats_it_beyond_noise(
    choose: Choose, tmp_path: Path
) -> None:
    found, _ = choose(minutes=2, val_noise=9.0)
    for model in found.models:
        assert model.best is model.default
        assert model.best_runs == model.default_runs
    assert sum(r.cell.suite == FINAL for r in records(tmp_path)) == 2 * len(NAMES)
    assert found.models[2].lowest is not found.models[2].default
    sure, _ = choose(minutes=2, folder="sure", val_noise=0.0)
    assert sure.models[2].best is sure.models[2].lowest is not sure.models[2].default


def test_a_final_run_that_hangs_is_ended_soon_after_its_time(
    choose: Choose, tmp_path: Path
) -> None:
    found, _ = choose(minutes=2)
    for model in found.models:
        assert model.best
        assert model.best.best
        expected_s = 9 / 8 * model.best.best.seconds  # 90 % of the ratings, rather than 80
        for run in model.best_runs:
            assert run.cell.rules["time_limit_s"] == pytest.approx(20 + 3 * expected_s)


def test_the_search_is_blind_and_final_runs_are_scored_once_on_one_test_part(
    choose: Choose, tmp_path: Path
) -> None:
    found, cells = choose(minutes=3)
    assert found.is_complete
    ran = [job for job, n in zip(cells.jobs, cells.n_test, strict=True) if n]
    assert len(cells.jobs) - len(ran) == sum(r.cell.suite == SEARCH for r in records(tmp_path))
    grown = [r for r in records(tmp_path) if r.cell.suite == GROWTH]
    final = [r for r in records(tmp_path) if r.cell.suite == FINAL]
    assert len(ran) == len(final) + len(grown)
    assert {r.cell.split for r in final} == {FINAL_SPLIT}
    assert {r.cell.seed for r in final} == {0, 1}
    assert len({r.metrics.n_test for r in final if r.metrics}) == 1
    # One cut, by equal predictions: the errors of all its parts are equal.
    assert len({tuple(r.metrics.blocks) for r in final if r.metrics}) == 1
    counts = Counter(
        (r.cell.implementation, str(r.cell.hyperparameters), r.cell.seed) for r in final
    )
    assert set(counts.values()) == {1}


def test_all_seeds_of_models_near_the_lowest_run_before_defaults_and_other_seeds(
    choose: Choose, tmp_path: Path
) -> None:
    found, _ = choose(minutes=3, seeds=3)
    final = [r.run for r in records(tmp_path) if r.cell.suite == FINAL]
    best = {m.plan.implementation: [final.index(r.run) for r in m.best_runs] for m in found.models}
    lowest = min(m.best.rmse for m in found.models if m.best and m.best.rmse)
    near = [n for n, m in zip(NAMES, found.models, strict=True) if m.best.rmse <= 1.01 * lowest]
    assert 0 < len(near) < len(NAMES)
    for name in NAMES:
        one_seed, *others = best[name]
        assert one_seed < len(NAMES)
        expected = range(len(NAMES), len(NAMES) + 2 * len(near))
        assert all((place in expected) == (name in near) for place in others)


def test_final_runs_have_the_epochs_that_the_search_found(choose: Choose) -> None:
    found, _ = choose(minutes=3)
    for model in found.models:
        for trial, runs in ((model.best, model.best_runs), (model.default, model.default_runs)):
            assert trial is not None
            assert trial.best is not None
            assert len(runs) == 2
            values = {**runs[0].cell.hyperparameters}
            if "epochs" in values:
                assert values["epochs"] == trial.best.epoch


def test_the_recommended_model_is_fitted_on_parts_of_the_ratings_in_the_minutes(
    choose: Choose,
) -> None:
    found, cells = choose(minutes=3)
    said = recommend(found)
    assert said is not None
    runs = said.chosen.model.growth_runs
    assert {(r.cell.split, r.cell.seed) for r in runs} == {
        (split, seed) for split in ("random:22/78", "random:45/55") for seed in (0, 1)
    }
    assert exponent(said.chosen.model) is not None
    assert cells.clock.now < 1.1 * 180


def test_interrupted_and_resumed_it_has_the_trials_of_one_call_and_none_twice(
    choose: Choose, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        choose(minutes=2, interrupt_at=40)
    before = records(tmp_path)
    assert len(before) == 40
    found, cells = choose(minutes=2)
    after = records(tmp_path)
    assert [r.identity for r in after[:40]] == [r.identity for r in before]
    assert max(Counter(r.identity for r in after).values()) == 1
    assert len(cells.jobs) == len(after) - 40
    assert found.wall_s == pytest.approx(120, rel=0.1)


def test_a_complete_choice_runs_nothing_again_not_even_what_its_limit_ended(
    choose: Choose,
) -> None:
    world: dict[str, Any] = {"names": ["global_mean"], "hanging": {"GlobalMean"}}
    found, _ = choose(minutes=3, **world)
    assert {run.status for run in found.models[0].best_runs} == {"timeout"}
    assert found.is_complete
    again, cells = choose(minutes=3, **world)
    assert not cells.jobs
    assert again.is_complete


def test_more_minutes_go_on_from_there_and_the_same_ones_run_nothing(
    choose: Choose, tmp_path: Path
) -> None:
    first, _ = choose(minutes=1)
    again, cells = choose(minutes=1)
    assert not cells.jobs
    assert again.models == first.models
    more, _ = choose(minutes=3)
    assert more.wall_s == pytest.approx(180, rel=0.1)
    for before, after in zip(first.models, more.models, strict=True):
        assert identities(after)[: len(before.trials)] == identities(before)
    assert read(tmp_path / "choice") == more


def test_another_split_has_minutes_of_its_own_and_the_first_one_goes_on(choose: Choose) -> None:
    first, _ = choose()
    other, _ = choose(split="random:70/10/20", final_split="random:80/20")
    assert other.wall_s == pytest.approx(60, rel=0.1)
    n_trials = [sum(len(model.trials) for model in found.models) for found in (first, other)]
    assert n_trials[1] > n_trials[0] / 2
    again, _ = choose()
    assert again.wall_s == pytest.approx(60, rel=0.1)
    for before, after in zip(first.models, again.models, strict=True):
        assert identities(after)[: len(before.trials)] == identities(before)


def test_a_complete_search_stays_so_after_another_one_in_its_folder(
    choose: Choose, tmp_path: Path
) -> None:
    first, _ = choose(minutes=4)
    assert first.is_complete
    choose(minutes=1, split="random:70/10/20", final_split="random:80/20")
    choose(minutes=1, names=["bias"])
    for _ in range(2):
        again, cells = choose(minutes=4)
        assert not cells.jobs
        assert again.is_complete
        assert again.wall_s == first.wall_s, "a call that runs nothing takes no minutes"
    others = read_request(tmp_path / "choice").others
    assert sorted(len(each.models) for each in others) == [1, 4]
    assert not any(each.others for each in others)


def test_more_models_or_seeds_run_though_the_call_before_was_complete(choose: Choose) -> None:
    first, cells = choose(minutes=3, names=["global_mean"], seeds=1)
    assert first.is_complete
    assert cells.clock.now < 10
    seeds, _ = choose(minutes=3, names=["global_mean"], seeds=2)
    assert seeds.is_complete
    more, _ = choose(minutes=3, names=["global_mean", "als"], seeds=2)
    assert len(more.models[1].trials) > 1
    assert more.models[1].best_runs


def test_minutes_are_those_of_the_models_that_are_requested(choose: Choose) -> None:
    choose(minutes=1, names=["bias", "numba_sgd"])
    other, _ = choose(minutes=1, names=["als"])
    assert other.wall_s == pytest.approx(60, rel=0.1)
    assert other.models[0].best_runs


def edited(cell: Cell) -> Cell:
    """Of a row whose source was changed."""
    if cell.request.implementation != "als":
        return cell
    return replace(cell, implementation_hash="changed")


def test_trials_and_final_runs_of_a_changed_row_do_not_count_any_more(
    choose: Choose, tmp_path: Path
) -> None:
    first, _ = choose(minutes=1)
    again, _ = choose(minutes=1, edit=edited)
    als = again.models[1]
    assert als.trials
    for record in (*(trial.record for trial in als.trials), *als.best_runs, *als.default_runs):
        assert record.source.implementation_hash == "changed"
    assert read(tmp_path / "choice") == again
    for place in (0, 2, 3):
        assert identities(first.models[place]) == identities(again.models[place])
    back, _ = choose(minutes=1)
    assert identities(back.models[1])[: len(first.models[1].trials)] == identities(first.models[1])


def test_a_split_of_the_same_name_with_other_test_ratings_is_refused(
    choose: Choose, tmp_path: Path
) -> None:
    choose(minutes=0.5)
    before = (tmp_path / "choice" / "request.json").read_bytes()
    with pytest.raises(StudyError, match="the same ratings split otherwise"):
        choose(minutes=1, edit=lambda cell: replace(cell, facts=cell.facts.split_by("times")))
    assert (tmp_path / "choice" / "request.json").read_bytes() == before


def test_a_call_that_goes_on_says_from_where(choose: Choose) -> None:
    first, cells = choose(minutes=1)
    assert not any("goes on" in line for line in cells.shown)
    _, cells = choose(minutes=3)
    n = sum(len(model.trials) for model in first.models)
    left = f"{3 - first.wall_s / 60:.1f}"
    assert f"goes on from {n} trials, with {left} minutes left" in cells.shown


SLOW: dict[str, Any] = {"epoch_s": {**Cells.epoch_s, "ALS": 3.0}}


def test_a_trial_that_its_limit_cut_runs_again_with_more_minutes(
    choose: Choose, tmp_path: Path
) -> None:
    first, _ = choose(minutes=1, **SLOW)
    cut = first.models[1].default
    assert cut is not None
    assert cut.record.status == "timeout"
    more, _ = choose(minutes=10, **SLOW)
    als = more.models[1]
    assert als.default is not None
    assert als.default.record.status == "ok"
    assert identities(als)[0] == cut.record.identity
    assert len(set(identities(als))) == len(als.trials)
    of_default = [r for r in records(tmp_path) if r.identity == cut.record.identity]
    assert [r.status for r in of_default] == ["timeout"] * (len(of_default) - 1) + ["ok"]
    assert [t.record for t in als.cut if t.number == 0] == of_default[:-1]
    assert cut.record in of_default
    trained_s = [r.times.fit_s for r in records(tmp_path) if is_trial_of(r, "als") and r.times]
    assert als.spent.training_s == pytest.approx(sum(trained_s))
    assert [seconds for seconds, _ in als.anytime] == sorted(seconds for seconds, _ in als.anytime)
    _, cells = choose(minutes=10, **SLOW)
    assert not cells.jobs


def test_a_search_goes_on_from_a_trial_that_was_killed_before_it_reported(choose: Choose) -> None:
    first, _ = choose(minutes=1, killed={"ALS"})
    killed, *_ = first.models[1].trials
    assert killed.record.times is None
    assert killed.spent.counted_s == killed.record.cell.rules["time_limit_s"]
    more, _ = choose(minutes=3, killed={"ALS"})
    again, *_ = more.models[1].trials
    limits = [trial.record.cell.rules["time_limit_s"] for trial in (killed, again)]
    assert limits[1] > 1.5 * limits[0]
    assert more.wall_s == pytest.approx(180, rel=0.1)


def test_interrupted_among_trials_that_run_again_it_goes_on_with_none_twice(
    choose: Choose, tmp_path: Path
) -> None:
    for minutes in (1, 30):  # enough for all searches to end by themselves
        whole, _ = choose(minutes=minutes, folder="whole", **SLOW)
    choose(minutes=1, **SLOW)
    before = records(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        choose(minutes=30, interrupt_at=60, **SLOW)
    assert len(records(tmp_path)) == len(before) + 60
    found, _ = choose(minutes=30, **SLOW)
    after = [r for r in records(tmp_path) if r.cell.suite == SEARCH]
    ended = Counter(r.identity for r in after if r.status != "timeout")
    assert max(ended.values()) == 1
    for one, other in zip(found.models, whole.models, strict=True):
        # The minutes end after one trial more or less.
        pairs = zip(identities(one), identities(other), strict=False)
        assert all(of_one == of_other for of_one, of_other in pairs)
    assert found.wall_s == pytest.approx(whole.wall_s, rel=0.1)


def test_a_row_without_a_study_has_its_cut_default_again(choose: Choose) -> None:
    slow = {"epoch_s": {**Cells.epoch_s, "GlobalMean": 40.0}}
    first, _ = choose(minutes=1, **slow)
    assert [trial.record.status for trial in first.models[3].trials] == ["timeout"]
    more, _ = choose(minutes=10, **slow)
    assert [trial.record.status for trial in more.models[3].trials] == ["ok"]


def test_too_few_minutes_are_known_before_and_models_without_room_are_named(
    choose: Choose,
) -> None:
    found, cells = choose(minutes=0.5, start_s=8.0)
    assert (
        "--minutes 0.5 is too few: 4 models with 2 seeds each need about 1 at least"
        in (cells.shown[0])
    )
    missing = [m.plan.implementation for m in found.models if not m.trials]
    assert missing
    assert [m.plan.implementation for m in found.untried] == missing
    assert not found.is_complete
    [left_out] = [line for line in cells.shown if line.startswith("left out")]
    assert all(name in left_out for name in missing)
    assert all("more minutes run it" in m.plan.problem for m in found.models if not m.trials)
    assert cells.clock.now <= 33
    enough, cells = choose(minutes=4, start_s=8.0)
    assert "too few" not in cells.shown[0]
    assert all(model.trials for model in enough.models)


def test_trials_that_were_copied_under_another_name_are_those_of_the_choice(
    choose: Choose, tmp_path: Path
) -> None:
    """As of a row that is given by another path: records are copied, and none runs."""
    first, _ = choose(minutes=1)
    store = RecordStore(tmp_path / "copies")
    for each in records(tmp_path):
        store.append(each.model_copy(update={"reused_from": "other", "reused_at": each.started_at}))
    write_request(tmp_path / "copies", first.request)
    copied = read(tmp_path / "copies")
    for one, other in zip(first.models, copied.models, strict=True):
        assert identities(one) == identities(other)
    more, _ = choose(minutes=2, folder="copies")
    for one, other in zip(first.models, more.models, strict=True):
        assert identities(other)[: len(one.trials)] == identities(one)


def test_fewer_minutes_than_a_complete_choice_had_leave_it_as_it_was(choose: Choose) -> None:
    first, _ = choose(minutes=3)
    assert first.is_complete
    again, cells = choose(minutes=1)
    assert not cells.jobs
    assert again.request.minutes == 3


def test_a_second_split_has_a_final_run_however_few_its_minutes_are(choose: Choose) -> None:
    assert choose(minutes=4)[0].is_complete
    other, _ = choose(minutes=0.02, split="random:65/10/25", final_split="random:75/25")
    assert any(model.best_runs for model in other.models)


def test_a_call_that_is_killed_has_spent_the_minutes_of_those_before(
    choose: Choose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = choose(minutes=1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_search", killed)
        patch.setattr("bench.choose.session.write", once(write_request))
        with pytest.raises(KeyboardInterrupt):
            choose(minutes=2)
    assert read_request(tmp_path / "choice").wall_s >= first.wall_s


def test_the_minutes_of_a_call_are_stored_on_the_way(
    choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_s = [0.0]
    monkeypatch.setattr(
        "bench.choose.session.write", lambda _, request: stored_s.append(request.wall_s)
    )
    found, _ = choose(minutes=2)
    assert stored_s[-1] == found.wall_s > 100
    steps = [after - before for before, after in pairwise(stored_s)]
    assert max(steps) < 20, "the longest cell and 5 s"


def test_what_a_cut_default_found_stands_until_its_second_run_has_final_runs(
    choose: Choose, tmp_path: Path
) -> None:
    for minutes in (1, 10):
        whole, cells = choose(minutes=minutes, folder="whole", **SLOW)
    default = whole.models[1].default
    assert default
    runs = [job.class_path for job in cells.jobs]
    n = next(n for n, row in enumerate(runs) if row == IMPLEMENTATIONS["als"]) + 1
    choose(minutes=1, **SLOW)
    with pytest.raises(KeyboardInterrupt):
        choose(minutes=10, interrupt_at=n, **SLOW)
    als = read(tmp_path / "choice").models[1]
    assert als.default
    assert als.default.record.curve[-1].epoch > als.cut[0].record.curve[-1].epoch
    assert als.best_runs
    assert not als.is_newest


@pytest.fixture
def starts_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of the start of a process, as each final run was expected to take them."""
    found: list[float] = []

    def run_s(first: Spent, *_: object, **__: object) -> float:
        found.append(first.start_s)
        return 1.0

    monkeypatch.setattr("bench.choose.final.run_s", run_s)
    return found


def test_a_first_trial_that_was_killed_does_not_tell_how_long_a_start_takes(
    choose: Choose, starts_s: list[float]
) -> None:
    choose(minutes=1, killed={"ALS"}, start_s=5.0)
    _, cells = choose(minutes=10, start_s=5.0)
    finals = [job.class_path for job, n in zip(cells.jobs, cells.n_test, strict=True) if n]
    assert IMPLEMENTATIONS["als"] in finals
    assert set(starts_s[-len(finals) :]) == {5.0}


def once(write: Callable[[Path, Request], None]) -> Callable[[Path, Request], None]:
    """It stores the first request alone, as of a call that is killed before it stores another."""
    calls = iter([write])
    return lambda folder, request: next(calls, lambda *_: None)(folder, request)


def test_final_runs_are_expected_to_start_as_the_first_run_of_the_default_did(
    choose: Choose, starts_s: list[float]
) -> None:
    """One that runs again, in the same worker, started no process."""
    slow = {"epoch_s": {**Cells.epoch_s, "ALS": 4.0}}
    found, _ = choose(minutes=10, start_s=5.0, **slow)
    assert found.models[1].cut
    assert set(starts_s) == {5.0}


def test_a_wait_for_the_machine_is_not_of_the_minutes_and_is_shown_once(choose: Choose) -> None:
    waits_s: list[float] = []

    def wait(clock: Clock) -> bool:
        """Another run has every other cell between two moments."""
        if waits := 20 < clock.now < 320:
            waits_s.append(10)
            clock.now += 10
        return waits

    found, cells = choose(minutes=1, wait=wait)
    assert found.wall_s == pytest.approx(60, rel=0.1)
    assert sum(waits_s) > 200
    assert cells.clock.now == pytest.approx(60 + sum(waits_s), rel=0.01)
    assert cells.shown.count("waiting") == 1


@pytest.mark.parametrize("times", [1.125, 2.0])
def test_final_runs_are_planned_and_what_has_no_room_is_named(choose: Choose, times: float) -> None:
    found, cells = choose(minutes=1, start_s=4.0, final_times=times)
    assert cells.clock.now == pytest.approx(60, rel=0.1)
    assert not found.is_complete
    assert re.search(r"final runs without room in the minutes.*: .*\d of ", cells.shown[-1])
    best = min(found.models, key=lambda model: (model.best and model.best.rmse) or 9)
    assert best.best_runs, "the most accurate ones are first"
    more, _ = choose(minutes=6, start_s=4.0)
    assert more.is_complete


def test_a_model_that_is_evaluated_for_long_leaves_their_seconds_to_the_others(
    choose: Choose,
) -> None:
    """Its first trial is ended early, and not as a bad one; later ones are foreseen."""
    even = {**Cells.epoch_s, "NumbaSGD": 0.1}
    found, cells = choose(minutes=4, evaluation_s={"ALS": 5.0}, epoch_s=even)
    als = found.models[1]
    assert als.default is not None
    assert als.default.record.status == "timeout"
    assert cells.clock.now == pytest.approx(240, rel=0.1)
    assert found.models[2].spent.counted_s > 10
    assert als.spent.counted_s + als.spent.evaluation_s < 200


SHARING = ["numpy_sgd", "numpy_sgd_strata"]


def test_a_search_of_one_row_does_not_decide_which_is_the_quickest_of_more(choose: Choose) -> None:
    choose(names=SHARING[:1])
    found, _ = choose(names=SHARING)
    assert [m.plan.implementation for m in found.models] == ["numpy_sgd_strata"]
    alone, _ = choose(names=SHARING[:1], minutes=2)
    more, _ = choose(names=SHARING, minutes=2)
    assert [m.plan.implementation for m in alone.models] == ["numpy_sgd"]
    assert identities(more.models[0])[: len(found.models[0].trials)] == identities(found.models[0])


def test_a_search_on_one_device_does_not_decide_for_those_on_more(choose: Choose) -> None:
    choose(names=["als"], devices=["cpu"])
    _, cells = choose(names=["als"], devices=["cpu", "cuda"])
    assert {job.device for job in cells.jobs} == {"cpu", "cuda"}


def test_a_row_without_epochs_has_a_trial_beside_its_probe(choose: Choose, tmp_path: Path) -> None:
    found, _ = choose(names=["global_mean"], devices=["cpu", "cuda"])
    assert Counter(r.cell.suite for r in records(tmp_path))["choose:probe"] == 2
    assert len(found.models[0].trials) == 1
    assert len(found.models[0].best_runs) == 2
    again, cells = choose(names=["global_mean"], devices=["cpu", "cuda"])
    assert not cells.jobs
    assert identities(again.models[0]) == identities(found.models[0])


def test_trials_of_a_search_that_suggested_otherwise_count_and_can_be_the_best(
    choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another release of optuna, or with another study."""
    names = ["numba_sgd", "als"]
    with pytest.raises(KeyboardInterrupt):
        choose(minutes=3, names=names, interrupt_at=16)
    monkeypatch.setattr("bench.choose.trials.sampler", lambda: sampler(1))
    found, _ = choose(minutes=3, names=names)
    assert found.is_complete
    assert found.wall_s == pytest.approx(180, rel=0.1)
    counted = [model.spent.counted_s for model in found.models]
    assert counted[0] == pytest.approx(counted[1], rel=0.15)


def test_fewer_minutes_than_an_interrupted_search_had_do_not_make_it_shorter(
    choose: Choose,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        choose(minutes=3, names=["numba_sgd", "als"], interrupt_at=16)
    less, _ = choose(minutes=0.1, names=["numba_sgd", "als"])
    assert (less.request.minutes, less.is_complete) == (3, False)
    on, _ = choose(minutes=3, names=["numba_sgd", "als"])
    assert on.is_complete


def test_minutes_that_no_call_had_do_not_count_as_had(choose: Choose) -> None:
    names = ["numba_sgd", "als"]
    with pytest.raises(KeyboardInterrupt):
        choose(minutes=3, names=names, interrupt_at=5)
    less, _ = choose(minutes=2, names=names)
    assert (less.request.minutes, less.is_complete) == (2, True)
    more, cells = choose(minutes=3, names=names)
    assert cells.jobs
    assert (more.request.minutes, more.wall_s) == (3, pytest.approx(180, rel=0.1))


def test_two_searches_at_once_in_one_folder_keep_the_minutes_of_both(
    choose: Choose, tmp_path: Path
) -> None:
    folder = tmp_path / "choice"
    choose(minutes=2)
    first = read_request(folder)
    second = first.model_copy(update={"split": "time:70/10/20", "wall_s": 7.0})
    write_request(folder, second)
    write_request(folder, first)  # which ended last, and began before the other one
    assert [each.split for each in read_request(folder).calls] == [SPLIT, "time:70/10/20"]
    write_request(folder, second)
    assert [each.split for each in read_request(folder).others] == [SPLIT]


@pytest.mark.parametrize("during", [(0,), (1,), (1, 2)])  # trials of the row itself, or of another
@pytest.mark.parametrize("taken_back", [False, True])
def test_a_row_that_is_edited_during_its_search_gets_no_figure_of_two_sources(
    choose: Choose, tmp_path: Path, during: Sequence[int], taken_back: bool
) -> None:
    file = tmp_path / "mine.py"
    text = Path(bias.__file__).read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    row = f"{file}:Bias"
    edits = {
        n: partial(file.write_text, text.replace("= 0", f"= {n + 1}"), "utf-8") for n in during
    }
    names = [row, "als"]
    found, cells = choose(names=names, minutes=2, during=edits)
    mine, als = found.models
    assert "its source changed" in mine.plan.problem
    assert not mine.best_runs
    assert sum(line.startswith(f"{row}: its source") for line in cells.shown) == 1
    assert not found.is_complete
    assert not found.lacks_runs, "more minutes run nothing of it"
    assert als.default
    assert als.default.record.status == "ok", "it was another row's source"
    assert not mine.default_runs, "of a source that is no more"
    assert len(als.best_runs) == len(als.default_runs) == 2
    if taken_back:
        file.write_text(text)
    again, _ = choose(names=names, minutes=3)
    assert all(model.best_runs for model in again.models)
    assert not again.models[0].plan.problem
    assert [model.trials[0].record.status for model in again.models] == ["ok", "ok"]


def test_what_hangs_counts_for_as_long_as_it_ran_on_the_page_too(choose: Choose) -> None:
    found, _ = choose(minutes=2, names=["als", "numba_sgd"], failing={"ALS": 31.0})
    hung = found.models[0]
    assert hung.spent.counted_s == 31.0 * len(hung.trials)


def test_a_record_that_an_edit_refused_is_no_failure_of_the_row(choose: Choose) -> None:
    found, _ = choose(names=["global_mean"])
    [record] = [trial.record for trial in found.models[0].trials]
    warned: list[str] = []
    watching = Watching(warned.append, warned.append)
    for reason in ("changed the source of mine.py:Row, or somebody did, while it ran", "raised"):
        watching.finished(record.model_copy(update={"status": "failed", "reason": reason}))
    assert warned == ["global_mean: failed: raised"]
