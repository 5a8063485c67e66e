"""Two usual rules for the same question, to compare the gate with.

Both get what such tools get: all timings of base from one process, then all of head from another.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from bench.gate.evaluation.noise import Floats

FACTOR = 1.05
LEVEL = 0.002


def mean_rule(base: Floats, head: Floats) -> NDArray[np.bool_]:
    """pytest-benchmark's `--benchmark-compare-fail=mean:5%`; ln t, (…, n) and (…, n) -> (…)."""
    return np.asarray(np.exp(head).mean(axis=-1) > FACTOR * np.exp(base).mean(axis=-1))


def mann_whitney_rule(base: Floats, head: Floats) -> NDArray[np.bool_]:
    """As `asv continuous --factor 1.05`: medians apart by the factor, and Mann–Whitney's p < 0.002.

    ln t, (…, n) and (…, n) -> (…). U in its normal approximation, p two-sided.
    """
    test = scipy.stats.mannwhitneyu(
        head, base, alternative="greater", axis=-1, method="asymptotic", use_continuity=False
    )
    apart = np.median(head, axis=-1) - np.median(base, axis=-1) > math.log(FACTOR)
    return np.asarray(apart & (test.pvalue < LEVEL / 2))
