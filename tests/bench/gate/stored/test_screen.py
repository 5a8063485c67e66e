"""A screen sees what it reports as visible, and fails on its own machine only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.statistics import ALPHA, Verdict
from bench.gate.stored.screen import common_shift, relative, screen
from tests.support.gate_runs import NAMES, runs, slower
from tests.support.statistics import within_binomial_bounds

V = Verdict


def test_a_slower_workload_fails_on_the_same_machine() -> None:
    *stored, now = runs(9)
    result = screen(stored, slower(now, 0.5), same_machine=True)
    assert result["a"].verdict is V.FAIL
    assert {result[name].verdict for name in NAMES[1:]} <= {V.PASS, V.SUSPECT}


def test_the_spread_is_that_of_the_stored_runs_around_their_mean() -> None:
    *stored, now = runs(9)
    then = {name: np.mean([run[name] for run in stored]) for name in NAMES}
    changes = [relative(run, then, NAMES) for run in stored]
    result = screen(stored, slower(now, 0.5), same_machine=True)
    for name, each in result.items():
        assert each.spread == pytest.approx(np.std([run[name] for run in changes], ddof=1))
    assert V.FAIL in {each.verdict for each in result.values()}
    assert {each.spread for each in screen(stored, now, same_machine=False).values()} == {None}


def test_the_same_speed_passes_where_runs_agree() -> None:
    *stored, now = runs(9, spread=0.002)
    assert {each.verdict for each in screen(stored, now, same_machine=True).values()} == {V.PASS}


def test_a_shift_of_the_whole_machine_is_taken_out_and_reported() -> None:
    *stored, now = runs(9, spread=0.001)
    slow = {name: value + math.log(2) for name, value in now.items()}
    result, same = (screen(stored, each, same_machine=True) for each in (slow, now))
    for name in NAMES:
        assert result[name].change == pytest.approx(same[name].change)
    assert common_shift(stored, slow) == pytest.approx(2 * common_shift(stored, now))


@given(st.integers(0, 500), st.floats(0, 2), st.booleans())
def test_another_machine_or_too_few_runs_never_fail(seed: int, by: float, same: bool) -> None:
    """Nor do they pass: what they do not suspect they have not seen."""
    *stored, now = runs(3 if same else 10, seed=seed)
    stored = stored[:2] if same else stored
    result = screen(stored, slower(now, by), same_machine=same)
    assert {each.verdict for each in result.values()} <= {V.SUSPECT, V.UNSEEN}


def test_another_machine_suspects_what_stands_out_and_reports_what_it_would_miss() -> None:
    *stored, now = runs(9, spread=0.05)
    result = screen(stored, slower(now, 2.0), same_machine=False)["a"]
    assert result.verdict is V.SUSPECT
    assert result.change > result.seen > math.log1p(0.05)
    barely = screen(stored, slower(now, 0.02), same_machine=False)["a"]
    assert barely.verdict is V.UNSEEN


def test_false_alarms_are_within_alpha() -> None:
    """The common shift is estimated, too, so a little more than alpha is allowed for."""
    alarms = 0
    for seed in range(1500):
        *stored, now = runs(6, spread=0.05, seed=seed)
        result = screen(stored, now, same_machine=True)
        alarms += any(each.verdict is V.FAIL for each in result.values())
    assert alarms / 1500 <= ALPHA or within_binomial_bounds(alarms, 1500, ALPHA)


@pytest.mark.parametrize("names", ["", "a", "ab"])
def test_too_few_workloads_are_no_screen(names: str) -> None:
    *stored, now = runs(5)
    assert screen(stored, {name: now[name] for name in names}, same_machine=True) == {}
    assert common_shift(stored, {}) == 1.0
