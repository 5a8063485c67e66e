"""How the intervals of one pair on several cuts are judged."""

from __future__ import annotations

from bench.stats import Interval
from tests.simulated.cuts import judged


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 3, 0.99)


def test_coverage_separation_and_wrong_signs_are_counted() -> None:
    right, tied, wrong, far = (
        *(interval(0.5, 1.5), interval(-1.0, 3.0)),
        *(interval(-0.3, -0.1), interval(1.9, 2.1)),
    )
    assert judged([right, tied, wrong, far]) == (2, 3, 1)
