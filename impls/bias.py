"""User and item biases in closed form: the baseline of every rating predictor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted
from impls.protocol import Training


@dataclass
class Bias:
    """r̂ = μ + b_u + b_i, by a few alternating sweeps over all b_i and all b_u.

    b_i = Σ_u (r − μ − b_u) / (λ_i + n_i) over the n_i ratings of item i, and b_u likewise:
    each is the exact minimum of Σ (r − r̂)² + λ_i Σ b_i² + λ_u Σ b_u² over one side.

    user_damping, item_damping   λ_u, λ_i, in ratings
    sweeps                       1 is Koren's estimate; more approach the joint minimum

    Koren 2010, Factor in the neighbors.
    """

    model: ClassVar[str] = "biases"
    source: ClassVar[str] = "Koren 2010"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": {"user_damping": 10.0, "item_damping": 25.0, "sweeps": 1},
        "surprise": {"user_damping": 15.0, "item_damping": 10.0, "sweeps": 10},
    }

    user_damping: float = 5.0
    item_damping: float = 3.0
    sweeps: int = 10
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        users, items = train.users, train.items
        self.mean_ = train.values.mean(dtype=np.float64)
        residuals = train.values - self.mean_  # (n,)
        per_user = self.user_damping + np.bincount(users, minlength=train.n_users)  # (n_users,)
        per_item = self.item_damping + np.bincount(items, minlength=train.n_items)  # (n_items,)
        self.user_bias_ = np.zeros(train.n_users)
        for _ in range(self.sweeps):
            without_user = residuals - self.user_bias_[users]
            self.item_bias_ = np.bincount(items, without_user, train.n_items) / per_item
            without_item = residuals - self.item_bias_[items]
            self.user_bias_ = np.bincount(users, without_item, train.n_users) / per_user
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        predicted = self.mean_ + self.user_bias_[users] + self.item_bias_[items]
        return predicted.astype(np.float32)
