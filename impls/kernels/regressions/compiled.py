"""Regressions of one side's rows on the other's, compiled: a thread solves some rows at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
    copy_row,
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
        _solver(noise.shape[1])(
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


@functools.lru_cache
def _solver(d: int) -> Callable[..., None]:
    """The loop over rows of d entries, compiled, `WIDTH` rows at a time."""
    k = d - 1
    sums, finish = _sums(k), cholesky_solve(d)

    @njit(parallel=True, error_model="numpy")
    def solve(  # type: ignore[no-untyped-def]
        starts, columns, values, b, q, rows, alpha, precision, prior, ridge, noise
    ):
        n_rows = len(starts) - 1
        for group in prange(-(-n_rows // WIDTH)):
            A = np.ones((d, d, WIDTH), np.float32)
            t, white = np.zeros((d, WIDTH), np.float32), np.zeros((d, WIDTH), np.float32)
            start = group * WIDTH
            end = min(start + WIDTH, n_rows)
            for r in range(start, end):
                lane, ratings = r - start, slice(starts[r], starts[r + 1])
                S, total = sums(columns[ratings], values[ratings], b, q)
                n = np.float32(starts[r + 1] - starts[r])
                own_ridge = ridge * max(n, np.float32(1))
                A[0, 0, lane] = alpha * n + precision[0, 0] + own_ridge
                t[0, lane] = alpha * total + prior[0]
                for i in range(k):
                    A[0, 1 + i, lane] = alpha * S[k, i] + precision[0, 1 + i]
                    for j in range(i, k):
                        A[1 + i, 1 + j, lane] = alpha * S[j, i] + precision[1 + i, 1 + j]
                    A[1 + i, 1 + i, lane] += own_ridge
                    t[1 + i, lane] = alpha * S[k + 1, i] + prior[1 + i]
                white[:, lane] = noise[r]
            finish(A, t, white)
            for r in range(start, end):
                rows[r] = t[:, r - start]

    return solve


def sums_reference(columns: Array, values: Array, others: Array) -> Array:
    """Σ a aᵀ (k + 2, k + 2) of a = (q, 1, y) in NumPy; `others` are (b, q), and y = z − b."""
    b, q = others[columns, 0], others[columns, 1:]
    a = np.column_stack([q, np.ones_like(b), values - b])  # (n, k + 2)
    return a.T @ a


def _sums(k: int) -> Callable[..., Any]:
    """The same, compiled: the part that is left of the last two columns, and of them Σ y. Entries
    right of the diagonal are not complete."""
    lanes, height = lanes_for(k), -(-(k + 2) // HEIGHT) * HEIGHT
    width = max(lanes, height)
    copy, q_row, a_row = copy_row(lanes), lanes * ENTRY_BYTES, width * ENTRY_BYTES

    @njit
    def sums(columns, values, b, q):  # type: ignore[no-untyped-def]
        S, total = np.zeros((height, lanes), np.float32), np.float32(0)
        a = np.empty((AT_ONCE, width), np.float32)  # what is beyond y is in sums that none reads
        for first in range(0, len(columns), AT_ONCE):
            n = min(AT_ONCE, len(columns) - first)
            for m in range(n):
                c = columns[first + m]
                copy(a.ctypes.data + m * a_row, q.ctypes.data + c * q_row)
                a[m, k], a[m, k + 1] = 1.0, values[first + m] - b[c]
                total += a[m, k + 1]
            for j in range(0, lanes, WIDTH):
                for i in range(j // HEIGHT * HEIGHT, height, HEIGHT):
                    # numba adds the first argument, the context
                    add_tile(S.ctypes.data, q_row, a.ctypes.data, a_row, i, j, n)  # type: ignore[call-arg]
        return S, total

    return sums


def cholesky_solve_reference(A: Array, t: Array, noise: Array) -> Array:
    """w = R⁻¹ (R⁻ᵀ t + noise) in NumPy, where A = RᵀR (d, d) and all others are (d,)."""
    L = np.linalg.cholesky(A)  # Rᵀ
    return np.linalg.solve(L.T, np.linalg.solve(L, t) + noise)


@functools.lru_cache
def cholesky_solve(d: int) -> Callable[..., None]:
    """Compiled (A, t, noise), which writes that to t for `WIDTH` regressions, one in each lane.

    A (d, d, WIDTH), t and noise (d, WIDTH). Only the upper triangles of A are read; A is
    overwritten. One regression alone would wait for each of its 2d roots and quotients.
    """

    entry, row = WIDTH * ENTRY_BYTES, d * WIDTH * ENTRY_BYTES

    @njit(error_model="numpy")
    def solve(A, t, noise):  # type: ignore[no-untyped-def]
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

    return solve


@njit
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
