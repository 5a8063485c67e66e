"""What a quad cancels, what the critical values add up to, and which verdicts and codes follow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.statistics import (
    ALPHA,
    ALPHA_SPENDING,
    MISSES,
    ORDERS,
    QUADS,
    CriticalValues,
    Levels,
    Order,
    Quad,
    Timing,
    Verdict,
    analyse,
    control_fails,
    critical_values,
    exit_code,
    round_value,
)
from bench.stats import critical_t
from tests.support.statistics import within_binomial_bounds

lengths = st.integers(1_000_000, 10**10)
quads = st.builds(
    lambda order, ns: Quad(order, tuple(Timing(0, each) for each in ns)),
    st.sampled_from(ORDERS),
    st.tuples(lengths, lengths, lengths, lengths),
)
SWAPPED: dict[Order, Order] = {"ABBA": "BAAB", "BAAB": "ABBA"}


@given(quads)
def test_a_quads_difference_is_that_of_mean_logarithms(quad: Quad) -> None:
    head, base = (np.log(quad.ns_of(side)).mean() for side in "BA")
    assert quad.difference == pytest.approx(head - base)


@given(quads)
def test_swapping_the_sides_flips_the_sign(quad: Quad) -> None:
    assert Quad(SWAPPED[quad.order], quad.timings).difference == pytest.approx(-quad.difference)


@given(quads, st.integers(2, 1000))
def test_scaling_both_sides_changes_nothing(quad: Quad, factor: int) -> None:
    scaled = tuple(Timing(it.started_ns, factor * it.ns) for it in quad.timings)
    assert Quad(quad.order, scaled).difference == pytest.approx(quad.difference, abs=1e-9)


@given(st.sampled_from(ORDERS), st.floats(-0.05, 0.05), st.floats(-0.1, 0.1))
def test_an_even_drift_cancels(order: Order, slope: float, effect: float) -> None:
    logs = [math.log(1e9) + slope * k + effect * (side == "B") for k, side in enumerate(order)]
    quad = Quad(order, tuple(Timing(0, round(math.exp(log))) for log in logs))
    assert quad.difference == pytest.approx(effect, abs=1e-7)


def test_a_round_is_the_trimmed_mean_of_its_quads() -> None:
    sample = np.random.default_rng(0).standard_t(2, (50, QUADS))
    middle = np.sort(sample)[:, 2:-2]
    np.testing.assert_allclose(round_value(sample), middle.mean(axis=1))


@given(st.lists(st.floats(-0.1, 0.1), min_size=QUADS, max_size=QUADS), st.floats(1, 100))
def test_two_quads_out_of_line_leave_the_round_within_the_others(d: list, spike: float) -> None:
    spoilt = [spike, spike, *d[2:]]
    assert min(d[2:]) - 1e-12 <= round_value(spoilt) <= max(d[2:]) + 1e-12


def test_critical_values_for_15_workloads_are_those_in_the_documentation() -> None:
    documented = {
        7: (10.55, 3.56),
        9: (7.42, 3.36),
        12: (5.75, 3.11),
        17: (4.81, 2.92),
        25: (4.28, 2.89),
        40: (3.90, 2.71),
    }
    found = critical_values(15)
    assert found.keys() == documented.keys()
    for rounds, (slower, tolerable) in documented.items():
        assert found[rounds].slower == pytest.approx(slower, abs=0.006)
        assert found[rounds].tolerable == pytest.approx(tolerable, abs=0.006)


@pytest.mark.parametrize("workloads", [1, 2, 12, 30])
def test_analyses_and_workloads_together_spend_alpha(workloads: int) -> None:
    spent = [scipy.stats.t.sf(it.slower, n - 1) for n, it in critical_values(workloads).items()]
    assert workloads * sum(spent) == pytest.approx(ALPHA)


def test_a_tolerated_slowdown_is_missed_in_less_than_5_percent() -> None:
    assert ALPHA_SPENDING.keys() == MISSES.keys()
    spent = [scipy.stats.t.sf(it.tolerable, n - 1) for n, it in critical_values(12).items()]
    assert sum(spent) == pytest.approx(0.03)


ROUNDS = max(ALPHA_SPENDING)


def ended(rounds: np.ndarray, at: Levels) -> tuple[Verdict | None, int]:
    """The verdict of the first analysis that decides, and how many rounds it took."""
    for n in at:
        if verdict := analyse(rounds[:n], at):
            return verdict, n
    return None, ROUNDS


def test_all_analyses_together_alarm_no_more_often_than_the_alpha_they_spend() -> None:
    """A level of 0.2, so that 2,000 runs suffice to see that it holds and is nearly used up."""
    at = {
        n: CriticalValues(critical_t(0.2 * share, n - 1), math.inf)
        for n, share in ALPHA_SPENDING.items()
    }
    noise = np.random.default_rng(1).normal(0, 10, (2000, ROUNDS))
    alarms = sum(ended(run, at)[0] is Verdict.FAIL for run in noise)
    assert 0.1 < alarms / 2000 <= 0.2


@pytest.mark.parametrize("rounds", ALPHA_SPENDING)
def test_one_analysis_alarms_exactly_at_its_level(rounds: int) -> None:
    """With noise so large that an estimate of 2.5 % is nothing."""
    at = {rounds: CriticalValues(critical_t(0.05, rounds - 1), math.inf)}
    noise = np.random.default_rng(rounds).normal(0, 1e3, (4000, rounds))
    alarms = sum(analyse(run, at) is Verdict.FAIL for run in noise)
    assert within_binomial_bounds(alarms, 4000, 0.05)


@pytest.mark.parametrize("rounds", ALPHA_SPENDING)
def test_one_analysis_passes_a_tolerated_slowdown_exactly_at_its_level(rounds: int) -> None:
    at = {rounds: CriticalValues(math.inf, critical_values(12)[rounds].tolerable)}
    noise = np.random.default_rng(rounds).normal(math.log(1.05), 0.02, (4000, rounds))
    misses = sum(analyse(run, at) is Verdict.PASS for run in noise)
    assert within_binomial_bounds(misses, 4000, MISSES[rounds])


def test_a_slowdown_of_5_percent_is_caught_with_the_promised_power() -> None:
    noise = np.random.default_rng(3).normal(math.log(1.05), 0.015, (1000, ROUNDS))
    caught = sum(ended(run, critical_values(12))[0] is Verdict.FAIL for run in noise)
    assert caught >= 950


def test_the_same_speed_passes_early() -> None:
    noise = np.random.default_rng(4).normal(0, 0.01, (500, ROUNDS))
    ends = [ended(run, critical_values(12)) for run in noise]
    assert all(verdict is Verdict.PASS for verdict, _ in ends)
    assert np.median([n for _, n in ends]) <= 8


rounds = st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=5)


@given(rounds)
def test_what_fails_does_not_fail_with_sides_swapped(Y: list[float]) -> None:
    at = {5: CriticalValues(2.0, 2.0)}
    verdicts = {analyse(Y, at), analyse([-y for y in Y], at)}
    assert verdicts != {Verdict.FAIL}
    assert control_fails(Y, at) == (Verdict.FAIL in verdicts)


@pytest.mark.parametrize(
    ("Y", "verdict"),
    [
        ([0.08, 0.0801] * 3 + [0.08], Verdict.FAIL),
        ([0.024, 0.0241] * 3 + [0.024], Verdict.PASS),
        ([-0.08, -0.0801] * 3 + [-0.08], Verdict.PASS),
        ([0.3, -0.3] * 3 + [0.1], None),
        ([0.08] * 6, None),
        ([0.08] * 8, None),
        ([0.08] * 7, Verdict.FAIL),
    ],
    ids=["slower", "too little", "faster", "noise", "too early", "between analyses", "no noise"],
)
def test_an_analysis_decides_where_it_is_due(Y: list[float], verdict: Verdict | None) -> None:
    assert analyse(Y, critical_values(12)) is verdict


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
