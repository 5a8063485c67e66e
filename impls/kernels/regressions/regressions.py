"""The regressions of ALS and Gibbs sampling: the rows of one side given the other side's.

Rows are w = (b, p), a bias and k factors. With the rows (b_i, q_i) of the other side fixed, w is
a regression of y = z − b_i on x = (1, q_i), over the ratings z of the row.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impls.kernels.regressions.batched import BatchedRegressions, LengthBuckets
from impls.kernels.regressions.compiled import CompiledRegressions


class Regressions(Protocol):
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
        """The rows w (n_rows, 1 + k), of n ratings each, and Σ (y − w·x)² over all ratings, ():

            A = precision + α Σ x xᵀ + max(n, 1) ridge I = L Lᵀ
            w = L⁻ᵀ (L⁻¹ (towards + α Σ y x) + noise)

        noise (n_rows, 1 + k). Without it w is the minimum of α Σ (y − w·x)² + max(n, 1) ridge ‖w‖²
        + wᵀ precision w − 2 w·towards; with standard normal noise it is a draw from the normal
        distribution whose log density is −½ of that, up to a constant.
        """


def regressions(
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.floating],
    shape: tuple[int, int],
    device: str,
) -> Regressions:
    """Ratings `values` at `rows` and `columns` (n,) each, prepared for the device: compiled code
    row by row on a CPU, where batches would only cost memory; batches elsewhere."""
    if device == "cpu":
        return CompiledRegressions.of(rows, columns, values, shape)
    return BatchedRegressions(LengthBuckets.of(rows, columns, values, shape[0], device))


def start(n: int, factors: int, std: float, rng: torch.Generator) -> Tensor:
    """Biases of zero and normal(0, `std`) factors, on the host. (n, 1 + k)"""
    rows = torch.empty(n, 1 + factors).normal_(0.0, std, generator=rng)
    rows[:, 0] = 0.0
    return rows


def products(w: Tensor, x: Tensor) -> Tensor:
    """b_u + b_i + p_u·q_i of paired rows (n, 1 + k) each. (n,)"""
    return w[:, 0] + x[:, 0] + (w[:, 1:] * x[:, 1:]).sum(dim=1)
