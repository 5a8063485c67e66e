"""The sets of SVD++: what a row takes from the columns that it rated, and draws of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from impls.kernels.regressions.batched import cholesky
from impls.kernels.regressions.compiled import CompiledRegressions

Array = NDArray[Any]

LANES = 8
"""Entries of a row that are drawn at once, in a vector; a thread draws such a block."""


@dataclass(frozen=True)
class Sets:
    """S (n_rows, n_columns): |N(r)|^-1/2 where c ∈ N(r), the columns that row r has rated; else 0.

    It is immutable, so a copy is the object itself.
    """

    by_row: csr_array
    by_column: csc_array
    squares: NDArray[np.float32]  # Σ_r S_rc² (n_columns,)

    @classmethod
    def of(cls, ratings: CompiledRegressions, n_columns: int) -> Self:
        counts = np.diff(ratings.starts)
        shares = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
        shape = len(counts), n_columns
        S = csr_array((shares, ratings.columns, ratings.starts), shape)
        squares = np.bincount(ratings.columns, shares**2, n_columns).astype(np.float32)
        return cls(S, S.tocsc(), squares)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def sums(self, Y: Tensor) -> Tensor:
        """S Y, of each row r: |N(r)|^-1/2 Σ_{c ∈ N(r)} y_c. Y (n_columns, d). (n_rows, d)"""
        return torch.from_numpy(self.by_row @ Y.numpy())

    def draw(
        self,
        Y: Tensor,
        prior: tuple[Tensor, Tensor],
        residuals: Tensor,
        precision: Tensor,
        rng: torch.Generator,
    ) -> Tensor:
        """New weights y_c of w = S Y + ε, one column's after the other's, each given all others.
        (n_columns, d)

        Y          (n_columns, d)  the weights as they are
        prior      m (d,) and Λ_Y (d, d): y_c ~ N(m, Λ_Y⁻¹)
        residuals  (n_rows, d)     w − S Y, of rows ε_r ~ N(0, Λ⁻¹)
        precision  (d, d)          Λ

        Where Uᵀ Λ U = I and Uᵀ Λ_Y U is diagonal, the entries of y = U ỹ are independent: d
        regressions, each on S alone. They are what the kernel draws.

        PyTorch multiplies, not NumPy, whose OpenBLAS keeps threads of its own busy for a while
        after each product, beside those of the kernels: a sweep of ml-100k took 11 times as long.
        """
        mean, own_precision = prior
        diagonal, U, inverse = both_diagonal(own_precision.double(), precision.double())
        of_rows, weights, means = (
            in_blocks((each.double() @ inverse.mT).numpy()) for each in (residuals, Y, mean[None])
        )
        draw_weights(
            *(self.by_column.indptr, self.by_column.indices, self.by_column.data, self.squares),
            *(of_rows, weights, means[:, 0], in_blocks(diagonal.numpy()[None], fill=1.0)[:, 0]),
            torch.randn(weights.shape, generator=rng).numpy(),
        )
        drawn = torch.from_numpy(weights.swapaxes(0, 1).reshape(len(Y), -1)[:, : len(U)])
        return drawn @ U.float().mT


def both_diagonal(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """D, U and U⁻¹ with Uᵀ B U = I and Uᵀ A U = diag(D), of A and B (d, d), positive definite.

    With B = L Lᵀ and L⁻¹ A L⁻ᵀ = V diag(D) Vᵀ, U is L⁻ᵀ V.
    """
    L = cholesky(B)
    half = torch.linalg.solve_triangular(L, A, upper=False)  # L⁻¹ A
    D, V = torch.linalg.eigh(torch.linalg.solve_triangular(L, half.mT, upper=False))
    return D, torch.linalg.solve_triangular(L.mT, V, upper=True), V.mT @ L.mT


def in_blocks(M: Array, fill: float = 0.0) -> Array:
    """M (n, d) in float32, `LANES` columns at a time, filled up. (d / LANES, n, LANES)"""
    padded = np.pad(M, ((0, 0), (0, -M.shape[1] % LANES)), constant_values=fill)
    blocks = padded.astype(np.float32).reshape(len(M), -1, LANES).swapaxes(0, 1)
    return np.ascontiguousarray(blocks)


def draw_weights_reference(
    S: Array, residuals: Array, weights: Array, mean: Array, precision: Array, noise: Array
) -> None:
    """In NumPy: new `weights` Y (n_columns, d) of S (n_rows, n_columns), column by column.

    residuals        (n_rows, d)     w − S Y, of unit variance; they become those of the new weights
    mean, precision  (d,)            of y a priori
    noise            (n_columns, d)  standard normal
    """
    for c, s in enumerate(S.T):  # (n_rows,)
        after = s @ s + precision  # (d,)
        expected = (s @ residuals + s @ s * weights[c] + precision * mean) / after
        change = expected + noise[c] / np.sqrt(after) - weights[c]
        weights[c] += change
        residuals -= np.outer(s, change)


@njit(parallel=True, cache=True)
def draw_weights(  # type: ignore[no-untyped-def]
    starts, rows, shares, squares, residuals, weights, mean, precision, noise
) -> None:
    """The same, compiled, of all but S in blocks of columns (d / LANES, …, LANES).

    S by columns: `starts` (n_columns + 1,), `rows` and `shares` (n,); `squares` (n_columns,) are
    sᵀs of each.
    """
    for block in prange(len(weights)):
        _draw_block(
            *(starts, rows, shares, squares, residuals[block], weights[block]),
            *(mean[block], precision[block], noise[block]),
        )


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def _draw_block(  # type: ignore[no-untyped-def]
    starts, rows, shares, squares, residuals, weights, mean, precision, noise
) -> None:
    product, change = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for c in range(len(weights)):
        product[:] = 0
        for n in range(starts[c], starts[c + 1]):
            r, share = rows[n], shares[n]
            for f in range(LANES):
                product[f] += share * residuals[r, f]
        for f in range(LANES):
            after = squares[c] + precision[f]
            expected = (product[f] + squares[c] * weights[c, f] + precision[f] * mean[f]) / after
            change[f] = expected + noise[c, f] / np.sqrt(after) - weights[c, f]
            weights[c, f] += change[f]
        for n in range(starts[c], starts[c + 1]):
            r, share = rows[n], shares[n]
            for f in range(LANES):
                residuals[r, f] -= share * change[f]
