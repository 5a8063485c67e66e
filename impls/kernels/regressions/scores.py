"""What two sides' rows predict for every rating, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]


def scores_reference(starts: Array, columns: Array, rows: Array, others: Array) -> Array:
    """b_r + b_c + p_r·q_c in NumPy, for the ratings `columns` (n,) of each row r. (n,)

    starts  (n_rows + 1,)  start of each row's ratings
    rows    (n_rows, 1 + k), each (b, p); others (n_columns, 1 + k), each (b, q)
    """
    w, x = rows[np.repeat(np.arange(len(rows)), np.diff(starts))], others[columns]
    scores: Array = w[:, 0] + x[:, 0] + (w[:, 1:] * x[:, 1:]).sum(axis=1)
    return scores


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def scores(starts, columns, rows, others) -> Any:  # type: ignore[no-untyped-def]
    """The same, compiled."""
    found = np.empty(len(columns), np.float32)
    for r in prange(len(rows)):
        for n in range(starts[r], starts[r + 1]):
            c = columns[n]
            score = rows[r, 0] + others[c, 0]
            for f in range(1, rows.shape[1]):
                score += rows[r, f] * others[c, f]
            found[n] = score
    return found
