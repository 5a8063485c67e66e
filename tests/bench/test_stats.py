"""Intervals cover what they claim, and comparisons do not depend on side, unit or order."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import (
    DECIDES,
    Interval,
    components,
    critical_t,
    difference,
    fewest_below,
    mean_interval,
    median_interval,
    power,
    ratio,
)
from tests.support.statistics import within_binomial_bounds

values = st.floats(0.001, 1000)
samples = st.dictionaries(st.integers(0, 8), values, min_size=1, max_size=9)


@given(st.lists(values, min_size=2, max_size=20, unique=True))
def test_mean_interval_is_the_t_interval(sample: list[float]) -> None:
    result = mean_interval(sample)
    error = np.std(sample, ddof=1) / math.sqrt(len(sample))
    low, high = scipy.stats.t.interval(0.95, len(sample) - 1, np.mean(sample), error)
    assert (result.low, result.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert result.value == pytest.approx(np.mean(sample))
    assert result.n == len(sample)


@pytest.mark.parametrize("alpha", [1e-6, 2e-5, 0.004, 0.3])
@pytest.mark.parametrize("degrees", [1, 4, 29])
def test_the_critical_value_is_the_quantile_of_t(alpha: float, degrees: int) -> None:
    assert critical_t(alpha, degrees) == pytest.approx(scipy.stats.t.isf(alpha, degrees))


def test_a_higher_level_gives_the_wider_interval_of_that_level() -> None:
    result = mean_interval([1.0, 2.0, 4.0], level=0.99)
    error = np.std([1.0, 2.0, 4.0], ddof=1) / math.sqrt(3)
    assert result.half == pytest.approx(scipy.stats.t.ppf(0.995, 2) * error)
    assert result.level == 0.99


@given(
    st.floats(-2, 3),
    values,
    st.lists(st.integers(10, 10**9), min_size=3, max_size=6, unique=True),
)
def test_the_exponent_of_a_power_law_is_found_exactly(
    exponent: float, factor: float, sizes: list[int]
) -> None:
    result = power(sizes, [factor * size**exponent for size in sizes])
    assert result is not None
    assert result.value == pytest.approx(exponent, abs=1e-3)
    assert result.n == len(sizes)


def test_an_exponents_interval_is_that_of_the_slope() -> None:
    sizes, seconds = [1e5, 1e6, 1e7, 2.5e7], [0.7, 2.4, 10.3, 9.5]
    result = power(sizes, seconds)
    fit = scipy.stats.linregress(np.log(sizes), np.log(seconds))
    assert result is not None
    assert result.value == pytest.approx(fit.slope)
    assert result.half == pytest.approx(scipy.stats.t.ppf(0.975, 2) * fit.stderr)


def test_two_sizes_have_no_exponent() -> None:
    assert power([1, 10], [2, 20]) is None


def test_one_value_has_no_interval() -> None:
    result = mean_interval([0.93])
    assert result == Interval(0.93, 0.93, 0.93, 1, None)
    assert not result.excludes(0.0)


@pytest.mark.parametrize("summary", [mean_interval, median_interval])
def test_no_values_are_refused(summary: type) -> None:
    with pytest.raises(ValueError, match="no values"):
        summary([])


@pytest.mark.parametrize("n", [3, 8])
def test_mean_interval_covers_the_mean_at_95_percent(n: int) -> None:
    noise = np.random.default_rng(n).normal(5.0, 2.0, (2000, n))
    hits = sum(not mean_interval(sample).excludes(5.0) for sample in noise)
    assert within_binomial_bounds(hits, 2000, 0.95)


@pytest.mark.parametrize("n", [6, 9, 20])
def test_median_interval_covers_the_median_of_skewed_times(n: int) -> None:
    """Its coverage is exact whatever the distribution: a sum of binomial probabilities."""
    noise = np.random.default_rng(n).lognormal(0.0, 1.0, (2000, n))
    result = [median_interval(sample) for sample in noise]
    ranks = np.searchsorted(np.sort(noise[0]), [result[0].low, result[0].high])
    chance = sum(math.comb(n, k) for k in range(int(ranks[0]) + 1, int(ranks[1]) + 1)) / 2**n
    assert chance >= 0.95
    assert within_binomial_bounds(sum(not it.excludes(1.0) for it in result), 2000, chance)


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (9, 2, 8), (10, 2, 9), (20, 6, 15)])
def test_median_interval_takes_the_tabulated_ranks(n: int, low: int, high: int) -> None:
    """Ranks from Conover 1999, the interval for a quantile of 0.5 at 95 %."""
    result = median_interval(range(n, 0, -1))
    assert (result.low, result.high, result.level) == (low, high, 0.95)


@given(st.lists(values, min_size=1, max_size=5))
def test_below_six_the_median_has_a_range_and_no_level(sample: list[float]) -> None:
    result = median_interval(sample)
    assert (result.low, result.high, result.level) == (min(sample), max(sample), None)
    assert result.value == pytest.approx(np.median(sample))


def dropped(n: int) -> int | None:
    """`_dropped` by whole numbers, which neither round nor overflow."""
    outside, found = 0, None
    for k in range(n):
        outside += math.comb(n, k)
        if 40 * outside > 2**n:
            return found
        found = k
    return found


def test_the_ranks_of_any_number_of_values_are_exact() -> None:
    for n in (*range(1, 300), 1074, 1075, 1283, 3000):
        drop = dropped(n)
        found = median_interval(range(n))
        ends = (0, n - 1) if drop is None else (drop, n - 1 - drop)
        assert ((found.low, found.high), found.level is None) == (ends, drop is None)


def test_the_interval_of_100_000_values_is_narrow() -> None:
    found = median_interval(range(100_000))
    assert (found.value, found.level) == (49_999.5, 0.95)
    # The normal approximation: 0.98 times the root of n on each side.
    assert found.half == pytest.approx(0.98 * math.sqrt(100_000), abs=1)


@pytest.mark.parametrize("n", [2, 6, 1283, 20_000])
@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-300, 0.1, 1e154, 1.7e308])
def test_equal_values_have_an_interval_without_width(n: int, value: float) -> None:
    for summary in (mean_interval, median_interval):
        found = summary([value] * n)
        assert (found.value, found.low, found.high) == pytest.approx([value] * 3, rel=1e-9)
    same = dict.fromkeys(range(n), value)
    others = dict.fromkeys(range(n, 2 * n), value)
    for other in (same, others):
        assert difference(same, other).interval.value == 0
        if value:
            assert ratio(same, other).interval.value == 1


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("apart", [0, 10])
def test_values_at_the_ends_of_floats_do_not_overflow(seeds: int, apart: int) -> None:
    few = {seed: 5e-324 * (1 + seed) for seed in range(seeds)}
    many = {seed + apart: 1.7e308 / (1 + seed) for seed in range(seeds)}
    assert difference(many, few).interval.value > 1e307
    assert ratio(many, few).interval.value == math.inf
    assert ratio(few, many).interval.value == 0
    mixed = mean_interval([1.7e308, -1.7e308, 1.7e308])
    assert mixed.value == pytest.approx(1.7e308 / 3)
    assert median_interval([-math.inf, 0, math.inf]).value == 0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=9))
def test_any_finite_values_have_a_mean_among_them(sample: list[float]) -> None:
    found = mean_interval(sample)
    assert min(sample) <= found.value <= max(sample) or found.value == pytest.approx(sample[0])
    assert not math.isnan(found.value)


def test_a_mean_of_what_is_not_finite_is_refused() -> None:
    for value in (math.inf, math.nan):
        with pytest.raises(ValueError, match="finite"):
            mean_interval([1.0, value])


def test_an_interval_that_is_not_known_rules_nothing_out() -> None:
    assert not Interval(1, math.nan, math.nan, 2, 0.95).excludes(0)


def test_median_takes_misses() -> None:
    assert median_interval([1.0, math.inf, math.inf]).value == math.inf
    assert median_interval([1.0, 2.0, math.inf]).value == 2.0


@given(samples, samples)
def test_swapping_the_sides_of_a_difference_flips_it(a: dict, b: dict) -> None:
    one, other = difference(a, b), difference(b, a)
    flipped = (-other.interval.value, -other.interval.high, -other.interval.low)
    result = (one.interval.value, one.interval.low, one.interval.high)
    assert result == pytest.approx(flipped, abs=1e-9)
    assert (one.pairs, one.interval.level) == (other.pairs, other.interval.level)


@given(samples, samples)
def test_swapping_the_sides_of_a_ratio_inverts_it(a: dict, b: dict) -> None:
    one, other = ratio(a, b).interval, ratio(b, a).interval
    assert math.log(one.value) == pytest.approx(-math.log(other.value), abs=1e-9)
    assert one.excludes(1.0) == other.excludes(1.0)


@given(samples, samples, st.floats(0.01, 100))
def test_the_unit_of_both_sides_does_not_matter_to_a_ratio(a: dict, b: dict, unit: float) -> None:
    scaled = ratio({k: v * unit for k, v in a.items()}, {k: v * unit for k, v in b.items()})
    result = ratio(a, b)
    for end in ("value", "low", "high"):
        expected = getattr(result.interval, end)
        if 0 < expected < math.inf:
            assert getattr(scaled.interval, end) == pytest.approx(expected, rel=1e-6)
    assert scaled.pairs == result.pairs


CLOSE = {n: math.exp(1.2 + (-1) ** n) for n in range(6)}
"""The interval of its ratio to 1 excludes a tie at 95 %, and not at 96.5 %."""


@pytest.mark.parametrize("first", [0, 6], ids=["paired", "unpaired"])
def test_what_may_be_claimed_takes_more_than_the_interval_that_is_shown(first: int) -> None:
    other = dict.fromkeys(range(first, first + 6), 1.0)
    logs, zeros = ({n: math.log(v) for n, v in side.items()} for side in (CLOSE, other))
    for close, tie in ((ratio(CLOSE, other), 1), (difference(logs, zeros), 0)):
        assert close.interval.level == 0.95
        assert close.interval.excludes(tie)
        assert not close.differs
    assert ratio({n: 1.1 * seconds for n, seconds in CLOSE.items()}, other).differs
    assert not ratio({0: 2.0}, {0: 1.0}).differs


def test_of_rows_that_are_the_same_few_are_said_to_differ() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (2000, 2, 6))
    pairs = [difference(*(dict(enumerate(row)) for row in rows)) for rows in noise]
    assert within_binomial_bounds(sum(pair.differs for pair in pairs), 2000, 1 - DECIDES)


@given(samples, samples)
def test_common_seeds_are_paired_and_others_are_not_needed(a: dict, b: dict) -> None:
    common = a.keys() & b.keys()
    result = difference(a, b)
    if len(common) >= 2:
        assert result.pairs == len(common)
        assert result == difference({k: a[k] for k in common}, {k: b[k] for k in common})


def test_pairing_takes_out_what_the_split_does_to_both_sides() -> None:
    splits = {seed: 0.9 + 0.01 * seed for seed in range(5)}
    better = {seed: rmse - 0.002 - 0.0001 * (seed % 2) for seed, rmse in splits.items()}
    paired = difference(splits, better)
    unpaired = difference(splits, {seed + 100: rmse for seed, rmse in better.items()})
    assert paired.interval.excludes(0)
    assert not unpaired.interval.excludes(0)
    assert (paired.pairs, unpaired.pairs) == (5, 0)


def test_paired_log_ratio_covers_the_true_ratio_at_95_percent() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(1000):
        load = rng.lognormal(0, 0.5, 4)
        a, b = 3 * load * rng.lognormal(0, 0.1, 4), load * rng.lognormal(0, 0.1, 4)
        hits += not ratio(dict(enumerate(a)), dict(enumerate(b))).interval.excludes(3.0)
    assert within_binomial_bounds(hits, 1000, 0.95)


@given(
    st.lists(values, min_size=2, max_size=9, unique=True),
    st.lists(values, min_size=2, max_size=9, unique=True),
)
def test_without_common_seeds_the_interval_is_welchs(a: list[float], b: list[float]) -> None:
    result = difference(dict(enumerate(a)), {seed + 100: value for seed, value in enumerate(b)})
    expected = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    ends = (result.interval.low, result.interval.high)
    assert ends == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


def test_one_run_a_side_gives_a_difference_without_interval() -> None:
    same, other = difference({0: 0.93}, {0: 0.92}), difference({0: 0.93}, {1: 0.92, 2: 0.92})
    assert same.interval.value == pytest.approx(0.01)
    assert (same.interval.level, same.pairs) == (None, 1)
    assert (other.interval.level, other.pairs) == (None, 0)
    assert not same.interval.excludes(0)


def test_runs_without_noise_differ_beyond_noise() -> None:
    result = difference({0: 0.93, 1: 0.93}, {2: 0.92, 3: 0.92})
    assert result.interval.excludes(0)
    assert result.interval.half == pytest.approx(0, abs=1e-12)


def test_a_side_without_noise_is_no_warning() -> None:
    """scipy's is an error here, as pyproject.toml has it."""
    result = difference({0: 0.93, 1: 0.93}, {2: 0.92, 3: 0.925}).interval
    assert result.half == pytest.approx(scipy.stats.t.ppf(0.975, 1) * 0.0025)


