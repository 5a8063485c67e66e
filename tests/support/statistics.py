"""Bounds for the tests of statistics."""

from __future__ import annotations

import math


def within_binomial_bounds(hits: int, trials: int, chance: float) -> bool:
    """Whether `hits` could come from `chance`: 4 standard errors, about 1 in 16,000 not."""
    return abs(hits / trials - chance) <= 4 * math.sqrt(chance * (1 - chance) / trials)
