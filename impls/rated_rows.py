"""A rating matrix on a device, read by whole rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class RatedRows:
    """Sparse rows in compressed form. It never changes, so copies of it are itself.

    starts   int64 (n_rows + 1,)  where each row's entries start; on the host, so that
                                  reading a batch never waits for the device
    columns  int64 (n,)           on the device
    values   float32 (n,)         on the device
    """

    starts: Tensor
    columns: Tensor
    values: Tensor
    n_columns: int

    @classmethod
    def of(
        cls,
        rows: NDArray[np.int32],
        columns: NDArray[np.int32],
        values: NDArray[np.floating],
        shape: tuple[int, int],
        device: str,
    ) -> Self:
        """From coordinates (n,) each, in any order."""
        n_rows, n_columns = shape
        order = np.argsort(rows, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_rows))])
        return cls(
            torch.tensor(starts),
            torch.tensor(columns[order], dtype=torch.long, device=device),
            torch.tensor(values[order], dtype=torch.float32, device=device),
            n_columns,
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def entries(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The m entries of `rows` (B,), a host tensor.

        Position in `rows` (m,), column (m,) and value (m,), on the device.
        """
        device = self.values.device
        counts = self.starts[rows + 1] - self.starts[rows]  # (B,)
        ends = counts.cumsum(0)
        total = int(counts.sum())
        # Entry e of the batch lies at e plus a shift that is constant within a row.
        shifts = torch.stack([torch.arange(len(rows)), self.starts[rows] - (ends - counts)], dim=1)
        spread = shifts.to(device).repeat_interleave(counts.to(device), dim=0, output_size=total)
        place = torch.arange(total, device=device) + spread[:, 1]  # (m,)
        return spread[:, 0], self.columns[place], self.values[place]
