"""Noise and the repeats that it takes: known values, and simulated machines."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.planning.noise import MOST_REPEATS, noise_of, power_of, repeats_for
from bench.stats import ratio
from tests.support.statistics import within_binomial_bounds


@pytest.mark.parametrize(
    ("effect", "repeats", "power"),
    [(0.2, 199, 0.8017), (0.5, 34, 0.8078), (0.8, 15, 0.8213), (1.0, 10, 0.8031)],
)
def test_repeats_are_those_of_published_tables(effect: float, repeats: int, power: float) -> None:
    """Of a paired t test, two-sided at 5 %, with a power of 80 %: as G*Power 3.1 has them."""
    spread = math.log(1.05) / effect
    assert repeats_for(0.05, spread) == repeats
    assert power_of(repeats, 0.05, spread) == pytest.approx(power, abs=5e-4)
    assert power_of(repeats - 1, 0.05, spread) < 0.8


def test_the_power_is_how_often_a_comparison_sees_the_difference() -> None:
    rng, trials, repeats, spread = np.random.default_rng(0), 2_000, 8, 0.05
    seen = 0
    for _ in range(trials):
        base = rng.lognormal(0, spread / math.sqrt(2), repeats)
        slower = 1.05 * rng.lognormal(0, spread / math.sqrt(2), repeats)
        compared = ratio(dict(enumerate(slower)), dict(enumerate(base)))
        seen += compared.interval.excludes(1)
    assert within_binomial_bounds(seen, trials, power_of(repeats, 0.05, spread))


@pytest.mark.parametrize(("spread", "repeats"), [(0.0, 2), (1e-6, 2), (1e9, MOST_REPEATS)])
def test_no_noise_and_no_end_of_it(spread: float, repeats: int) -> None:
    assert repeats_for(0.05, spread) == repeats


def test_more_noise_takes_no_fewer_repeats() -> None:
    found = [repeats_for(0.05, spread) for spread in np.geomspace(1e-3, 0.5, 30)]
    assert found == sorted(found)


def test_intervals_cover_what_they_should_on_a_machine_that_drifts() -> None:
    """10 % slower over twenty runs, with noise of 3 % between two neighbours."""
    rng, trials, spread = np.random.default_rng(1), 2_000, 0.03
    drift = np.linspace(0, 0.1, 20)
    covered = same = 0
    for _ in range(trials):
        noise = noise_of(np.exp(drift + rng.normal(0, spread / math.sqrt(2), 20)).tolist())
        covered += noise.spread.low <= spread <= noise.spread.high
        same += not noise.halves.excludes(1)
    # The drift itself, 0.5 % from one run to the next, adds 1 % to the spread.
    assert within_binomial_bounds(covered, trials, 0.95)
    assert within_binomial_bounds(same, trials, 0.95)


def test_times_that_are_all_the_same_have_no_noise() -> None:
    noise = noise_of([2.0] * 6)
    assert (noise.spread.value, noise.spread.low, noise.spread.high) == (0, 0, 0)
    assert (noise.halves.value, noise.halves.excludes(1)) == (1, False)


def test_every_other_pair_is_the_other_way_round() -> None:
    """Though the second of two runs is always slower, neither side is."""
    noise = noise_of([1.0, 1.1] * 6)
    assert noise.halves.value == pytest.approx(1)
    assert noise.spread.value == pytest.approx(math.log(1.1))


@pytest.mark.parametrize("seconds", [[], [1.0] * 2, [1.0] * 5, [1.0, 2.0, 0.0, 1.0]])
def test_what_has_no_noise_is_refused(seconds: list[float]) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        noise_of(seconds)
