"""Ranks: against the intervals of `bench.stats`, pair by pair."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records import Point, Record
from bench.report.ranking import Rank, beyond_noise, by_time, dominated, ranks, times_sooner
from bench.report.verdict import verdict
from bench.stats import DECIDES, mean_interval, median_interval
from tests.support.records import record, table_of

values = st.floats(-5, 5).map(lambda value: round(value, 2))
row = st.dictionaries(st.integers(0, 7), values | st.just(math.inf), max_size=8)


@settings(deadline=None)  # the first call imports scipy
@given(st.lists(row, max_size=5))
def test_a_row_is_better_where_the_interval_of_the_paired_difference_says_so(
    rows: list[dict[int, float]],
) -> None:
    better = beyond_noise(rows)
    for i, this in enumerate(rows):
        for j, other in enumerate(rows):
            seeds = [seed for seed in this if seed in other]
            a, b = ({seed: side[seed] for seed in seeds} for side in (other, this))
            if len(seeds) < 2:
                expected = False
            elif all(map(math.isfinite, (*this.values(), *other.values()))):
                interval = mean_interval((a[seed] - b[seed] for seed in seeds), DECIDES)
                if math.isclose(interval.high, 0, abs_tol=1e-9):
                    continue  # sums in another order
                expected = interval.high < 0
            else:
                if len(seeds) < 6:  # by the rank test, below
                    continue
                ties = {seed for seed in seeds if a[seed] == b[seed]}  # ∞ - ∞ is none
                gaps = [0.0 if s in ties else a[s] - b[s] for s in seeds]
                of_median = median_interval(gaps, DECIDES)
                expected = of_median.level is not None and of_median.high < 0
            assert better[i, j] == expected


def test_rows_share_the_places_that_noise_leaves_open() -> None:
    first, level = {0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.1, 1: 1.9, 2: 3.0}
    last = {seed: value + 1 for seed, value in first.items()}
    assert ranks([last, first, level]) == [Rank(3, 3), Rank(1, 2), Rank(1, 2)]
    assert [str(rank) for rank in (Rank(3, 3), Rank(1, 2))] == ["3", "1–2"]


def test_nothing_is_claimed_of_rows_that_only_an_interval_of_95_percent_tells_apart() -> None:
    zeros = dict.fromkeys(range(6), 0.0)
    close, apart = ({n: by + (-1) ** n for n in zeros} for by in (1.2, 1.3))
    assert ranks([zeros, close]) == [Rank(1, 2), Rank(1, 2)]
    assert ranks([zeros, apart]) == [Rank(1, 1), Rank(2, 2)]
    own = dict.fromkeys(range(9), 1.0)
    missed = dict.fromkeys(own, 2.0) | {1: math.inf}
    assert times_sooner(own, missed)
    tied = times_sooner(own, missed | {0: 0.5})
    assert tied
    assert not tied.differs  # 95 % may leave out 1 of 9 at each end
    assert ranks([own, missed | {0: 0.5}]) == [Rank(1, 2), Rank(1, 2)]


def test_a_row_without_figures_and_one_of_one_run_have_no_rank() -> None:
    several = {0: 1.0, 1: 2.0}
    assert ranks([{}, several, {0: 0.1}]) == [None, Rank(1, 1), None]
    # Two misses do not show that a row is worse.
    assert ranks([several, {0: math.inf, 1: math.inf}]) == [Rank(1, 2), None]
    assert ranks([]) == []


@pytest.mark.parametrize(("n", "worse"), [(3, False), (6, True)])
def test_a_row_that_misses_a_goal_is_worse_once_enough_runs_say_so(n: int, worse: bool) -> None:
    reached = dict.fromkeys(range(n), 1.0)
    missed = {**reached, 0: math.inf} | dict.fromkeys(range(1, n), 2.0)
    assert beyond_noise([missed, reached])[0, 1] == worse
    assert ranks([missed, reached])[0] == (Rank(2, 2) if worse else Rank(1, 2))


def test_a_miss_in_a_seed_that_the_other_row_lacks_counts() -> None:
    """In the four seeds that both have, the first is quicker each time."""
    dear = {n: 4.0 + n / 10 for n in range(4)}
    half = {n: 1.0 + n / 100 for n in range(4)} | dict.fromkeys(range(4, 7), math.inf)
    assert ranks([half, dear]) == [Rank(1, 2), Rank(1, 2)]
    most = {n: 1.0 + n / 100 for n in range(20)} | {20: math.inf}
    assert ranks([most, dear]) == [Rank(1, 1), Rank(2, 2)]


def test_of_rows_alike_that_miss_by_chance_one_is_called_better_as_seldom_as_claimed() -> None:
    """4 × √(0.025 · 0.975 / 1,000) is 0.02."""
    chance = random.Random(0)

    def row(n: int) -> dict[int, float]:
        return {s: math.inf if chance.random() < 0.25 else chance.gauss(0, 1) for s in range(n)}

    for m, n in ((28, 4), (100, 3), (12, 5), (28, 6), (28, 28)):
        better = np.mean([beyond_noise([row(m), row(n)]) for _ in range(1000)], axis=0)
        assert better.max() <= 0.025 + 0.02


def test_a_few_seeds_with_ties_count_against_the_claim() -> None:
    dear, tied = dict.fromkeys(range(3), 4.0), dict.fromkeys(range(3), 1.0)
    half = dict.fromkeys(range(20), 1.0) | dict.fromkeys(range(20, 30), math.inf)
    assert not beyond_noise([tied, half]).any()
    assert not beyond_noise([dear, half]).any()  # 20 of 30 are below: too few
    most = half | dict.fromkeys(range(20, 29), 1.0)
    assert beyond_noise([dear, most])[0, 1]


def test_the_ratio_of_rows_with_misses_is_stated_where_its_interval_has_both_ends_and_no_tie() -> (
    None
):
    own = {n: 1.0 if n else math.inf for n in range(12)}
    other = {n: math.inf if n in (0, 7) else 2.0 + n / 100 for n in range(12)}
    found, back = times_sooner(own, other), times_sooner(other, own)
    assert found
    assert back
    assert found.pairs == 12
    assert found.interval.value == pytest.approx(
        (2.05 * 2.06) ** 0.5
    )  # seed 0, where both missed, is a tie
    assert (found.interval.low, found.interval.high) == pytest.approx((2.02, 2.10))
    ends = [1 / found.interval.high, 1 / found.interval.value, 1 / found.interval.low]
    assert [back.interval.low, back.interval.value, back.interval.high] == pytest.approx(ends)
    assert times_sooner(own, other | {1: math.inf, 2: math.inf}) is None  # no upper end
    assert times_sooner(own, {n: other[n] for n in (1, 2, 3, 4, 5)}) is None  # five seeds
    tie = times_sooner(own, {n: 1.0 if n % 2 else 2.0 for n in range(12)})
    assert tie
    assert not tie.differs
    assert times_sooner(own, {12: 1.0}) is None


def test_a_row_that_misses_a_goal_in_most_seeds_is_ahead_of_none() -> None:
    """In the two seeds that both have it is quicker."""
    seldom = {0: 0.1, 1: 0.11} | dict.fromkeys(range(2, 9), math.inf)
    assert ranks([{0: 1.0, 1: 1.2}, seldom]) == [Rank(1, 2), None]


def test_a_row_that_missed_a_goal_may_be_as_good_unless_it_stays_above_it() -> None:
    """The others' lowest validation RMSE is 0.91, 0.91 and 0.89, and about 1.0."""

    def runs(name: str, *lowest: float) -> list[Record]:
        curves = [[Point(epoch=1, seconds=1 + n / 9, rmse=e, mae=e)] for n, e in enumerate(lowest)]
        return [record(name, seed=n, curve=it, goals=(0.9,)) for n, it in enumerate(curves)]

    reached, above = runs("als", 0.89, 0.88, 0.89), runs("bias", 1.0, 1.01, 1.0)
    near = runs("ncf", 0.91, 0.91, 0.89)
    assert by_time(table_of(*reached, *above), 0.9)[1] == Rank(1, 1)
    table = table_of(*reached, *above, *near)
    found = dict(zip([line.name for line in table.lines], by_time(table, 0.9), strict=True))
    barely = runs("bias", *(0.912 + (-1) ** n / 100 for n in range(5)))
    assert by_time(table_of(*reached, *barely), 0.9)[1] == Rank(1, 2)
    assert found == {"bias": None, "als": Rank(1, 2), "ncf": None}
    seldom = "no difference beyond noise from ncf in 1 of 3 seeds"
    assert seldom in verdict(table)


def test_a_row_is_dominated_by_one_that_is_both_faster_and_more_accurate_beyond_noise() -> None:
    rows = [
        [record("fast", seed=n, fit_s=1 + n / 50, rmse=0.90 + n / 1000) for n in range(3)],
        [record("slow", seed=n, fit_s=2 + n / 50, rmse=0.91 + n / 1000) for n in range(3)],
        [record("near", seed=n, fit_s=2 + n / 50, rmse=0.90 - n / 1000) for n in range(3)],
    ]
    lines = table_of(*(each for some in rows for each in some)).lines
    found = dict(zip([line.name for line in lines], dominated(lines), strict=True))
    assert found == {"fast": False, "slow": True, "near": False}
