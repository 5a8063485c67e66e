"""A Cholesky solve of one small system, compiled for its size."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from impls.kernels.regressions.vector_gram import ENTRY_BYTES, add_scaled, lanes_for

Array = NDArray[np.float32]


def cholesky_solve_reference(A: Array, t: Array, noise: Array) -> Array:
    """w = R⁻¹ (R⁻ᵀ t + noise) in NumPy, where A = RᵀR (d, d) and all others are (d,)."""
    L = np.linalg.cholesky(A)  # Rᵀ
    return np.linalg.solve(L.T, np.linalg.solve(L, t) + noise)


@functools.lru_cache
def cholesky_solve(d: int) -> Callable[..., None]:
    """Compiled (A, t, noise, w), which writes that to w (d,).

    Only the upper triangle of A (d, lanes) is read; A and t (lanes,) are overwritten.
    """
    lanes = lanes_for(d)
    row_bytes = lanes * ENTRY_BYTES
    add = add_scaled(lanes)

    @njit(error_model="numpy")
    def solve(A, t, noise, w):  # type: ignore[no-untyped-def]
        at = A.ctypes.data
        for p in range(d):
            root = np.float32(np.sqrt(A[p, p]))
            for j in range(p, d):
                A[p, j] /= root
            for i in range(p + 1, d):  # whole rows: entries below the diagonal are never read
                add(at + i * row_bytes, at + p * row_bytes, -A[p, i])
            t[p] /= root
            for j in range(p + 1, d):
                t[j] -= t[p] * A[p, j]
        for p in range(d - 1, -1, -1):
            total = t[p] + noise[p]
            for j in range(p + 1, d):
                total -= A[p, j] * w[j]
            w[p] = total / A[p, p]

    return solve
