"""Verdicts keep their error rates, whatever the unit or side, and exit codes one meaning each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.limits import MISSES, SHARES, Limit, limits, t_limit
from bench.gate.verdicts import Verdict, control_fails, exit_code, look
from tests.support.statistics import within_binomial_bounds

ROUNDS = max(SHARES)


def ended(rounds: np.ndarray, at: dict[int, Limit]) -> tuple[Verdict | None, int]:
    """The verdict of the first look that decides, and how many rounds it took."""
    for n in at:
        if verdict := look(rounds[:n], at):
            return verdict, n
    return None, ROUNDS


def test_all_looks_together_alarm_no_more_often_than_their_levels_sum_to() -> None:
    """A level of 0.2, so that 2,000 runs suffice to see it kept and nearly used up."""
    at = {n: Limit(t_limit(0.2 * share, n - 1), math.inf) for n, share in SHARES.items()}
    noise = np.random.default_rng(1).normal(0, 10, (2000, ROUNDS))
    alarms = sum(ended(run, at)[0] is Verdict.FAIL for run in noise)
    assert 0.1 < alarms / 2000 <= 0.2


@pytest.mark.parametrize("rounds", SHARES)
def test_one_look_alarms_exactly_at_its_level(rounds: int) -> None:
    """With noise so large that an estimate of 2.5 % is nothing."""
    at = {rounds: Limit(t_limit(0.05, rounds - 1), math.inf)}
    noise = np.random.default_rng(rounds).normal(0, 1e3, (4000, rounds))
    alarms = sum(look(run, at) is Verdict.FAIL for run in noise)
    assert within_binomial_bounds(alarms, 4000, 0.05)


@pytest.mark.parametrize("rounds", SHARES)
def test_one_look_passes_a_tolerated_slowdown_exactly_at_its_level(rounds: int) -> None:
    at = {rounds: Limit(math.inf, limits(12)[rounds].tolerable)}
    noise = np.random.default_rng(rounds).normal(math.log(1.05), 0.02, (4000, rounds))
    misses = sum(look(run, at) is Verdict.PASS for run in noise)
    assert within_binomial_bounds(misses, 4000, MISSES[rounds])


def test_a_slowdown_of_5_percent_is_caught_with_the_promised_power() -> None:
    noise = np.random.default_rng(3).normal(math.log(1.05), 0.015, (1000, ROUNDS))
    caught = sum(ended(run, limits(12))[0] is Verdict.FAIL for run in noise)
    assert caught >= 950


def test_the_same_speed_passes_early() -> None:
    noise = np.random.default_rng(4).normal(0, 0.01, (500, ROUNDS))
    ends = [ended(run, limits(12)) for run in noise]
    assert all(verdict is Verdict.PASS for verdict, _ in ends)
    assert np.median([n for _, n in ends]) <= 8


rounds = st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=5)


@given(rounds)
def test_what_fails_does_not_fail_with_sides_swapped(Y: list[float]) -> None:
    at = {5: Limit(2.0, 2.0)}
    verdicts = {look(Y, at), look([-y for y in Y], at)}
    assert verdicts != {Verdict.FAIL}
    assert control_fails(Y, at) == (Verdict.FAIL in verdicts)


@pytest.mark.parametrize(
    ("Y", "verdict"),
    [
        ([0.08, 0.0801] * 2 + [0.08], Verdict.FAIL),
        ([0.024, 0.0241] * 2 + [0.024], Verdict.PASS),
        ([-0.08, -0.0801] * 2 + [-0.08], Verdict.PASS),
        ([0.3, -0.3] * 2 + [0.1], None),
        ([0.08] * 4, None),
        ([0.08] * 6, None),
        ([0.08] * 5, Verdict.FAIL),
    ],
    ids=["slower", "too little", "faster", "noise", "too early", "between looks", "no noise"],
)
def test_looks(Y: list[float], verdict: Verdict | None) -> None:
    assert look(Y, limits(12)) is verdict


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ("PASS PASS", 0),
        ("PASS new", 0),
        ("PASS skipped", 0),
        ("PASS FAIL INCONCLUSIVE", 1),
        ("PASS INCONCLUSIVE", 2),
        ("PASS REMOVED", 3),
        ("FAIL BROKEN", 3),
        ("new skipped", 3),
        ("", 3),
    ],
)
def test_exit_codes(verdicts: str, code: int) -> None:
    found = [Verdict(word) for word in verdicts.split()]
    assert exit_code(found, tolerant=False) == code
    assert exit_code(found, tolerant=True) == (0 if code == 2 else code)


@given(st.lists(st.sampled_from(Verdict)))
def test_1_is_a_regression_and_nothing_else(verdicts: list[Verdict]) -> None:
    assert exit_code(verdicts, tolerant=False) != 1 or Verdict.FAIL in verdicts
