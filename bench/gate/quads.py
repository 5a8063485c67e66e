"""From timings to the one number of a round.

A quad times base (A) and head (B) as ABBA or BAAB, so that whatever changes evenly over its four
timings cancels. Quads of one process pair share its luck (memory layout, hash seed), so they are
no independent evidence: a round, a fresh pair, is one observation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["ABBA", "BAAB"]
ORDERS: tuple[Order, Order] = ("ABBA", "BAAB")
QUADS = 10
"""Quads per workload and round."""
TRIM = 0.25
"""Share of a round's quads that is left out at each end."""


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
        signs = {"A": -0.5, "B": 0.5}
        return sum(
            signs[side] * math.log(timing.ns)
            for side, timing in zip(self.order, self.timings, strict=True)
        )

    def ns_of(self, side: Literal["A", "B"]) -> list[int]:
        """The two timings of one side."""
        pairs = zip(self.order, self.timings, strict=True)
        return [timing.ns for each, timing in pairs if each == side]


def round_value(differences: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Y: the trimmed mean over the last axis, (…, quads) -> (…)."""
    ordered = np.sort(differences, axis=-1)
    cut = int(TRIM * ordered.shape[-1])
    kept: NDArray[np.float64] = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return kept
