"""Rows of a rating matrix in batches of similar length, for batched linear algebra."""

from __future__ import annotations

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
        """From coordinates (n,) each, in any order; rows without an entry are in no bucket.

        Rows of similar length share a bucket, in which padding adds at most a quarter.
        """
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=n_rows)
        starts = np.cumsum(counts) - counts
        by_length = np.argsort(counts, kind="stable")
        by_length = by_length[counts[by_length] > 0]
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
