"""The sets of SVD++: what a row takes from the columns that it rated, and draws of their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from impls.kernels.regressions.compiled import CompiledRegressions

Array = NDArray[Any]


@dataclass(frozen=True)
class Sets:
    """S (n_rows, n_columns): |N(r)|^-1/2 where row r has rated column c, N(r) all that it has; else 0.

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
        rows: Tensor,
        precision: Tensor,
        Y: Tensor,
        prior: tuple[Tensor, Tensor],
        rng: torch.Generator,
    ) -> Tensor:
        """New weights y_c, one column after the other, each given the others. (n_columns, d)

        rows   (n_rows, d)     w_r ~ N((S Y)_r, Λ⁻¹), Λ the `precision` (d, d)
        Y      (n_columns, d)  the weights as they are
        prior  m (d,) and Λ_Y (d, d): y_c ~ N(m, Λ_Y⁻¹)

        Where Uᵀ Λ U = I and Uᵀ Λ_Y U is diagonal, the entries of y = U ỹ are independent: d
        regressions, of one variable each. They are what the kernel draws.
        """
        mean, own_precision = prior
        diagonal, U = eigh(own_precision.double().numpy(), precision.double().numpy())
        to_independent = precision.double().numpy() @ U  # U⁻ᵀ
        W, Y_, m = (each.double().numpy() @ to_independent for each in (rows, Y, mean))
        noise = torch.randn(Y.shape, generator=rng).numpy()
        residuals, weights = (
            np.ascontiguousarray(each.T, np.float32) for each in (W - self.by_row @ Y_, Y_)
        )
        draw_weights(
            *(self.by_column.indptr, self.by_column.indices, self.by_column.data, self.squares),
            *(residuals, weights, m.astype(np.float32), diagonal.astype(np.float32)),
            np.ascontiguousarray(noise.T),
        )
        return torch.from_numpy((weights.T @ U.T).astype(np.float32))


def draw_weights_reference(
    S: Array, residuals: Array, weights: Array, mean: Array, precision: Array, noise: Array
) -> None:
    """In NumPy: new `weights` y (d, n_columns) of S (n_rows, n_columns), column by column.

    residuals        (d, n_rows)     w − S y, of unit variance; they become those of the new weights
    mean, precision  (d,)            of y a priori
    noise            (d, n_columns)  standard normal
    """
    for c, s in enumerate(S.T):  # (n_rows,)
        after = s @ s + precision  # (d,)
        expected = (residuals @ s + s @ s * weights[:, c] + precision * mean) / after
        change = expected + noise[:, c] / np.sqrt(after) - weights[:, c]
        weights[:, c] += change
        residuals -= np.outer(change, s)


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def draw_weights(  # type: ignore[no-untyped-def]
    starts, rows, shares, squares, residuals, weights, mean, precision, noise
) -> None:
    """The same, compiled. S by columns: `starts` (n_columns + 1,), `rows` and `shares` (n,);
    `squares` (n_columns,) are sᵀs of each."""
    for f in prange(len(weights)):
        residual, weight = residuals[f], weights[f]
        for c in range(len(weight)):
            product = np.float32(0)
            for n in range(starts[c], starts[c + 1]):
                product += shares[n] * residual[rows[n]]
            after = squares[c] + precision[f]
            expected = (product + squares[c] * weight[c] + precision[f] * mean[f]) / after
            change = expected + noise[f, c] / np.sqrt(after) - weight[c]
            weight[c] += change
            for n in range(starts[c], starts[c + 1]):
                residual[rows[n]] -= shares[n] * change
