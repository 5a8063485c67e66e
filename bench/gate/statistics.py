"""From timings to verdicts: quads, rounds, interim analyses, the exit code.

A quad times base (A) and head (B) as ABBA or BAAB, so that whatever changes evenly over its four
timings cancels. Quads of one process pair share its luck (memory layout, hash seed), so they are
no independent evidence: a round, a fresh pair, is one observation.

The gate analyses its data several times and for several workloads. Bonferroni: the chance of a
false FAIL anywhere is at most the sum of the alpha spent, whatever depends on what. Early analyses
spend little of it, for with few rounds it buys next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.stats import critical_t

Order = Literal["ABBA", "BAAB"]
ORDERS: tuple[Order, Order] = ("ABBA", "BAAB")
QUADS = 6
"""Quads per workload and round. Few, since rounds differ by more than the noise of their quads: a
second is better spent on another pair of processes."""
TRIM = 0.34
"""Share of a round's quads that is left out at each end: two of six."""
ALPHA = 0.008
"""Chance of any false FAIL, over all analyses and workloads."""
ALPHA_SPENDING = {7: 0.04, 9: 0.07, 12: 0.12, 17: 0.18, 25: 0.24, 40: 0.35}
"""Rounds at each interim analysis -> the share of `ALPHA` that it spends."""
MISSES = {7: 0.006, 9: 0.005, 12: 0.005, 17: 0.005, 25: 0.004, 40: 0.005}
"""Rounds at each interim analysis -> chance that a workload slower by `TOLERATED` passes there."""
FIRST_ANALYSIS = min(ALPHA_SPENDING)
TOLERATED = 0.05
"""PASS rules out a slowdown of this much or more."""
SMALLEST = 0.025
"""What is slower by less than this is no FAIL, however certain it is."""
PASSED, REGRESSION, UNDECIDED, BROKEN = 0, 1, 2, 3
"""Exit codes."""


class Verdict(StrEnum):
    """What a workload's row reports. New ones and those skipped on both sides have no figures.

    SUSPECT and UNSEEN are a screen's: worth a comparison in pairs; nothing to be seen from here.
    """

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    BROKEN = "BROKEN"
    REMOVED = "REMOVED"
    NEW = "new"
    SKIPPED = "skipped"
    SUSPECT = "SUSPECT"
    UNSEEN = "nothing seen"


@dataclass(frozen=True)
class Timing:
    """A timed stretch: when it started, by the machine's monotonic clock, and how long it was."""

    started_ns: int
    ns: int


@dataclass(frozen=True)
class Quad:
    """Four timings in their order."""

    order: Order
    timings: tuple[Timing, ...]

    @property
    def difference(self) -> float:
        """d = ½ Σ ln t_head − ½ Σ ln t_base."""
        head, base = (sum(map(math.log, self.ns_of(side))) for side in ("B", "A"))
        return (head - base) / 2

    def ns_of(self, side: str) -> list[int]:
        """The two timings of one side, A or B."""
        pairs = zip(self.order, self.timings, strict=True)
        return [timing.ns for each, timing in pairs if each == side]


@dataclass(frozen=True)
class CriticalValues:
    """One-sided critical t at one analysis: slower, and slower by less than tolerated."""

    slower: float
    tolerable: float


Levels = Mapping[int, CriticalValues]
"""Rounds at each interim analysis -> its critical values."""


def critical_values(workloads: int) -> Levels:
    """Those of the gate, where `workloads` share `ALPHA`."""
    return {
        rounds: CriticalValues(
            slower=critical_t(share * ALPHA / workloads, rounds - 1),
            tolerable=critical_t(MISSES[rounds], rounds - 1),
        )
        for rounds, share in ALPHA_SPENDING.items()
    }


def round_value(differences: ArrayLike) -> NDArray[np.float64]:
    """Y: the trimmed mean over the last axis, (…, quads) -> (…)."""
    from scipy.stats import trim_mean  # here, for the import takes a second

    return np.asarray(trim_mean(differences, TRIM, axis=-1))


