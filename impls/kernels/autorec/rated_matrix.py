"""A rating matrix with all entries, rated or not, for a device with fast products."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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