def test_a_ratio_of_what_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        ratio({0: 0.0}, {0: 1.0})


def test_the_components_are_those_of_the_analysis_of_variance() -> None:
    """By hand: within 0.08 over 2 degrees, between 4 over 1, two runs a seed."""
    found = components([[math.exp(1.0), math.exp(1.2)], [math.exp(3.0), math.exp(3.2)]])
    assert found is not None
    assert found.machine.value == pytest.approx(math.sqrt(0.04 / 2))
    assert found.seed.value == pytest.approx(math.sqrt((4.0 - 0.02) / 2))
    assert (found.machine.n, found.seed.n) == (4, 2)
    low, high = scipy.stats.chi2.ppf([0.025, 0.975], 2)
    assert found.machine.low == pytest.approx(math.sqrt(0.04 / high))
    assert found.machine.high == pytest.approx(math.sqrt(0.04 / low))
    share = 0.02 / 4.0
    low, high = scipy.stats.f.ppf([0.025, 0.975], 1, 2)
    few, many = scipy.stats.chi2.ppf([0.025, 0.975], 1)
    assert found.seed.low == pytest.approx(math.sqrt(max(0, 4 * (1 - share * high) / 2 / many)))
    assert found.seed.high == pytest.approx(math.sqrt(4 * (1 - share * low) / 2 / few))


