"""A rating matrix by its rated entries, row after row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impls.kernels.autorec.rated_products import RatedProducts, sparse_times_dense


@dataclass(frozen=True)
class RatedEntries:
    """Sparse rows in compressed form, on the device.

    starts   int64 (n_rows,)    start of each row's entries
    counts   int64 (n_rows,)    number of its entries
    lengths  int64 (n_rows,)    the same on the host, which needs the size of a batch
    columns  int64 (n,)
    values   float32 (n,)

    A batch is (rows (B,), position in `rows` (m,), column (m,), response (m,)) of its m entries.
    """

    starts: Tensor
    counts: Tensor
    lengths: Tensor
    columns: Tensor
    values: Tensor
    n_columns: int
    same_shapes: ClassVar[bool] = False

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
        lengths = np.bincount(rows, minlength=n_rows)
        return cls(
            torch.tensor(np.cumsum(lengths) - lengths, device=device),
            torch.tensor(lengths, device=device),
            torch.tensor(lengths),
            torch.tensor(columns[order], dtype=torch.long, device=device),
            torch.tensor(values[order], dtype=torch.float32, device=device),
            n_columns,
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
        """As in `RatedRows`. The host waits for the order once."""
        for rows, length in zip(
            order.split(size), self.lengths[order.cpu()].split(size), strict=True
        ):
            yield rows, *self._entries(rows, int(length.sum()))

    def _entries(self, rows: Tensor, m: int) -> tuple[Tensor, Tensor, Tensor]:
        """Position in `rows` (m,), column (m,) and response (m,) of all entries of `rows` (B,)."""
        counts = self.counts[rows]  # (B,)
        each = torch.arange(len(rows), device=rows.device)
        position = each.repeat_interleave(counts, output_size=m)  # (m,)
        # Entry e of the batch is stored at e plus a shift that is constant within a row.
        shifts = self.starts[rows] - (counts.cumsum(0) - counts)  # (B,)
        place = torch.arange(m, device=rows.device) + shifts[position]  # (m,)
        return position, self.columns[place], self.values[place]

    def times(self, batch: tuple[Tensor, ...], presence: float, V: Tensor) -> Tensor:
        """As in `RatedRows`."""
        rows, position, columns, response = batch
        return sparse_times_dense(position, columns, response + presence, len(rows), V)

    def squared_error(
        self,
        batch: tuple[Tensor, ...],
        hidden: Tensor,
        W: Tensor,
        b: Tensor,
        activation: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """As in `RatedRows`."""
        _, position, columns, response = batch
        outputs = RatedProducts.apply(hidden, W, position, columns) + b[columns]  # (m,)
        return (activation(outputs) - response).square().sum()
