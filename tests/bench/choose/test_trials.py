"""The search of one model, with records that are only numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench.cell.events import Checkpoint
from bench.choose.trials import LAST, STARTING, Reports, Search, step_of
from bench.records import Point, Record
from bench.tune.search import Settings
from bench.tune.study import StudyError
from tests.support.records import record
from tests.support.studies import DEFAULT, STUDY, started


def curve(settings: Settings) -> list[Point]:
    """Best at a rate of 0.01; an epoch takes a second."""
    off = math.log(float(settings["rate"]) / 0.01) ** 2
    best = 0.9 + 0.01 * off + 0.05 * (settings["factors"] == "2")
    rmses = (best + 0.5 / epoch for epoch in range(1, 31))
    return [
        Point(epoch=epoch, seconds=epoch, rmse=rmse, mae=1) for epoch, rmse in enumerate(rmses, 1)
    ]


def event(point: Point) -> Checkpoint:
    fields = {"epoch": point.epoch, "seconds": point.seconds, "rmse": point.rmse, "mae": point.mae}
    return Checkpoint(**fields, planned=30, evaluation_s=0)


def searched(n: int, search: Search | None = None) -> list[tuple[Settings, Record]]:
    """Trials, each ended where the search ends it."""
    search = search or Search(STUDY, DEFAULT)
    found = []
    for _ in range(n):
        settings, seen, reason = search.ask(), [], ""
        for point in curve(settings):
            seen.append(point)
            if reason := search.prunes(event(point)):
                break
        ended = record(curve=seen, status="pruned" if reason else "ok", reason=reason)
        search.tell(ended)
        found.append((settings, ended))
    return found


def test_the_default_is_first_and_the_search_finds_better() -> None:
    found = searched(40)
    assert found[0][0] == {"epochs": "7", "factors": "2", "rate": "0.5"}
    best = min((r for _, r in found), key=lambda r: min(p.rmse for p in r.curve))
    assert min(p.rmse for p in best.curve) < 0.93
    assert best.status == "ok"


def test_trials_that_are_beaten_at_equal_seconds_end_early() -> None:
    found = searched(40)
    pruned = [each for _, each in found if each.status == "pruned"]
    assert pruned
    assert all(len(each.curve) < 30 for each in pruned)
    assert "worse than" in pruned[0].reason
    assert all(each.status == "ok" for _, each in found[:STARTING])


def test_recorded_trials_lead_to_the_same_settings() -> None:
    first = searched(25)
    resumed = Search(STUDY, DEFAULT)
    for settings, ended in first[:15]:
        assert resumed.ask() == settings
        resumed.tell(ended)
    assert [s for s, _ in searched(10, resumed)] == [s for s, _ in first[15:]]


def test_starts_come_after_the_default_and_lead_to_the_same_settings_again() -> None:
    study = started({"factors": 4}, {"rate": 0.02})
    first = searched(8, Search(study, DEFAULT))
    assert [settings for settings, _ in first[:3]] == [
        {"epochs": "7", "factors": "2", "rate": "0.5"},
        {"epochs": "7", "factors": "4", "rate": "0.5"},
        {"epochs": "7", "factors": "2", "rate": "0.02"},
    ]
    resumed = Search(study, DEFAULT)
    for settings, ended in first[:2]:  # interrupted among the starts
        assert resumed.ask() == settings
        resumed.tell(ended)
    assert [s for s, _ in searched(6, resumed)] == [s for s, _ in first[2:]]


def test_a_trial_that_runs_again_takes_no_start_from_the_study() -> None:
    search = Search(started({"factors": 4}, {"rate": 0.02}), DEFAULT)
    default = search.ask()
    params = search.params
    cut = record(curve=curve(default)[:3], status="timeout")
    search.tell(cut)
    search.ask()
    search.repeat(params, spared=3)
    assert search.params == params
    search.tell(record(curve=curve(default)))
    search.tell(record(curve=[]))
    assert search.ask() == {"epochs": "7", "factors": "2", "rate": "0.02"}


def test_refused_and_failed_settings_end_no_search() -> None:
    search = Search(STUDY, DEFAULT)
    search.ask()
    search.tell(None)
    search.ask()
    search.tell(record(status="failed", curve=[]))
    assert search.ask()


def test_a_space_without_the_default_is_an_error() -> None:
    with pytest.raises(StudyError, match="rate = 5"):
        Search(STUDY, DEFAULT | {"rate": 5.0})


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(epoch=n, seconds=s, rmse=r, mae=1) for n, (s, r) in enumerate(pairs, 1)]


def reported(epoch_budgets: bool, *pairs: tuple[float, float]) -> dict[int, float]:
    reports = Reports(epoch_budgets)
    taken: list[Any] = [step for point in points(*pairs) for step in reports.take(point)]
    return dict(taken + reports.to_the_end())


def test_a_moment_has_what_was_best_before_it() -> None:
    found = reported(False, (1.0, 0.95), (2.0, 0.93), (3.0, 0.94))
    assert found[step_of(1.5)] == 0.95
    assert found[step_of(2.6)] == found[LAST - 1] == 0.93
    assert step_of(0.5) not in found


def test_fits_at_epoch_budgets_come_after_each_other() -> None:
    found = reported(True, (1.0, 0.95), (2.0, 0.93))
    assert found[step_of(2.0)] == 0.95
    assert found[step_of(4.0)] == 0.93
