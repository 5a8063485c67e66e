"""The sums of a row's ratings that its regression needs: Gram matrices, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from impls.kernels.regressions.vector_tiles import (
    ENTRY_BYTES,
    HEIGHT,
    WIDTH,
    add_tile,
    copy,
    lanes_for,
)

Array = NDArray[Any]

AT_ONCE = 32
"""Ratings of a row whose factors are gathered at once: they lie in the nearest cache while every
tile of their sum is made."""


def parts(others: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The biases b (n,), and the factors q in whole vectors, (n, lanes)."""
    n, d = others.shape
    q = np.zeros((n, lanes_for(d - 1)), np.float32)
    q[:, : d - 1] = others[:, 1:]
    return others[:, 0].copy(), q


def gram_reference(columns: Array, values: Array, others: Array) -> Array:
    """Σ v vᵀ (d + 1, d + 1) of v = (1, q, y) in NumPy; `others` are (b, q), and y = z − b."""
    b, q = others[columns, 0], others[columns, 1:]
    v = np.column_stack([np.ones_like(b), q, values - b])  # (n, d + 1)
    return v.T @ v


@njit(cache=True)
def gram(columns, values, b, q, G) -> None:  # type: ignore[no-untyped-def]
    """The same, compiled: the upper triangle of G. b and q (n, lanes) as in `parts`."""
    d, lanes = len(G) - 1, q.shape[1]
    k = d - 1
    height = -(-(k + 2) // HEIGHT) * HEIGHT
    # The sums of (q, 1, y), in this order, so that q lies in whole vectors. Those of the last two
    # columns with each other are not in S, and what is beyond y is in sums that nothing reads.
    S = np.zeros((height, lanes), np.float32)
    y_sum, y_squares = np.float32(0), np.float32(0)
    a = np.empty((AT_ONCE, max(lanes, height)), np.float32)
    a_row, q_row = a.shape[1] * ENTRY_BYTES, lanes * ENTRY_BYTES
    for first in range(0, len(columns), AT_ONCE):
        n = min(AT_ONCE, len(columns) - first)
        for m in range(n):
            c = columns[first + m]
            for j in range(0, q_row, WIDTH * ENTRY_BYTES):
                # numba adds the first argument, the context, here and below
                copy(a.ctypes.data + m * a_row + j, q.ctypes.data + c * q_row + j)  # type: ignore[call-arg]
            y = values[first + m] - b[c]
            a[m, k], a[m, k + 1] = 1.0, y
            y_sum += y
            y_squares += y * y
        for j in range(0, lanes, WIDTH):
            for i in range(j // HEIGHT * HEIGHT, height, HEIGHT):
                add_tile(S.ctypes.data, q_row, a.ctypes.data, a_row, i, j, n)  # type: ignore[call-arg]
    G[0, 0], G[0, d], G[d, d] = len(columns), y_sum, y_squares
    for i in range(k):
        G[0, 1 + i], G[1 + i, d] = S[k, i], S[k + 1, i]
        for j in range(i, k):
            G[1 + i, 1 + j] = S[j, i]
