"""Ratings on one scale, so that step sizes and penalties mean the same on every dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

Response = Literal["standardised", "centred", "raw"]
"""The response that a model fits for a rating r: (r − μ)/σ, r − μ, or r itself."""


@dataclass(frozen=True)
class Scaling:
    """response = (rating − mean) / sd. `Scaling()` changes nothing."""

    mean: float = 0.0
    sd: float = 1.0

    @classmethod
    def of(cls, values: NDArray[np.float32], response: Response) -> Self:
        """The scaling that gives `values` mean 0 and standard deviation 1 (0 where all are
        equal), mean 0 alone, or leaves them as they are."""
        if response == "raw":
            return cls()
        mean = float(values.mean(dtype=np.float64))
        if response == "centred":
            return cls(mean)
        return cls(mean, float(values.std(dtype=np.float64)) or 1.0)

    def response(self, values: NDArray[np.float32], dtype: str = "float32") -> NDArray[np.floating]:
        """The response of the ratings `values`. (n,)"""
        return ((values.astype(np.float64) - self.mean) / self.sd).astype(dtype)
