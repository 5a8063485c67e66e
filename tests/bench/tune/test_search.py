"""The search with cells that are only numbers."""

from __future__ import annotations

import math
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from bench.planning.plan import Skip
from bench.records import Point, Record
from bench.tune.search import Trial, best_of, objective, search
from bench.tune.study import Settings, UnrunnableError
from tests.support.records import record
from tests.support.studies import DEFAULT, STUDY, started

CELL: Any = SimpleNamespace(request=SimpleNamespace(hyperparameters=DEFAULT), skip=None)


def plan(settings: Settings) -> Any:
    return SimpleNamespace(settings=settings)


def curve(*rmses: float) -> list[Point]:
    return [Point(epoch=n, seconds=n, rmse=rmse, mae=1) for n, rmse in enumerate(rmses)]


def answer(cell: Any) -> Record:
    """Best at a rate of 0.01 and 4 factors."""
    off = math.log(float(cell.settings["rate"]) / 0.01) ** 2
    rmse = 0.9 + 0.01 * off + 0.05 * (cell.settings["factors"] == "2")
    return record(
        curve=[Point(epoch=n, seconds=n, rmse=rmse + d, mae=1) for n, d in enumerate((0, 0.1))]
    )


def test_the_default_is_trial_0_and_the_search_finds_better() -> None:
    trials = list(search(STUDY, 40, CELL, plan, answer))
    assert [trial.number for trial in trials] == list(range(40))
    assert trials[0].settings == {"factors": "2", "rate": "0.5"}
    best = best_of(trials)
    assert best is not None
    assert best.rmse is not None
    assert best.rmse < 0.91
    assert best.settings["factors"] == "4"


def test_starts_come_after_the_default_in_their_order_and_none_twice() -> None:
    study = started({"factors": 4}, {"rate": 0.5}, {"factors": 4, "rate": 0.02})
    trials = list(search(study, 8, CELL, plan, answer))
    assert [trial.settings for trial in trials[:3]] == [
        {"factors": "2", "rate": "0.5"},
        {"factors": "4", "rate": "0.5"},
        {"factors": "4", "rate": "0.02"},
    ]
    assert len({trial.settings["rate"] for trial in trials[3:]}) == 5
    assert [trial.settings for trial in search(study, 8, CELL, plan, answer)] == [
        trial.settings for trial in trials
    ]


def test_every_trial_has_what_is_fixed_beside_what_is_searched() -> None:
    seen: list[Settings] = []

    def remember(cell: Any) -> Record:
        seen.append(cell.settings)
        return answer(cell)

    list(search(STUDY, 3, CELL, plan, remember))
    assert [settings["epochs"] for settings in seen] == ["7", "7", "7"]
    assert seen[0] == {"epochs": "7", "factors": "2", "rate": "0.5"}


def test_an_interrupted_search_repeats_its_requests_and_goes_on() -> None:
    first = list(islice(search(STUDY, 20, CELL, plan, answer), 12))
    again = list(search(STUDY, 20, CELL, plan, answer))
    assert again[:12] == first
    assert len({trial.settings["rate"] for trial in again}) > 15


def test_a_trial_without_a_result_does_not_end_the_search() -> None:
    def fails_above(cell: Any) -> Record:
        if float(cell.settings["rate"]) > 0.1:
            return record(status="diverged")
        return answer(cell)

    trials = list(search(STUDY, 30, CELL, plan, fails_above))
    assert trials[0].rmse is None
    best = best_of(trials)
    assert best is not None
    assert float(best.settings["rate"]) <= 0.1


def test_a_cell_that_cannot_run_ends_the_search_at_once() -> None:
    skipped: Any = SimpleNamespace(skip=Skip("skipped", "no package"))
    with pytest.raises(UnrunnableError, match="numpy_sgd: no package"):
        next(search(STUDY, 3, skipped, plan, answer))


def test_a_trial_counts_by_its_best_epoch_and_only_if_it_ended_ok() -> None:
    points = [
        Point(epoch=n, seconds=n, rmse=rmse, mae=1) for n, rmse in enumerate((0.95, 0.91, 0.93))
    ]
    assert objective(record(curve=points)) == 0.91
    assert objective(record(status="timeout", curve=points)) is None
    assert objective(record(curve=[])) is None
    assert best_of([Trial(0, {}, None)]) is None
