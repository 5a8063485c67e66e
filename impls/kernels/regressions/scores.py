"""What the rows of two sides predict for pairs of them, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from impls.kernels.regressions.compiled import CompiledRegressions

Array = NDArray[Any]


def scores_reference(rows: Array, columns: Array, W: Array, X: Array) -> Array:
    """b_r + b_c + p_r·q_c of the pairs `rows` and `columns` (n,) in NumPy; W are (b, p), X (b, q),
    (…, 1 + k). (n,)"""
    w, x = W[rows], X[columns]
    found: Array = w[:, 0] + x[:, 0] + (w[:, 1:] * x[:, 1:]).sum(axis=1)
    return found


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def scores(rows, columns, W, X) -> Any:  # type: ignore[no-untyped-def]
    """The same, compiled."""
    found = np.empty(len(rows), np.float32)
    for n in prange(len(rows)):
        w, x = W[rows[n]], X[columns[n]]
        score = w[0] + x[0]
        for f in range(1, len(w)):
            score += w[f] * x[f]
        found[n] = score
    return found


def scores_of_ratings(ratings: CompiledRegressions, W: Tensor, X: Tensor) -> Tensor:
    """The scores of all ratings, in their order. W (n_rows, 1 + k), X (n_columns, 1 + k). (n,)"""
    rows = np.repeat(np.arange(len(W), dtype=np.int32), np.diff(ratings.starts))
    return torch.from_numpy(scores(rows, ratings.columns, W.numpy(), X.numpy()))
