"""One run against stored ones: a screen, which knows what it cannot see.

A machine is not as fast today as it was. What all workloads have in common is therefore taken out:
the change of each is relative to the median change of the others, and the common shift is
reported but not judged: a slower machine and a slower everything look the same.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.gate.statistics import ALPHA, MISSES, SMALLEST, TOLERATED, Verdict
from bench.gate.stored.baseline import Times
from bench.stats import critical_t

FEWEST_RUNS = 3
"""With fewer, the spread between runs is not known well enough."""
MISS = max(MISSES.values())


@dataclass(frozen=True)
class Screened:
    """One workload.

    change    ln(now/then), the common shift taken out
    seen      ln of the smallest slowdown that could have been distinguished from chance
    spread    standard deviation of the change between the stored runs; None where it does
              not apply to this one: another machine, or too few runs
    verdict   FAIL and PASS on the same machine alone; SUSPECT means: compare in pairs
    """

    change: float
    seen: float
    spread: float | None
    verdict: Verdict


def screen(runs: Sequence[Times], now: Times, *, same_machine: bool) -> dict[str, Screened]:
    """Each workload that was stored and is here; needs three, or there are no others' changes."""
    names = [name for name in now if all(name in run for run in runs)]
    if len(names) < 3:
        return {}
    then = {name: statistics.fmean(run[name] for run in runs) for name in names}
    changes = relative(now, then, names)
    if not same_machine or len(runs) < FEWEST_RUNS:
        return {name: _suspected(name, changes) for name in names}
    stored = [relative(run, then, names) for run in runs]
    spread = {name: statistics.stdev(each[name] for each in stored) for name in names}
    return {name: _judged(changes[name], spread[name], len(runs), len(names)) for name in names}


def common_shift(runs: Sequence[Times], now: Times) -> float:
    """The median ratio now/then."""
    names = [name for name in now if all(name in run for run in runs)]
    changes = [now[name] - statistics.fmean(run[name] for run in runs) for name in names]
    return math.exp(statistics.median(changes)) if changes else 1.0


def relative(now: Times, then: Times, names: Sequence[str]) -> Times:
    """The change of each, less the median change of the others."""
    changes = {name: now[name] - then[name] for name in names}
    return {
        name: changes[name]
        - statistics.median(change for other, change in changes.items() if other != name)
        for name in names
    }


def _judged(change: float, spread: float, runs: int, workloads: int) -> Screened:
    """By the prediction interval of one more run."""
    error = spread * math.sqrt(1 + 1 / runs)
    seen = max(critical_t(ALPHA / workloads, runs - 1) * error, math.log1p(SMALLEST))
    if change > seen:
        return Screened(change, seen, spread, Verdict.FAIL)
    passes = change + critical_t(MISS, runs - 1) * error < math.log1p(TOLERATED)
    return Screened(change, seen, spread, Verdict.PASS if passes else Verdict.SUSPECT)


def _suspected(name: str, changes: Times) -> Screened:
    """By how much the others changed among themselves, which is all there is to go by."""
    from scipy.stats import median_abs_deviation  # here, for the import takes a second

    others = [change for other, change in changes.items() if other != name]
    spread = float(median_abs_deviation(others, scale="normal"))
    seen = critical_t(ALPHA / len(changes), len(others) - 1) * spread
    seen = max(seen, math.log1p(SMALLEST))
    verdict = Verdict.SUSPECT if changes[name] > seen else Verdict.UNSEEN
    return Screened(changes[name], seen, None, verdict)
