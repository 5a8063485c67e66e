"""Intervals for repeated runs, and the comparison of two rows.

Accuracy is a mean with a t interval. Times are skewed by whatever else the machine does,
so they are a median with the interval of its order statistics, which assumes nothing
about their distribution (Conover 1999, Practical Nonparametric Statistics, §3.2).
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
DECIDES = 0.965
"""Of the interval that decides whether a row's times are precise enough, and whether two rows
differ beyond noise; six seeds have it of a median. Rows stop once their times happen to lie close
together, so that by intervals of 95 % either would be wrong more often than 5 % allow
(tests/simulated/repeats.py)."""
LARGE = 1e100
"""The squares of any number of smaller values have a sum."""


@dataclass(frozen=True)
class Interval:
    """An estimate from `n` values and what surrounds it.

    low, high  the interval; where `level` is None the least and greatest of the values
    level      the confidence, or None where `n` is too small for an interval at 95 %
    """

    value: float
    low: float
    high: float
    n: int
    level: float | None

    @property
    def half(self) -> float:
        """Half the interval's width: what stands after ±."""
        return (self.high - self.low) / 2

    def excludes(self, value: float) -> bool:
        """Whether `value` is ruled out; never where there is no interval."""
        return self.level is not None and (value < self.low or value > self.high)


@dataclass(frozen=True)
class Components:
    """What makes times differ, as standard deviations of their logarithms.

    machine  between runs of one seed
    seed     between seeds, beyond that
    """

    machine: Interval
    seed: Interval


@dataclass(frozen=True)
class Comparison:
    """One side against another.

    interval  at 95 %, for the page
    pairs     the number of common seeds, 0 where unpaired
    differs   whether the interval at `DECIDES` excludes a tie: what may be claimed
    """

    interval: Interval
    pairs: int
    differs: bool


def critical_t(alpha: float, degrees: float) -> float:
    """What Student's t with `degrees` of freedom exceeds with chance `alpha`."""
    from scipy.special import stdtrit  # here, for the import takes a third of a second

    return -float(stdtrit(degrees, alpha))


def mean_interval(values: Iterable[float], level: float = LEVEL) -> Interval:
    """The mean and its t interval; for a single value no interval.

    Raises ValueError where there are no values, and where one is not finite.
    """
    values = _some(values)
    mean, error = _mean_and_error(values)
    if (n := len(values)) == 1:
        return Interval(mean, mean, mean, 1, None)
    return _t_interval(mean, error, n - 1, n, level)