def test_without_two_seeds_that_ran_again_there_are_no_components() -> None:
    assert components([[1.0], [2.0], [3.0, 4.0]]) is None
    assert components([]) is None


def test_equal_times_have_no_variation() -> None:
    found = components([[2.0, 2.0], [2.0, 2.0]])
    assert found is not None
    assert (found.machine.value, found.machine.high, found.seed.high) == (0, 0, 0)
    alike = components([[2.0, 2.0], [3.0, 3.0], [4.0]])
    assert alike is not None
    assert alike.machine.high == 0 < alike.seed.low


def test_seeds_that_differ_by_less_than_the_machine_have_an_upper_end() -> None:
    found = components([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0001]])
    assert found is not None
    assert found.seed.low == found.seed.value == 0 < found.seed.high


def test_the_intervals_of_the_components_cover_the_truth() -> None:
    rng = np.random.default_rng(3)
    runs_of = [2, 2, 2, 1, 1, 1, 1, 1]  # as `bench run` repeats a row
    of_machine = of_seed = 0
    for _ in range(trials := 1000):
        seeds = rng.normal(0, 0.2, len(runs_of))
        times = [np.exp(s + rng.normal(0, 0.1, n)) for s, n in zip(seeds, runs_of, strict=True)]
        found = components([each.tolist() for each in times])
        assert found is not None
        of_machine += found.machine.low <= 0.1 <= found.machine.high
        of_seed += found.seed.low <= 0.2 <= found.seed.high
    assert within_binomial_bounds(of_machine, trials, 0.95)
    assert of_seed / trials > 0.93


@pytest.mark.parametrize(("m", "n"), [(31, 31), (31, 200), (60, 45)])
def test_pairs_below_by_the_normal_limit_are_hardly_more(
    m: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = fewest_below.__wrapped__(m, n, DECIDES)
    monkeypatch.setattr("bench.stats.EXACT_UP_TO", 1000)
    exact = fewest_below.__wrapped__(m, n, DECIDES)
    assert exact <= limit <= exact + m * n / 1000


@pytest.mark.parametrize(("m", "n"), [(1, 60), (2, 9), (3, 6), (4, 5), (5, 28), (12, 13)])
def test_pairs_below_are_beyond_chance_where_mann_and_whitney_say_so(m: int, n: int) -> None:
    fewest = fewest_below(m, n, DECIDES)
    for pairs in range(m * n + 1):
        whole, rest = divmod(pairs, n)  # below all of the n, and below some
        low = [-1.0] * whole + [n - rest - 0.5] * (rest > 0)
        values = [*low, *[n + 1.0 + k for k in range(m - len(low))]]
        test = scipy.stats.mannwhitneyu(values, range(n), alternative="less", method="exact")
        assert (pairs >= fewest) == (test.pvalue <= (1 - DECIDES) / 2)
