"""The prior of Bayesian matrix factorisation: rows are draws from one normal distribution."""

from __future__ import annotations

import torch
from torch import Tensor

from impls.kernels.regressions.batched import cholesky


def draw_prior(rows: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """m (d,) and Λ (d, d) from their posterior, given `rows` (n, d) ~ N(m, Λ⁻¹).

    A priori Λ ~ Wishart(I, d) and m ~ N(0, Λ⁻¹), as in the paper.

    Salakhutdinov & Mnih 2008, equation 14.
    """
    n, d = rows.shape
    mean = rows.mean(dim=0)
    centred = rows - mean
    scatter = torch.eye(d, device=rows.device) + centred.mT @ centred
    scatter += n / (n + 1) * torch.outer(mean, mean)
    # inv_ex, since inv waits for the device to report errors; the inverse of I or more exists.
    precision = _wishart(torch.linalg.inv_ex(scatter).inverse, d + n, rng)
    spread = cholesky((n + 1) * precision)
    return n / (n + 1) * mean + normal(spread, rng, 1)[0], precision


def normal(lower: Tensor, rng: torch.Generator, n: int) -> Tensor:
    """n draws from N(0, (L Lᵀ)⁻¹), L the triangle `lower` (d, d). (n, d)"""
    d = len(lower)
    white = torch.randn(d, n, generator=rng, device=lower.device)
    return torch.linalg.solve_triangular(lower.mT, white, upper=True).mT


def gamma(shape: Tensor, rate: Tensor, rng: torch.Generator) -> Tensor:
    """One draw for each element of `shape`."""
    return torch._standard_gamma(shape, generator=rng) / rate  # torch.distributions takes no rng


def _wishart(scale: Tensor, dof: float, rng: torch.Generator) -> Tensor:
    """By Bartlett's decomposition. (d, d)"""
    d = len(scale)
    steps = torch.arange(d, dtype=scale.dtype, device=scale.device)
    chi_squared = gamma((dof - steps) / 2, torch.full_like(steps, 0.5), rng)
    lower = torch.randn(d, d, generator=rng, device=scale.device).tril(-1)
    factor = cholesky(scale) @ (lower + chi_squared.sqrt().diag())
    return factor @ factor.mT
