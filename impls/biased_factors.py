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


def normal_equations(bucket: Bucket, others: Tensor) -> tuple[Tensor, Tensor]:
    """Σ x xᵀ (B, 1 + k, 1 + k) and Σ (z − b) x (B, 1 + k) of each row of a bucket.

    x = (1, q) for the entry's row (b, q) of `others` (n_others, 1 + k).
    """
    x = others[bucket.columns]  # (B, L, 1 + k)
    residuals = bucket.values - x[:, :, 0] * bucket.there  # (B, L)
    x *= bucket.there[:, :, None]
    x[:, :, 0] = bucket.there
    A = x.mT @ x
    return A, (x.mT @ residuals[:, :, None])[:, :, 0]
