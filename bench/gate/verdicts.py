"""From the rounds of a workload to its verdict, and from all verdicts to the exit code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.gate.limits import SMALLEST, TOLERATED, Limit


class Verdict(StrEnum):
    """What a workload's row says. New ones and those skipped on both sides have no figures.

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


PASSED, REGRESSION, UNDECIDED, BROKEN = 0, 1, 2, 3
"""Exit codes."""


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

    def fails(self, limit: Limit) -> NDArray[np.bool_]:
        """Certainly slower, and by enough to matter."""
        slower = self.mean - limit.slower * self.error > 0
        return np.asarray(slower & (self.mean >= math.log1p(SMALLEST)))

    def passes(self, limit: Limit) -> NDArray[np.bool_]:
        """Certainly slower by less than what is tolerated, or not slower."""
        return np.asarray(self.mean + limit.tolerable * self.error < math.log1p(TOLERATED))


def look(rounds: Sequence[float], limits: Mapping[int, Limit]) -> Verdict | None:
    """FAIL or PASS where this number of rounds is one to look at and they decide; else None."""
    limit = limits.get(len(rounds))
    if limit is None:
        return None
    estimate = Estimate.of(rounds)
    if estimate.fails(limit):
        return Verdict.FAIL
    return Verdict.PASS if estimate.passes(limit) else None


def control_fails(rounds: Sequence[float], limits: Mapping[int, Limit]) -> bool:
    """Whether base differs from itself, in either direction."""
    limit = limits.get(len(rounds))
    if limit is None:
        return False
    return any(Estimate.of(np.multiply(sign, rounds)).fails(limit) for sign in (1, -1))


def exit_code(verdicts: Iterable[Verdict], *, tolerant: bool) -> int:
    """0 pass, 1 regression, 2 inconclusive (0 where `tolerant`), 3 broken or nothing measured.

    A workload that head has lost breaks the gate: nobody can say that it got no slower.
    """
    found = set(verdicts)
    if found & {Verdict.BROKEN, Verdict.REMOVED}:
        return BROKEN
    if Verdict.FAIL in found:
        return REGRESSION
    if Verdict.INCONCLUSIVE in found:
        return PASSED if tolerant else UNDECIDED
    return PASSED if Verdict.PASS in found else BROKEN
