"""Regressions of one side's rows on the other's, in batches of similar length, for a device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ENTRIES = 1 << 20
"""Padded entries of a batch, at most, so that its tensors stay small beside the data."""


class Bucket(NamedTuple):
    """B rows with at most L entries each, padded.

    rows     int64 (B,)
    columns  int64 (B, L)    0 where padded
    values   float32 (B, L)  0 where padded
    there    float32 (B, L)  1 where there is an entry, 0 where padded
    counts   float32 (B,)    entries of each row
    """

    rows: Tensor
    columns: Tensor
    values: Tensor
    there: Tensor
    counts: Tensor


@dataclass(frozen=True)
class LengthBuckets:
    """A sparse matrix by rows, on a device. It is immutable, so a copy is the object itself."""

    batches: tuple[tuple[Tensor, int], ...]
    starts: Tensor
    counts: Tensor
    columns: Tensor
    values: Tensor

    @classmethod
    def of(
        cls,
        rows: NDArray[np.int32],
        columns: NDArray[np.int32],
        values: NDArray[np.floating],
        n_rows: int,
        device: str,
    ) -> Self:
        """From coordinates (n,) each, in any order.

        Rows of similar length share a bucket, in which padding adds at most a quarter.
        """
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=n_rows)
        starts = np.cumsum(counts) - counts
        by_length = np.argsort(counts, kind="stable")
        lengths = counts[by_length]
        batches = []
        first = 0
        while first < len(by_length):
            longest = max(int(lengths[first] * 1.25), 8)
            end = int(np.searchsorted(lengths, longest, side="right"))
            end = max(min(end, first + ENTRIES // longest), first + 1)
            width = int(lengths[end - 1])
            batches.append((torch.tensor(by_length[first:end], device=device), width))
            first = end
        return cls(
            tuple(batches),
            torch.tensor(starts, device=device),
            torch.tensor(counts, device=device),
            torch.tensor(columns[order], dtype=torch.int32, device=device),
            torch.tensor(values[order], dtype=torch.float32, device=device),
        )

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __iter__(self) -> Iterator[Bucket]:
        last = len(self.values) - 1
        for rows, width in self.batches:
            counts = self.counts[rows]
            offsets = torch.arange(width, device=rows.device)
            there = offsets < counts[:, None]  # (B, L)
            place = (self.starts[rows][:, None] + offsets).clamp(max=last)
            yield Bucket(
                rows,
                torch.where(there, self.columns[place], 0).long(),
                torch.where(there, self.values[place], 0.0),
                there.float(),
                counts.float(),
            )


@dataclass(frozen=True)
class BatchedRegressions:
    """Ratings by rows, in buckets; each bucket takes one gather, one product and one solve."""

    buckets: LengthBuckets

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
        """As in `Regressions`, on the device of the tensors."""
        rows = torch.empty_like(noise)
        squared_error = torch.zeros((), device=rows.device)
        shares = ridge * torch.eye(noise.shape[1], device=noise.device)
        for bucket in self.buckets:
            x, y = _beside(bucket, others)  # (B, L, 1 + k), (B, L, 1)
            A = precision + alpha * (x.mT @ x) + bucket.counts.clamp(min=1)[:, None, None] * shares
            b = towards[:, None] + alpha * (x.mT @ y)  # (B, 1 + k, 1)
            L = cholesky(A)  # (B, 1 + k, 1 + k)
            white = torch.linalg.solve_triangular(L, b, upper=False)
            white += noise[bucket.rows][:, :, None]
            w = torch.linalg.solve_triangular(L.mT, white, upper=True)
            rows[bucket.rows] = w[:, :, 0]
            squared_error += (y - x @ w).square().sum()
        return rows, squared_error


def _beside(bucket: Bucket, others: Tensor) -> tuple[Tensor, Tensor]:
    """x = (1, q) (B, L, 1 + k) and y = z − b (B, L, 1) of each entry, for its row (b, q) of
    `others`; zeros where the bucket is padded."""
    x = others[bucket.columns] * bucket.there[:, :, None]
    y = (bucket.values - x[:, :, 0])[:, :, None]
    x[:, :, 0] = bucket.there
    return x, y


def cholesky(A: Tensor) -> Tensor:
    """L with A = L Lᵀ of matrices (…, d, d), its diagonal NaN where A is not positive definite.

    torch.linalg.cholesky raises there, and so the host has to wait for the device at every call.
    """
    L, info = torch.linalg.cholesky_ex(A)
    L.diagonal(dim1=-2, dim2=-1).masked_fill_((info > 0)[..., None], math.nan)
    return L
