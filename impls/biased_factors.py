"""Rows w = (b, p) of a bias and k factors: what regressions of one side on the other share."""

from __future__ import annotations

import torch
from torch import Tensor

from impls.length_buckets import Bucket


def start(n: int, factors: int, std: float, rng: torch.Generator) -> Tensor:
    """Biases of zero and normal(0, `std`) factors, on the host. (n, 1 + k)"""
    rows = torch.empty(n, 1 + factors).normal_(0.0, std, generator=rng)
    rows[:, 0] = 0.0
    return rows


def products(w: Tensor, x: Tensor) -> Tensor:
    """b_u + b_i + p_u·q_i of paired rows (n, 1 + k) each. (n,)"""
    return w[:, 0] + x[:, 0] + (w[:, 1:] * x[:, 1:]).sum(dim=1)


def normal_equations(bucket: Bucket, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Σ x xᵀ (B, 1 + k, 1 + k), Σ y x (B, 1 + k) and Σ y² (B,) of each row of a bucket.

    x = (1, q) and y = z − b, for the entry's row (b, q) of `others` (n_others, 1 + k). The
    squared error of a row w is Σ y² − 2 w·Σ y x + wᵀ Σ x xᵀ w.
    """
    x = others[bucket.columns] * bucket.there[:, :, None]  # (B, L, 1 + k)
    y = (bucket.values - x[:, :, 0])[:, :, None]  # (B, L, 1)
    x[:, :, 0] = bucket.there
    return x.mT @ x, (x.mT @ y)[:, :, 0], y.square().sum(dim=(1, 2))
