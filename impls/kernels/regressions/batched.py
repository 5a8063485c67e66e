"""Regressions of one side's rows on the other's, in batches of similar length, for a device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from impls.kernels.regressions.cholesky import cholesky
from impls.kernels.regressions.length_buckets import Bucket, LengthBuckets


@dataclass(frozen=True)
class BatchedRegressions:
    """Ratings by rows, in buckets; each bucket takes one gather, one product and one solve."""

    buckets: LengthBuckets

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
        """As in `Regressions`, on the device of the tensors."""
        shares = ridge * torch.eye(rows.shape[1], device=rows.device)
        for bucket in self.buckets:
            x, y = _beside(bucket, others)  # (B, L, 1 + k), (B, L, 1)
            A = precision + alpha * (x.mT @ x) + bucket.counts[:, None, None] * shares
            b = towards[:, None] + alpha * (x.mT @ y)  # (B, 1 + k, 1)
            L = cholesky(A)  # (B, 1 + k, 1 + k)
            white = torch.linalg.solve_triangular(L, b, upper=False)
            white += noise[bucket.rows][:, :, None]
            w = torch.linalg.solve_triangular(L.mT, white, upper=True)
            rows[bucket.rows] = w[:, :, 0]

    def squared_error(self, rows: Tensor, others: Tensor) -> Tensor:
        """As in `Regressions`."""
        total = torch.zeros((), device=rows.device)
        for bucket in self.buckets:
            x, y = _beside(bucket, others)
            total += (y - x @ rows[bucket.rows][:, :, None]).square().sum()
        return total


def _beside(bucket: Bucket, others: Tensor) -> tuple[Tensor, Tensor]:
    """x = (1, q) (B, L, 1 + k) and y = z − b (B, L, 1) of each entry, for its row (b, q) of
    `others`; zeros where the bucket is padded."""
    x = others[bucket.columns] * bucket.there[:, :, None]
    y = (bucket.values - x[:, :, 0])[:, :, None]
    x[:, :, 0] = bucket.there
    return x, y
