"""Regressions of one side's rows on the other's, compiled: a thread solves some rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import coo_array
from torch import Tensor

from impls.kernels.regressions.vector_gram import (
    ENTRY_BYTES,
    HEIGHT,
    WIDTH,
    add_tile,
    copy,
    lanes_for,
    subtract_product,
)

Array = NDArray[Any]

AT_ONCE = 32
"""Ratings of a row whose factors are gathered at once: they lie in the nearest cache while every
tile of their sum is made."""


@dataclass(frozen=True)
class CompiledRegressions:
    """Ratings by rows, in compressed form. It is immutable, so a copy is the object itself.

    starts   int32 (n_rows + 1,)  start of each row's ratings
    columns  int32 (n,)
    values   float32 (n,)
    """

    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        rows: NDArray[np.int32],
        columns: NDArray[np.int32],
        values: NDArray[np.floating],
        shape: tuple[int, int],
    ) -> Self:
        """From coordinates (n,) each, no pair twice, in any order."""
        entries = coo_array((values.astype(np.float32, copy=False), (rows, columns)), shape)
        entries.has_canonical_format = True  # skips a slow search for duplicates
        by_row = entries.tocsr()
        return cls(by_row.indptr, by_row.indices, by_row.data)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def solve(
        self,
        others: Tensor,
        *,
        alpha: Tensor | float,
        precision: Tensor,
        towards: Tensor,
        ridge: float,
        noise: Tensor,
    ) -> Tensor:
        """As in `Regressions`, on the CPU."""
        rows = torch.empty_like(noise)
        _solve(
            *(self.starts, self.columns, self.values, *_parts(others.numpy()), rows.numpy()),
            *(np.float32(alpha), precision.numpy(), towards.numpy(), np.float32(ridge)),
            noise.numpy(),
        )
        return rows

    def squared_error(self, rows: Tensor, others: Tensor) -> Tensor:
        """As in `Regressions`."""
        ratings = self.starts, self.columns, self.values
        return torch.tensor(_squared_error(*ratings, rows.numpy(), others.numpy()))


def _parts(others: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The biases b (n,), and the factors q in whole vectors, (n, lanes)."""
    n, d = others.shape
    q = np.zeros((n, lanes_for(d - 1)), np.float32)
    q[:, : d - 1] = others[:, 1:]
    return others[:, 0].copy(), q


