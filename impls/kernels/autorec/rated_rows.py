"""A rating matrix on a device, read by whole rows: the input and response of AutoRec."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from impls.kernels.autorec.rated_entries import RatedEntries
from impls.kernels.autorec.rated_matrix import RatedMatrix

DENSE_BYTES = 1 << 30
"""A matrix up to this size is dense on a GPU, with its unrated entries; a step on all rows at once
allocates about eight more of the size."""


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
