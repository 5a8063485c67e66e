"""A rating matrix on a device, read by whole rows: the input and response of AutoRec.

It has two forms: by its rated entries, or dense for a device with fast products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

DENSE_BYTES = 1 << 30
"""A matrix up to this size is dense on a GPU, with its unrated entries; a step on all rows at once
allocates about eight more of the size."""

DENSE_FROM = 0.15
"""Share of rated entries from which the dense product is faster. Measured, forwards and backwards,
for 200 rows, 943 and 6,040 columns, 300 and 500 units: between 0.1 and 0.17 on one core and on
two."""


class RatedRows(Protocol):
    """Rows of a response t, in part rated. It is immutable, so a copy is the object itself."""

    same_shapes: ClassVar[bool]
    """Whether batches of as many rows have tensors of the same shapes, as a CUDA graph needs."""

    @property
    def n_columns(self) -> int: ...

    def __len__(self) -> int: ...

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
        """The rows `order` (n,), which is on the device, `size` at a time, in the form that the
        methods below take: a first tensor (B, …) and what else that form needs."""

    def times(self, batch: tuple[Tensor, ...], presence: float, V: Tensor) -> Tensor:
        """x V, where x is t + `presence` at the rated entries of B rows and 0 at the others.

        V (n_columns, hidden). (B, hidden)
        """

    def squared_error(
        self,
        batch: tuple[Tensor, ...],
        hidden: Tensor,
        W: Tensor,
        b: Tensor,
        activation: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Σ (f(hidden Wᵀ + b) − t)² over the rated entries, f the `activation`.

        hidden (B, hidden), W (n_columns, hidden), b (n_columns,). ()
        """


def rated_rows(
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.floating],
    shape: tuple[int, int],
    device: str,
) -> RatedRows:
    """The response `values` at `rows` and `columns` (n,) each, in any order, in the form for the
    device: by entries on a CPU and where a dense matrix would be large; else dense, since a GPU
    is fast at large products, and all batches then have one shape."""
    small = shape[0] * shape[1] * np.float32().nbytes <= DENSE_BYTES
    if device != "cpu" and small:
        return RatedMatrix.of(rows, columns, values, shape, device)
    return RatedEntries.of(rows, columns, values, shape, device)


@dataclass(frozen=True)
class RatedMatrix:
    """The response, float32 (n_rows, n_columns) on the device, NaN where unrated.

    A batch is (response (B, n_columns),).
    """

    matrix: Tensor
    same_shapes: ClassVar[bool] = True

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
        matrix = torch.full(shape, math.nan, device=device)
        at = tuple(torch.tensor(ids, dtype=torch.long, device=device) for ids in (rows, columns))
        matrix[at] = torch.tensor(values, dtype=torch.float32, device=device)
        return cls(matrix)

    @property
    def n_columns(self) -> int:
        return self.matrix.shape[1]

    def __len__(self) -> int:
        return len(self.matrix)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
        """As in `RatedRows`."""
        for rows in order.split(size):
            yield (self.matrix[rows],)

    def times(self, batch: tuple[Tensor, ...], presence: float, V: Tensor) -> Tensor:
        """As in `RatedRows`."""
        (response,) = batch
        return (response + presence).nan_to_num(0.0) @ V

    def squared_error(
        self,
        batch: tuple[Tensor, ...],
        hidden: Tensor,
        W: Tensor,
        b: Tensor,
        activation: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """As in `RatedRows`."""
        (response,) = batch
        error = activation(hidden @ W.T + b) - response  # (B, n_columns)
        return error.masked_fill(response.isnan(), 0.0).square().sum()


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


def sparse_times_dense(
    rows: Tensor, columns: Tensor, values: Tensor, n_rows: int, dense: Tensor
) -> Tensor:
    """S D of a sparse S (n_rows, n_columns) and D = `dense` (n_columns, k). (n_rows, k)

    S has the entries `values` (m,) at `rows` (m,), which are sorted, and `columns` (m,).
    """
    if len(values) > DENSE_FROM * n_rows * len(dense):
        matrix = dense.new_zeros(n_rows, len(dense))
        matrix[rows, columns] = values
        return matrix @ dense
    each = torch.arange(n_rows, device=rows.device)
    starts = torch.searchsorted(rows.contiguous(), each)  # (n_rows,)
    return embedding_bag(columns, dense, starts, mode="sum", per_sample_weights=values)


class RatedProducts(torch.autograd.Function):
    """The entries of H Wᵀ at `rows` (m,), which are sorted, and `columns` (m,). (m,)

    H (n_rows, k), W (n_columns, k). With G the gradient at those entries and 0 elsewhere,
    dH = G W and dW = Gᵀ H; autograd would compute them with a dense G.
    """

    @staticmethod
    def forward(ctx: Any, H: Tensor, W: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.save_for_backward(H, W, rows, columns)
        return (H @ W.T)[rows, columns]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (g,) = gradients  # (m,)
        H, W, rows, columns = ctx.saved_tensors
        dH = sparse_times_dense(rows, columns, g, len(H), W)
        columns, order = columns.sort()
        dW = sparse_times_dense(columns, rows[order], g[order], len(W), H)
        return dH, dW, None, None
