"""Two usual rules for the same question, to hold the gate against.

Both get what such tools get: all timings of base from one process, then all of head from another.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.gate.evaluation.noise import Floats

FACTOR = 1.05
LEVEL = 0.002


def mean_rule(base: Floats, head: Floats) -> NDArray[np.bool_]:
    """pytest-benchmark's `--benchmark-compare-fail=mean:5%`; ln t, (…, n) and (…, n) -> (…)."""
    return np.asarray(np.exp(head).mean(axis=-1) > FACTOR * np.exp(base).mean(axis=-1))


def mann_whitney_rule(base: Floats, head: Floats) -> NDArray[np.bool_]:
    """As `asv continuous --factor 1.05`: medians apart by the factor, and Mann–Whitney's p < 0.002.

    ln t, (…, n) and (…, n) -> (…). U in its normal approximation, for timings have no ties.
    """
    from scipy.special import ndtri

    n = base.shape[-1]
    ranks = np.concatenate([base, head], axis=-1).argsort(axis=-1).argsort(axis=-1)
    U = ranks[..., n:].sum(axis=-1) - n * (n - 1) / 2  # pairs in which head is slower
    z = (U - n * n / 2) / math.sqrt(n * n * (2 * n + 1) / 12)
    apart = np.median(head, axis=-1) - np.median(base, axis=-1) > math.log(FACTOR)
    return np.asarray(apart & (z > -ndtri(LEVEL / 2)))
