"""Ratings on one scale, so that step sizes and penalties mean the same on every dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scaling:
    """target = (rating − mean) / sd. `Scaling()` changes nothing."""

    mean: float = 0.0
    sd: float = 1.0

    @classmethod
    def of(cls, values: NDArray[np.float32], standardise: bool) -> Self:
        """The scaling to mean 0 and standard deviation 1 (0 where all values are equal)."""
        if not standardise:
            return cls()
        return cls(float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)) or 1.0)

    def targets(self, values: NDArray[np.float32], dtype: str = "float32") -> NDArray[np.floating]:
        """What is learnt of the ratings `values`. (n,)"""
        return ((values.astype(np.float64) - self.mean) / self.sd).astype(dtype)
