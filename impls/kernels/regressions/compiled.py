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

from impls.kernels.regressions.cholesky import EXTRA_COLUMNS, cholesky_solve
from impls.kernels.regressions.gram import gram, parts
from impls.kernels.regressions.vector_tiles import WIDTH


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
    ) -> tuple[Tensor, Tensor]:
        """As in `Regressions`, on the CPU."""
        rows = torch.empty_like(noise)
        squared_errors = np.empty(-(-len(rows) // WIDTH))
        ratings = self.starts, self.columns, self.values
        _solve(
            *(squared_errors, *ratings, *parts(others.numpy()), rows.numpy(), np.float32(alpha)),
            *(precision.numpy(), towards.numpy(), np.float32(ridge), noise.numpy()),
        )
        return rows, torch.tensor(squared_errors.sum(), dtype=torch.float32)


@njit(parallel=True, cache=True)
def _solve(  # type: ignore[no-untyped-def]
    squared_errors, starts, columns, values, b, q, rows, alpha, precision, towards, ridge, noise
) -> None:
    """Sets `rows`, and their squared errors of each group."""
    for group in prange(len(squared_errors)):
        squared_errors[group] = _solve_group(
            *(group, len(squared_errors), starts, columns, values, b, q, rows),
            *(alpha, precision, towards, ridge, noise),
        )


@njit(cache=True)
def _solve_group(  # type: ignore[no-untyped-def]
    group, n_groups, starts, columns, values, b, q, rows, alpha, precision, towards, ridge, noise
) -> Any:
    """Sets `WIDTH` of the rows, one in each lane; their squared error.

    A group has rows from all over, since neighbours may be popular together: then one thread
    would have more ratings than another.
    """
    n_rows, d = rows.shape
    G, own_ridge = np.zeros((d + 1, d + 1, WIDTH), np.float32), np.ones(WIDTH, np.float32)
    At = np.zeros((d, d + EXTRA_COLUMNS, WIDTH), np.float32)
    white = np.zeros((d, WIDTH), np.float32)
    for lane, r in enumerate(range(group, n_rows, n_groups)):
        ratings = slice(starts[r], starts[r + 1])
        gram(columns[ratings], values[ratings], b, q, G[:, :, lane])
        own_ridge[lane] = ridge * max(starts[r + 1] - starts[r], 1)
        for i in range(d):
            white[i, lane] = noise[r, i]
    for i in range(d):
        for j in range(i, d):
            for lane in range(WIDTH):
                At[i, j, lane] = alpha * G[i, j, lane] + precision[i, j]
        for lane in range(WIDTH):
            At[i, i, lane] += own_ridge[lane]
            At[i, d, lane] = alpha * G[i, d, lane] + towards[i]
    cholesky_solve(At, white)
    v = np.full((d + 1, WIDTH), np.float32(-1))  # (w, -1), beside the (x, y) that G is of
    for lane, r in enumerate(range(group, n_rows, n_groups)):
        for i in range(d):
            rows[r, i] = v[i, lane] = At[i, d, lane]
    return _quadratic_form(G, v)


@njit(cache=True)
def _quadratic_form(G, v) -> Any:  # type: ignore[no-untyped-def]
    """Σ vᵀ G v over the lanes of G (n, n, WIDTH), of which the upper triangles are read, and
    v (n, WIDTH)."""
    total, half = np.float32(0), np.empty(WIDTH, np.float32)
    for i in range(len(v)):
        for lane in range(WIDTH):
            half[lane] = G[i, i, lane] * v[i, lane] / 2
        for j in range(i + 1, len(v)):
            for lane in range(WIDTH):
                half[lane] += G[i, j, lane] * v[j, lane]
        for lane in range(WIDTH):
            total += 2 * half[lane] * v[i, lane]
    return total