@njit(parallel=True, cache=True, error_model="numpy")
def _solve(  # type: ignore[no-untyped-def]
    starts, columns, values, b, q, rows, alpha, precision, prior, ridge, noise
) -> None:
    """Sets `rows`, `WIDTH` of them at a time."""
    n_rows, d = rows.shape
    for group in prange(-(-n_rows // WIDTH)):
        A = np.ones((d, d, WIDTH), np.float32)
        t, white = np.zeros((d, WIDTH), np.float32), np.zeros((d, WIDTH), np.float32)
        start = group * WIDTH
        end = min(start + WIDTH, n_rows)
        for r in range(start, end):
            lane, ratings = r - start, slice(starts[r], starts[r + 1])
            S, total = sums(columns[ratings], values[ratings], b, q, d - 1)
            n = np.float32(starts[r + 1] - starts[r])
            own_ridge = ridge * max(n, np.float32(1))
            A[0, 0, lane] = alpha * n + precision[0, 0] + own_ridge
            t[0, lane] = alpha * total + prior[0]
            for i in range(1, d):
                A[0, i, lane] = alpha * S[d - 1, i - 1] + precision[0, i]
                for j in range(i, d):
                    A[i, j, lane] = alpha * S[j - 1, i - 1] + precision[i, j]
                A[i, i, lane] += own_ridge
                t[i, lane] = alpha * S[d, i - 1] + prior[i]
            white[:, lane] = noise[r]
        cholesky_solve(A, t, white)
        for r in range(start, end):
            rows[r] = t[:, r - start]


def sums_reference(columns: Array, values: Array, others: Array) -> Array:
    """Σ a aᵀ (k + 2, k + 2) of a = (q, 1, y) in NumPy; `others` are (b, q), and y = z − b."""
    b, q = others[columns, 0], others[columns, 1:]
    a = np.column_stack([q, np.ones_like(b), values - b])  # (n, k + 2)
    return a.T @ a


@njit(cache=True)
def sums(columns, values, b, q, k) -> Any:  # type: ignore[no-untyped-def]
    """The same, compiled: the part that is left of the last two columns, and of them Σ y. Entries
    right of the diagonal are not complete. b and q (n, lanes) as in `_parts`."""
    lanes, height = q.shape[1], -(-(k + 2) // HEIGHT) * HEIGHT
    S, total = np.zeros((height, lanes), np.float32), np.float32(0)
    # What is beyond y is in sums that nothing reads.
    a = np.empty((AT_ONCE, max(lanes, height)), np.float32)
    a_row, q_row = a.shape[1] * ENTRY_BYTES, lanes * ENTRY_BYTES
    for first in range(0, len(columns), AT_ONCE):
        n = min(AT_ONCE, len(columns) - first)
        for m in range(n):
            c = columns[first + m]
            for j in range(0, q_row, WIDTH * ENTRY_BYTES):
                # numba adds the first argument, the context, here and below
                copy(a.ctypes.data + m * a_row + j, q.ctypes.data + c * q_row + j)  # type: ignore[call-arg]
            a[m, k], a[m, k + 1] = 1.0, values[first + m] - b[c]
            total += a[m, k + 1]
        for j in range(0, lanes, WIDTH):
            for i in range(j // HEIGHT * HEIGHT, height, HEIGHT):
                add_tile(S.ctypes.data, q_row, a.ctypes.data, a_row, i, j, n)  # type: ignore[call-arg]
    return S, total


def cholesky_solve_reference(A: Array, t: Array, noise: Array) -> Array:
    """w = R⁻¹ (R⁻ᵀ t + noise) in NumPy, where A = RᵀR (d, d) and all others are (d,)."""
    L = np.linalg.cholesky(A)  # Rᵀ
    return np.linalg.solve(L.T, np.linalg.solve(L, t) + noise)


@njit(cache=True, error_model="numpy")
def cholesky_solve(A, t, noise) -> None:  # type: ignore[no-untyped-def]
    """The same, compiled, for `WIDTH` regressions, one in each lane; t becomes w.

    A (d, d, WIDTH), t and noise (d, WIDTH). Only the upper triangles of A are read; A is
    overwritten. One regression alone would wait for each of its 2d roots and quotients.
    """
    d, entry = len(t), WIDTH * ENTRY_BYTES
    row = d * entry
    for p in range(d):
        at, y = A.ctypes.data + p * row, t.ctypes.data + p * entry
        for lane in range(WIDTH):
            A[p, p, lane] = 1 / np.sqrt(A[p, p, lane])
        for j in range(p + 1, d):
            _scale(A[p, j], A[p, p])
        _scale(t[p], A[p, p])
        for i in range(p + 1, d):
            for j in range(i, d):
                below = at + (i - p) * row + j * entry
                subtract_product(below, at + i * entry, at + j * entry)  # type: ignore[call-arg]
            subtract_product(y + (i - p) * entry, at + i * entry, y)  # type: ignore[call-arg]
    for p in range(d - 1, -1, -1):
        at, y = A.ctypes.data + p * row, t.ctypes.data + p * entry
        for lane in range(WIDTH):
            t[p, lane] += noise[p, lane]
        for j in range(p + 1, d):
            subtract_product(y, at + j * entry, y + (j - p) * entry)  # type: ignore[call-arg]
        _scale(t[p], A[p, p])


@njit(cache=True)
def _scale(v, a):  # type: ignore[no-untyped-def]
    """v *= a, for vectors (WIDTH,)."""
    for lane in range(WIDTH):
        v[lane] *= a[lane]


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _squared_error(starts, columns, values, rows, others) -> Any:  # type: ignore[no-untyped-def]
    errors = np.zeros(len(rows))
    for r in prange(len(rows)):
        for n in range(starts[r], starts[r + 1]):
            other = others[columns[n]]
            product = np.float32(0)
            for j in range(1, rows.shape[1]):
                product += rows[r, j] * other[j]
            errors[r] += (values[n] - rows[r, 0] - other[0] - product) ** 2
    return errors.sum()
