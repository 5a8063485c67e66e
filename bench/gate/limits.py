"""The gate's levels, and the limits of t that follow from them.

A gate looks at its data several times and at several workloads. Bonferroni: the chance of a false
alarm anywhere is at most the sum of the levels spent, whatever depends on what. Early looks are
given little of it, for with few rounds it buys next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

FAMILY = 0.008
"""Chance of any false FAIL, over all looks and workloads."""
SHARES = {5: 0.03, 8: 0.09, 12: 0.18, 18: 0.27, 30: 0.43}
"""Rounds at each look -> the share of `FAMILY` that it spends."""
MISSES = {5: 0.004, 8: 0.006, 12: 0.006, 18: 0.007, 30: 0.007}
"""Rounds at each look -> chance that a workload slower by `TOLERATED` passes there."""
TOLERATED = 0.05
"""PASS rules out a slowdown of this much or more."""
SMALLEST = 0.025
"""What is slower by less than this is no FAIL, however certain it is."""


@dataclass(frozen=True)
class Limit:
    """One-sided limits of t at one look: to be slower, and to be slower by less than tolerated."""

    slower: float
    tolerable: float


def limits(workloads: int) -> dict[int, Limit]:
    """Rounds at each look -> its limits, where `workloads` share the family's level."""
    return {
        rounds: Limit(
            slower=t_limit(share * FAMILY / workloads, rounds - 1),
            tolerable=t_limit(MISSES[rounds], rounds - 1),
        )
        for rounds, share in SHARES.items()
    }


def t_limit(level: float, degrees: int) -> float:
    """What Student's t with `degrees` of freedom exceeds with chance `level`."""
    from scipy.special import stdtrit  # here, for the import takes a third of a second

    return -float(stdtrit(degrees, level))
