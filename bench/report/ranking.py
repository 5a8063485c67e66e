"""The ranks of a table's rows, shared by rows that noise may have put in their order.

A row's rank is a span: `2–4` has one row that is better beyond noise, and four at most that may
be as good or better. Rows are compared in pairs, by the interval of the difference over the seeds
that both have, at the level of a claim (`DECIDES`) for each pair.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.report import metrics
from bench.report.rows import Line, Runs, Table
from bench.stats import (
    DECIDES,
    Comparison,
    Interval,
    critical_t,
    fewest_below,
    mean_interval,
    median_interval,
)

Values = Mapping[int, float]
"""Seed -> what is compared; lower is better, ∞ for a run that did not get there."""


@dataclass(frozen=True)
class Rank:
    """The first and the last place that a row may have."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"


def ranks(rows: Sequence[Values]) -> list[Rank | None]:
    """The rank of each row; None for one of a single run, and where the median is not finite: such
    a row may be as good as another, and is never better, whatever a few common seeds say."""
    placed = [len(row) > 1 for row in rows]
    ranked = [len(row) > 1 and math.isfinite(statistics.median(row.values())) for row in rows]
    better = beyond_noise([row if has else {} for row, has in zip(rows, placed, strict=True)])
    first, last = 1 + better[:, ranked].sum(axis=1), sum(placed) - better.sum(axis=0)
    return [Rank(int(first[i]), int(last[i])) if has else None for i, has in enumerate(ranked)]


def by_time(table: Table, goal: float) -> list[Rank | None]:
    """Of each of the table's lines: how soon it reached a goal on validation. A row that stays
    above the goal beyond noise has no place."""
    return ranks(_times(table, goal))


def not_later(table: Table, goal: float, line: Line) -> list[Line]:
    """The other lines that may have reached the goal as soon as this one, for all that noise
    leaves open."""
    rows = [row if len(row) > 1 else {} for row in _times(table, goal)]
    worse = beyond_noise(rows)[:, table.lines.index(line)]
    return [
        other
        for other, row, is_worse in zip(table.lines, rows, worse, strict=True)
        if row and not is_worse and other is not line
    ]


def _times(table: Table, goal: float) -> list[Values]:
    return [
        {} if stays_above(line.runs, goal) else logs(metrics.seconds_by_seed(line.runs, goal))
        for line in table.lines
    ]


def stays_above(runs: Runs, goal: float) -> bool:
    """Whether no run reached the goal, and the interval of the mean lowest RMSE excludes it."""
    if not runs.lowest or min(runs.lowest) <= goal:
        return False
    interval = mean_interval(runs.lowest, DECIDES)
    return interval.excludes(goal) and interval.low > goal


def by_error(table: Table) -> list[Rank | None]:
    """Of each of the table's lines: how accurate it is."""
    return ranks([metrics.by_seed(line.runs, metrics.rmse) for line in table.lines])


def dominated(lines: Sequence[Line]) -> list[bool]:
    """Whether another line is both faster and more accurate beyond noise."""
    faster = beyond_noise([logs(metrics.by_seed(line.runs, metrics.fit_s)) for line in lines])
    better = beyond_noise([metrics.by_seed(line.runs, metrics.rmse) for line in lines])
    return [bool(np.any(of_line)) for of_line in faster & better]


def logs(seconds: Values) -> dict[int, float]:
    """So that a difference is a ratio."""
    return {seed: math.log(s) if s > 0 else -math.inf for seed, s in seconds.items()}


def times_sooner(a: Values, b: Values) -> Comparison | None:
    """How many times sooner `a` was than `b` where runs missed: the median of the paired ratios of
    seconds, where a miss is ∞ and two are a tie, which is what the ranks go by. Six common seeds
    have its interval; None with fewer, and where it lacks an end."""
    one, other = map(logs, (a, b))
    ratios = [
        0.0 if one[seed] == other[seed] else other[seed] - one[seed]
        for seed in sorted(one.keys() & other.keys())
    ]
    found = median_interval(ratios) if ratios else None
    if found is None or found.level is None or not math.isfinite(found.low + found.high):
        return None
    value, low, high = map(math.exp, (found.value, found.low, found.high))
    differs = median_interval(ratios, DECIDES).excludes(0)
    return Comparison(Interval(value, low, high, found.n, found.level), found.n, differs)


def beyond_noise(rows: Sequence[Values]) -> NDArray[np.bool_]:
    """(r, r): whether row j is better than row i beyond noise, at [i, j].

    By the t interval of the mean difference over common seeds. Where a run of either is not finite,
    on a common seed or not, by the interval of the median difference, which six common seeds or
    more have; with fewer, by the rank test of Mann and Whitney between all runs of both, where
    equal values count against the claim, and what seeds have in common makes it rarer.
    """
    seeds = sorted({seed for row in rows for seed in row})
    V = np.array([[row.get(seed, math.nan) for seed in seeds] for row in rows])
    V = V.reshape(len(rows), len(seeds))  # (r, s)
    return np.array([_below(V, row) for row in V], dtype=np.bool_).reshape(len(rows), len(rows))


def _below(V: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of V (r, s) are below `row` (s,) beyond noise, (r,)."""
    with np.errstate(invalid="ignore"):
        D = V - row  # (r, s); NaN where a seed is missing
    D[np.isinf(row) & (row == V)] = 0.0  # neither run got there
    valid = ~np.isnan(D)
    n = valid.sum(axis=1)  # (r,)
    below = np.zeros(len(V), dtype=np.bool_)
    finite = ~np.isinf(V).any(axis=1) & ~np.isinf(row).any() & (n > 1)
    mean = np.where(valid, D, 0.0)[finite].sum(axis=1) / n[finite]
    squares = np.where(valid[finite], D[finite] - mean[:, None], 0.0) ** 2
    error = np.sqrt(squares.sum(axis=1) / (n[finite] - 1) / n[finite])
    critical = {int(m): critical_t((1 - DECIDES) / 2, m - 1) for m in np.unique(n[finite])}
    below[finite] = mean + error * [critical[m] for m in n[finite].tolist()] < 0
    for i in np.flatnonzero(~finite & (n > 1)):
        interval = median_interval(D[i][valid[i]].tolist(), DECIDES)
        if interval.level is None:
            a, b = (side[~np.isnan(side)] for side in (V[i], row))
            below[i] = np.sum(a[:, None] < b) >= fewest_below(len(a), len(b), DECIDES)
        else:
            below[i] = interval.high < 0
    return below
