"""Cholesky factors without a wait of the host for the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cholesky(A: Tensor) -> Tensor:
    """L with A = L Lᵀ of matrices (…, d, d), its diagonal NaN where A is not positive definite.

    torch.linalg.cholesky raises there, and so the host has to wait for the device at every call.
    """
    L, info = torch.linalg.cholesky_ex(A)
    L.diagonal(dim1=-2, dim2=-1).masked_fill_((info > 0)[..., None], math.nan)
    return L
