"""A search whose trials run on machines that run nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.planning.plan import Cell
from bench.records import Record
from bench.running.cluster.payload import Answer, Payload
from bench.store import RecordStore
from bench.tune.search import Settings, Trial
from bench.tune.session import SETTLED
from bench.tune.several import MOST_LOST, Trials
from tests.support.machines import FakePool, Ran, Watching, cell, dispatch, greeting, recorded
from tests.support.studies import DEFAULT, STUDY


def default() -> Cell:
    planned = cell("numpy_sgd")
    update = {"hyperparameters": DEFAULT, "suite": "tune:s", "threads": 1}
    return dataclasses.replace(planned, request=planned.request.model_copy(update=update))


def with_settings(settings: Settings) -> Cell:
    values = {
        "factors": int(settings["factors"]),
        "rate": float(settings["rate"]),
        "epochs": int(settings["epochs"]),
    }
    planned = default()
    request = planned.request.model_copy(update={"hyperparameters": values})
    return dataclasses.replace(planned, request=request)


def scored(address: str, payload: Payload) -> Record:
    """Best at a rate of 0.01 and 4 factors."""
    values = payload.request.hyperparameters
    off = math.log(values["rate"] / 0.01) ** 2
    rmse = 0.9 + 0.01 * off + 0.05 * (values["factors"] == 2)
    return recorded(payload, greeting(address), rmse)


def search(
    out: Path, pool: FakePool, trials: int, here: Callable[..., Any] | None = None
) -> tuple[list[Trial], list[str], Watching]:
    store, shown = RecordStore(out), list[Trial]()

    def plan(ledger: Any, watching: Any) -> Trials:
        found = store.read()[0]
        return Trials(
            STUDY, trials, default(), with_settings, found, lambda *it: shown.append(it[0])
        )

    left_over, watching = dispatch(store, pool, plan)
    return shown, left_over, watching


def pool_of(*names: str, ran: Ran = scored) -> FakePool:
    return FakePool({name: greeting(name) for name in names}, ran)


def test_trials_go_to_every_machine_and_the_default_is_the_first(tmp_path: Path) -> None:
    pool = pool_of("one", "two", "three")
    shown, left_over, _ = search(tmp_path, pool, 12)
    assert left_over == []
    assert pool.payloads[0].request.hyperparameters == {**DEFAULT, "epochs": 7}
    assert sorted(trial.number for trial in shown) == [*range(12)]
    assert {place for place, *_ in pool.ran_on} == {"one", "two", "three"}
    assert pool.most_at_once == 3
    best = min(trial.rmse or 9 for trial in shown)
    assert best < scored("one", pool.payloads[0]).curve[0].rmse


def test_a_trial_that_is_recorded_runs_on_no_machine_again(tmp_path: Path) -> None:
    search(tmp_path, pool_of("one", "two", "three"), 5)
    before = {each.identity for each in RecordStore(tmp_path).read()[0]}
    again = pool_of("four", "two")
    shown, left_over, _ = search(tmp_path, again, 9)
    assert left_over == []
    assert len(shown) == 9
    records = RecordStore(tmp_path).read()[0]
    assert before < {each.identity for each in records}
    settings = [str(each.cell.hyperparameters) for each in records]
    assert len(settings) == len({*settings})
    assert len(again.ran_on) <= 4
    unneeded = pool_of("one")
    assert len(search(tmp_path, unneeded, 9)[0]) == 9
    assert unneeded.ran_on == []


def test_trials_of_other_sources_teach_nothing(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    search(tmp_path, pool_of("one"), 2)
    for each in store.read()[0]:
        source = each.source.model_copy(update={"implementation_hash": "older"})
        (tmp_path / "other").mkdir(exist_ok=True)
        RecordStore(tmp_path / "other").append(each.model_copy(update={"source": source}))
    pool = pool_of("one")
    search(tmp_path / "other", pool, 2)
    assert len(pool.ran_on) == 2


def test_trials_with_another_version_of_the_library_teach_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(tmp_path, pool_of("one"), 2)
    other = dataclasses.replace(default(), library="x", versions={"x": "2"})
    monkeypatch.setitem(globals(), "default", lambda: other)
    pool = pool_of("one")
    search(tmp_path, pool, 2)
    assert len(pool.ran_on) == 2


def test_a_trial_that_two_machines_recorded_counts_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        search(tmp_path / name, pool_of(name), 1)
        [trial] = RecordStore(tmp_path / name).read()[0]
        RecordStore(tmp_path).append(trial)
    pool = pool_of("one")
    search(tmp_path, pool, 2)
    assert len(pool.ran_on) == 1


def test_a_trial_that_is_lost_runs_on_another_machine(tmp_path: Path) -> None:
    pool = pool_of("one", "two")

    def ran(address: str, payload: Payload) -> Record | None:
        if address == "one":
            pool.events[pool.looks + 1] = lambda: pool.kill("one")
            return None
        return scored(address, payload)

    pool.ran = ran
    shown, left_over, watching = search(tmp_path, pool, 4)
    assert left_over == []
    assert sorted(trial.number for trial in shown) == [0, 1, 2, 3]
    assert None not in [trial.rmse for trial in shown]
    statuses = [each.status for each in RecordStore(tmp_path).read()[0]]
    assert sorted(statuses) == ["lost", "ok", "ok", "ok", "ok"]
    assert [each.status for _, each in watching.again_on] == ["lost"]
    assert len(watching.finished_on) == 4


def test_a_trial_that_every_machine_dies_of_is_given_up(tmp_path: Path) -> None:
    names = [f"m{n}" for n in range(MOST_LOST + 1)]
    pool = pool_of(*names)
    fatal = {**DEFAULT, "epochs": 7}

    def ran(address: str, payload: Payload) -> Record | None:
        if payload.request.hyperparameters == fatal:
            pool.events[pool.looks + 1] = lambda: pool.kill(address)
            return None
        return scored(address, payload)

    pool.ran = ran
    shown, left_over, _ = search(tmp_path, pool, 3)
    assert left_over == []
    assert {trial.number: trial.rmse for trial in shown}[0] is None
    assert len(pool.there) == 1


def test_a_machine_that_cannot_run_the_row_runs_no_trial(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Record | Answer:
        if address == "one":
            return recorded(payload, greeting(address), status="skipped", reason="no x", curve=[])
        return scored(address, payload)

    pool = pool_of("one", "two", ran=ran)
    shown, left_over, watching = search(tmp_path, pool, 3)
    assert (len(shown), left_over) == (3, [])
    assert (len(watching.again_on), len(watching.finished_on)) == (1, 3)
    assert [place for place, *_ in pool.ran_on].count("one") == 1
    alone = pool_of("one", ran=ran)
    _, left_over, _ = search(tmp_path / "other", alone, 3)
    assert left_over == ["3 trials of s did not run: one: no x"]


def test_what_ended_badly_for_good_is_told_once(tmp_path: Path) -> None:
    def ran(address: str, payload: Payload) -> Record:
        return recorded(payload, greeting(address), status="diverged", curve=[])

    shown, _, _ = search(tmp_path, pool_of("one", ran=ran), 2)
    assert [trial.rmse for trial in shown] == [None, None]
    assert "diverged" in SETTLED
    again = pool_of("one", ran=ran)
    search(tmp_path, again, 2)
    assert again.ran_on == []
