"""Regressions of one side's rows on the other's, compiled: each thread solves row after row."""

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
    AT_ONCE,
    ENTRY_BYTES,
    WIDTH,
    add_scaled,
    add_tile,
    lanes_for,
)

Array = NDArray[Any]


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
        rows: Tensor,
        others: Tensor,
        *,
        alpha: Tensor | float,
        precision: Tensor,
        towards: Tensor,
        ridge: float,
        noise: Tensor,
    ) -> None:
        """As in `Regressions`, on the CPU."""
        beside, biases = _padded(others.numpy())
        _solver(rows.shape[1])(
            *(self.starts, self.columns, self.values, beside, biases, rows.numpy()),
            *(np.float32(alpha), precision.numpy(), towards.numpy(), np.float32(ridge)),
            noise.numpy(),
        )

    def squared_error(self, rows: Tensor, others: Tensor) -> Tensor:
        """As in `Regressions`."""
        ratings = self.starts, self.columns, self.values
        return torch.tensor(_squared_error(*ratings, rows.numpy(), others.numpy()))


def _padded(others: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rows x = (1, q, 0 …) (n + 1, lanes), the last all zeros; and the biases b (n + 1,)."""
    n, d = others.shape
    padded = np.zeros((n + 1, lanes_for(d)), np.float32)
    padded[:n, :d] = others
    biases = padded[:, 0].copy()
    padded[:n, 0] = 1.0
    return padded, biases


@functools.lru_cache
def _solver(d: int) -> Callable[..., None]:
    """The loop over rows, compiled for rows of d entries."""
    lanes = lanes_for(d)
    gather, finish = _sums(lanes), cholesky_solve(d)

    @njit(parallel=True, error_model="numpy")
    def solve(  # type: ignore[no-untyped-def]
        starts, columns, values, beside, biases, rows, alpha, precision, prior, ridge, noise
    ):
        for r in prange(len(starts) - 1):
            first, end = starts[r], starts[r + 1]
            if first == end:
                continue
            A, t = gather(columns[first:end], values[first:end], beside, biases)
            for i in range(d):
                for j in range(i, d):
                    A[i, j] = alpha * A[i, j] + precision[i, j]
                A[i, i] += ridge * (end - first)
                t[i] = alpha * t[i] + prior[i]
            finish(A, t, noise[r], rows[r])

    return solve


def sums_reference(columns: Array, values: Array, beside: Array, biases: Array) -> list[Array]:
    """Σ x xᵀ (lanes, lanes) and Σ y x (lanes,) in NumPy, with x and b as in `_padded`."""
    x = beside[columns]  # (n, lanes)
    return [x.T @ x, (values - biases[columns]) @ x]


def _sums(lanes: int) -> Callable[..., Any]:
    """The same, compiled; of Σ x xᵀ only the tiles on the diagonal and right of it."""
    row_bytes, tile = lanes * ENTRY_BYTES, WIDTH * ENTRY_BYTES
    add = add_scaled(lanes)

    @njit
    def sums(columns, values, beside, biases):  # type: ignore[no-untyped-def]
        x, nothing = beside.ctypes.data, len(beside) - 1
        A = np.zeros((lanes, lanes), np.float32)
        t = np.zeros(lanes, np.float32)
        c = np.empty(AT_ONCE, np.int64)
        for n in range(0, len(columns), AT_ONCE):
            for m in range(AT_ONCE):
                c[m] = columns[n + m] if n + m < len(columns) else nothing
                y = values[n + m] - biases[c[m]] if n + m < len(columns) else np.float32(0)
                add(t.ctypes.data, x + c[m] * row_bytes, y)
            x0, x1 = x + c[0] * row_bytes, x + c[1] * row_bytes
            x2, x3 = x + c[2] * row_bytes, x + c[3] * row_bytes
            for i in range(0, row_bytes, tile):
                for j in range(i, row_bytes, tile):
                    # numba adds the first argument, the context
                    add_tile(A.ctypes.data, row_bytes, i, j, x0, x1, x2, x3)  # type: ignore[call-arg]
        return A, t

    return sums


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
