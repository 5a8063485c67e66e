"""The mean of the training ratings for every pair, which any other implementation must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted
from impls.protocol import Training


@dataclass
class GlobalMean:
    """r̂ = μ."""

    model: ClassVar[str] = "global mean"
    source: ClassVar[str] = "none"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        self.mean_ = train.values.mean(dtype=np.float64)
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return np.full(len(users), self.mean_, dtype=np.float32)