@dataclass(frozen=True)
class Estimate:
    """ln(head/base): mean of the rounds and its standard error.

    Floats for one workload, arrays of equal shape for many simulated ones.
    """

    mean: NDArray[np.float64] | float
    error: NDArray[np.float64] | float

    @classmethod
    def of(cls, rounds: Sequence[float] | NDArray[np.float64]) -> Self:
        """From at least two rounds on the last axis, (…, r)."""
        Y = np.asarray(rounds)
        return cls(Y.mean(axis=-1), Y.std(axis=-1, ddof=1) / math.sqrt(Y.shape[-1]))

    def fails(self, critical: CriticalValues) -> NDArray[np.bool_]:
        """Certainly slower, and by enough to matter."""
        slower = self.mean - critical.slower * self.error > 0
        return np.asarray(slower & (self.mean >= math.log1p(SMALLEST)))

    def passes(self, critical: CriticalValues) -> NDArray[np.bool_]:
        """Certainly slower by less than what is tolerated, or not slower."""
        return np.asarray(self.mean + critical.tolerable * self.error < math.log1p(TOLERATED))


def analyse(rounds: Sequence[float] | NDArray[np.float64], levels: Levels) -> Verdict | None:
    """FAIL or PASS where there is an analysis after this number of rounds and it decides."""
    critical = levels.get(len(rounds))
    if critical is None:
        return None
    estimate = Estimate.of(rounds)
    if estimate.fails(critical):
        return Verdict.FAIL
    return Verdict.PASS if estimate.passes(critical) else None


def control_fails(rounds: Sequence[float], levels: Levels) -> bool:
    """Whether base differs from itself, in either direction."""
    return Verdict.FAIL in (analyse(rounds, levels), analyse(np.negative(rounds), levels))


@dataclass
class Rounds:
    """The quads of each round, and Y: ln of the ratio to base in each."""

    rounds: list[list[Quad]] = field(default_factory=list)
    Y: list[float] = field(default_factory=list)

    def _append(self, quads: list[Quad]) -> None:
        self.rounds.append(quads)
        self.Y.append(float(round_value([quad.difference for quad in quads])))


@dataclass
class Series(Rounds):
    """One workload.

    verdict  None while it is open
    reason   why it has no figures, where it has none
    changed  the two sides did not return the same
    """

    verdict: Verdict | None = None
    reason: str = ""
    changed: bool = False

    def add(self, quads: list[Quad], levels: Levels) -> None:
        """Add a round, and analyse."""
        self._append(quads)
        self.verdict = analyse(self.Y, levels)
        if self.verdict is None and len(self.rounds) == max(levels):
            self.verdict = Verdict.INCONCLUSIVE

    def end(self, verdict: Verdict, reason: str) -> None:
        """Settle it without an analysis."""
        self.verdict, self.reason = verdict, reason


@dataclass
class Control(Rounds):
    """The A/A control: one workload, base against base, for as long as anything is timed."""

    workload: str = ""
    failed: bool = False

    @property
    def doubt(self) -> str:
        """Why nothing may FAIL; empty where base was analysed and never differed from itself."""
        if self.failed:
            return "base differed from itself, too"
        return "" if self.analysed else "the A/A control was never analysed"

    @property
    def analysed(self) -> bool:
        """Whether there were enough rounds."""
        return len(self.rounds) >= FIRST_ANALYSIS

    def add(self, quads: list[Quad], levels: Levels) -> None:
        """Add a round, and analyse."""
        self._append(quads)
        self.failed |= control_fails(self.Y, levels)


def overall(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """The verdict of the whole gate; None where nothing was measured.

    A workload that head has lost is worse than a slow one, for it cannot be judged.
    """
    found = set(verdicts)
    order = (Verdict.BROKEN, Verdict.REMOVED, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    return next((verdict for verdict in order if verdict in found), None)


def exit_code(verdicts: Iterable[Verdict | None], *, tolerant: bool) -> int:
    """0 pass, 1 regression, 2 inconclusive (0 where `tolerant`), 3 broken or nothing measured."""
    match overall(verdicts):
        case Verdict.PASS:
            return PASSED
        case Verdict.FAIL:
            return REGRESSION
        case Verdict.INCONCLUSIVE:
            return PASSED if tolerant else UNDECIDED
    return BROKEN
