"""Cholesky factors on a device."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cholesky(A: Tensor) -> Tensor:
    """L with A = L Lᵀ of matrices (…, d, d); NaN where one is not positive definite.

    torch.linalg.cholesky raises there, and so waits for the device each time to ask.
    """
    L, failed = torch.linalg.cholesky_ex(A)
    return L.masked_fill((failed > 0)[..., None, None], math.nan)