def median_interval(values: Iterable[float], level: float = LEVEL) -> Interval:
    """The median and the narrowest pair of order statistics that covers it at `level`.

    Fewer than six values have no such pair at 95 %: then low and high are their range.
    Infinite values are allowed. Raises ValueError where there are no values.
    """
    values = sorted(_some(values))
    n = len(values)
    low, high = values[(n - 1) // 2], values[n // 2]
    middle = (low + high) / 2 if math.isfinite(low + high) else low / 2 + high / 2
    if (drop := _dropped(n, level)) is None:
        return Interval(middle, values[0], values[-1], n, None)
    return Interval(middle, values[drop], values[n - 1 - drop], n, level)


@functools.cache
def _dropped(n: int, level: float) -> int | None:
    """How many of `n` values an interval of their median leaves out at each end: the most for
    which the median lies beyond the next one, on one side, with half the chance that `level`
    leaves. None where even the whole range covers the median less often."""
    outside = (1 - level) / 2
    if 0.5**n > outside:
        return None
    from scipy.special import bdtr  # here, for the import takes a third of a second

    return bisect.bisect_right(range(n), outside, key=lambda k: bdtr(k, n, 0.5)) - 1


EXACT_UP_TO = 30
"""Values of the smaller side up to which `fewest_below` is exact."""


@functools.cache
def fewest_below(m: int, n: int, level: float = LEVEL) -> int:
    """Of the m·n pairs of a value of one side with one of the other, how many have the first below
    the second where that is beyond chance, for values without ties. It is m·n + 1 where even all
    pairs do not say so. Exact where one side has few values, else by the normal limit, which is
    at most a thousandth of all pairs more: the exact number of a thousand values takes minutes.

    Mann & Whitney 1947, On a test of whether one of two random variables is stochastically larger
    than the other.
    """
    m, n = sorted((m, n))
    if m > EXACT_UP_TO:
        critical = NormalDist().inv_cdf((1 + level) / 2)
        return math.ceil((m * n + 1) / 2 + critical * math.sqrt(m * n * (m + n + 1) / 12))
    ways = [1] + [0] * (m * n)  # in which u pairs are so: the coefficients of a product
    for i in range(1, m + 1):
        for u in range(m * n, n + i - 1, -1):  # times 1 − xⁿ⁺ⁱ
            ways[u] -= ways[u - n - i]
        for u in range(i, m * n + 1):  # by 1 − xⁱ
            ways[u] += ways[u - i]
    outside = (1 - level) / 2 * math.comb(m + n, m)
    return m * n + 1 - sum(so_far <= outside for so_far in itertools.accumulate(reversed(ways)))


def difference(a: Mapping[int, float], b: Mapping[int, float]) -> Comparison:
    """Mean of `a` minus mean of `b`; both map a seed to its value.

    Paired over common seeds where there are two or more, for a seed decides the split and
    so moves both sides alike. Else Welch's interval (Welch 1947), which needs two values on
    each side. Raises ValueError where a side is empty.
    """
    common = sorted(a.keys() & b.keys())
    if common and (len(common) >= 2 or min(len(a), len(b)) == 1):
        gaps = [a[seed] - b[seed] for seed in common]
        shown, decides = (mean_interval(gaps, level) for level in (LEVEL, DECIDES))
    else:
        sides = _some(a.values()), _some(b.values())
        shown, decides = (_welch(*sides, level) for level in (LEVEL, DECIDES))
        common = []
    return Comparison(shown, len(common), decides.excludes(0))


def ratio(a: Mapping[int, float], b: Mapping[int, float]) -> Comparison:
    """`a` over `b` as a ratio of geometric means; both map a seed to a positive value.

    The interval is that of `difference` between the logarithms, so it is the same whatever
    the unit, and swapping the sides gives its reciprocal. Raises ValueError where a side is
    empty or a value is not positive.
    """
    if not all(value > 0 for value in (*a.values(), *b.values())):
        raise ValueError("a ratio needs positive values")
    logs = difference(
        {seed: math.log(value) for seed, value in a.items()},
        {seed: math.log(value) for seed, value in b.items()},
    )
    log = logs.interval
    value, low, high = (_exp(end) for end in (log.value, log.low, log.high))
    return Comparison(Interval(value, low, high, log.n, log.level), logs.pairs, logs.differs)


def components(runs: Iterable[Sequence[float]]) -> Components | None:
    """By one-way analysis of variance, from the times of each seed (positive, in any unit).

    The machine's interval is that of a variance; the seeds' is that of Williams and Tukey, exact
    where all seeds ran equally often (Searle, Casella & McCulloch 1992, Variance Components,
    §3.6). None where fewer than two seeds ran more than once.
    """
    from scipy.special import chdtri, fdtri  # here, for the import takes a third of a second

    logs = [[math.log(seconds) for seconds in of_seed] for of_seed in runs]
    if sum(len(of_seed) > 1 for of_seed in logs) < 2:
        return None
    n, k = sum(map(len, logs)), len(logs)
    means = [statistics.fmean(of_seed) for of_seed in logs]
    middle = statistics.fmean(itertools.chain.from_iterable(logs))
    within = math.fsum(
        (log - mean) ** 2 for of_seed, mean in zip(logs, means, strict=True) for log in of_seed
    )
    between = math.fsum(
        len(of_seed) * (mean - middle) ** 2 for of_seed, mean in zip(logs, means, strict=True)
    )
    tail = (1 - LEVEL) / 2
    value, low, high = (
        math.sqrt(within / d) for d in (n - k, chdtri(n - k, tail), chdtri(n - k, 1 - tail))
    )
    machine = Interval(value, low, high, n, LEVEL)
    if not between:
        return Components(machine, Interval(0.0, 0.0, 0.0, k, LEVEL))
    per_seed = (n - sum(len(of_seed) ** 2 for of_seed in logs) / n) / (k - 1)
    share = within / (n - k) / (between / (k - 1))
    # Where seeds differ by less than the machine alone makes them, the upper end is that of the
    # variance of their means, of which the machine has a part.
    left = 1 - share * fdtri(k - 1, n - k, tail)
    value, low, high = (
        math.sqrt(max(0.0, between * part / per_seed / d))
        for part, d in (
            (1 - share, k - 1),
            (1 - share * fdtri(k - 1, n - k, 1 - tail), chdtri(k - 1, tail)),
            (left if left > 0 else 1.0, chdtri(k - 1, 1 - tail)),
        )
    )
    return Components(machine, Interval(value, low, high, k, LEVEL))


def power(sizes: Iterable[float], values: Iterable[float]) -> Interval | None:
    """The exponent e of values ≈ c sizesᵉ, both positive; None from fewer than three points.

    It is the slope of the least-squares line through the logarithms, with its t interval: how
    far the points are from a straight line.
    """
    x, y = ([math.log(each) for each in some] for some in (sizes, values))
    if (n := len(x)) < 3:
        return None
    middle_x, middle_y = statistics.fmean(x), statistics.fmean(y)
    spread = math.fsum((each - middle_x) ** 2 for each in x)
    slope = math.fsum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / spread
    left = [b - middle_y - slope * (a - middle_x) for a, b in zip(x, y, strict=True)]
    error = math.sqrt(math.fsum(each**2 for each in left) / (n - 2) / spread)
    return _t_interval(slope, error, n - 2, n)


def _welch(a: list[float], b: list[float], level: float) -> Interval:
    n = len(a) + len(b)
    (mean_a, error_a), (mean_b, error_b) = _mean_and_error(a), _mean_and_error(b)
    mean = mean_a - mean_b
    if min(len(a), len(b)) == 1:
        return Interval(mean, mean, mean, n, None)
    if len(set(a)) == len(set(b)) == 1:
        return Interval(mean, mean, mean, n, level)
    error = math.hypot(error_a, error_b)
    share_a, share_b = (error_a / error) ** 2, (error_b / error) ** 2
    degrees = 1 / (share_a**2 / (len(a) - 1) + share_b**2 / (len(b) - 1))
    return _t_interval(mean, error, degrees, n, level)


def _mean_and_error(values: list[float]) -> tuple[float, float]:
    """The mean and its standard error; 0.0 of a single value."""
    if not all(map(math.isfinite, values)):
        raise ValueError("a mean needs finite values")
    n, most = len(values), max(map(abs, values))
    # By a power of two, which rounds nothing: the sum of large values, or their squares, would
    # overflow.
    unit = 2.0 ** (math.frexp(most)[1] - 1) if most > LARGE else 1.0
    scaled = [value / unit for value in values]
    mean = statistics.fmean(scaled)
    if n == 1:
        return unit * mean, 0.0
    # Not `statistics.stdev`, whose fractions take twenty times as long.
    variance = math.fsum((value - mean) ** 2 for value in scaled) / (n - 1)
    return unit * mean, unit * math.sqrt(variance / n)


def _t_interval(
    mean: float, error: float, degrees: float, n: int, level: float = LEVEL
) -> Interval:
    half = critical_t((1 - level) / 2, degrees) * error
    return Interval(mean, mean - half, mean + half, n, level)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _some(values: Iterable[float]) -> list[float]:
    listed = [float(value) for value in values]
    if not listed:
        raise ValueError("no values to summarise")
    return listed
