"""How noisy times are, from one row timed again and again, and what repeats that takes.

Runs are taken as neighbouring pairs, as rows are compared: what a machine does slowly is in both
runs of a pair and leaves their ratio alone. In every other pair the second run is the first side,
so that a drift favours neither.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats import LEVEL, Interval, critical_t, ratio

POWER = 0.8
"""The chance that a difference which is there is seen."""

MOST_REPEATS = 100_000

GRID = 2_000
"""Points of an integral: exact to 0.0001."""


@dataclass(frozen=True)
class Noise:
    """Of a machine.

    spread  standard deviation of the logarithm of the ratio between two neighbouring runs of one
            row: about the share by which they differ
    halves  the ratio of the two sides, which are the same row (A/A)
    """

    spread: Interval
    halves: Interval


def noise_of(seconds: Sequence[float]) -> Noise:
    """From the times of one row's runs, in their order: an even number, at least 4. Raises
    ValueError for another number, and for times that are not positive."""
    if len(seconds) < 4 or len(seconds) % 2:
        raise ValueError(f"an even number of runs, at least 4: {len(seconds)}")
    pairs = [
        (later, earlier) if n % 2 else (earlier, later)
        for n, (earlier, later) in enumerate(zip(seconds[::2], seconds[1::2], strict=True))
    ]
    first, second = ({n: pair[side] for n, pair in enumerate(pairs)} for side in (0, 1))
    halves = ratio(first, second).interval
    return Noise(_spread([math.log(a / b) for a, b in pairs]), halves)


def _spread(log_ratios: Sequence[float]) -> Interval:
    """Their standard deviation, with the interval of χ². Their mean is known: 0, for both sides
    are the same."""
    from scipy.special import chdtri  # here, for the import takes a third of a second

    n = len(log_ratios)
    squares = math.fsum(each**2 for each in log_ratios)
    tail = (1 - LEVEL) / 2
    low, high = (math.sqrt(squares / float(chdtri(n, chance))) for chance in (tail, 1 - tail))
    return Interval(math.sqrt(squares / n), low, high, n, LEVEL)


def power_of(repeats: int, difference: float, spread: float) -> float:
    """The chance that a paired t test of the logarithms, two-sided at 5 %, finds a row slower that
    takes `difference` (0.05 for 5 %) longer than another.

    repeats  of each row, at least 2
    spread   standard deviation of the logarithm of the ratio in one repeat
    """
    from scipy.special import chdtri, ndtr

    if spread <= 0:
        return 1.0
    degrees = repeats - 1
    critical = critical_t((1 - LEVEL) / 2, degrees)
    shift = math.log1p(difference) / spread * math.sqrt(repeats)
    # Over the spread that the sample has by luck. scipy's noncentral t is not a number far out.
    lucky = np.sqrt(chdtri(degrees, (np.arange(GRID) + 0.5) / GRID) / degrees)
    return float(np.mean(ndtr(shift - critical * lucky)))


def repeats_for(difference: float, spread: float, power: float = POWER) -> int:
    """The fewest repeats of each row with which that chance is at least `power`; at most
    `MOST_REPEATS`."""
    candidates = range(2, MOST_REPEATS)
    return candidates.start + bisect.bisect_left(
        candidates, power, key=lambda repeats: power_of(repeats, difference, spread)
    )
