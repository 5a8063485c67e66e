"""A rating predictor as the author of another package would write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # so that the package is of use where ratebench is not installed
    from datasets.ratings import Ratings
    from impls.protocol import Training

Array = NDArray[np.float64]


@dataclass
class PluginALS:
    """Alternating least squares, L2 by the number of ratings (Zhou et al. 2008).

    It declares neither `model` nor `source`, `devices` or `presets`: all are optional.
    """

    factors: int = 4
    epochs: int = 8
    regularisation: float = 0.1
    note: str = ""  # free text, for which the suite cannot know another value
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training | None = None) -> Self:
        rng = np.random.default_rng(self.seed)
        self.mean_ = train.values.mean(dtype=np.float64)
        response = train.values - self.mean_  # (n,)
        self.P_ = np.zeros((train.n_users, self.factors))
        self.Q_ = rng.normal(size=(train.n_items, self.factors))
        for _ in training.epochs(self.epochs) if training else range(self.epochs):
            self._solve(self.P_, train.users, self.Q_[train.items], response)
            self._solve(self.Q_, train.items, self.P_[train.users], response)
        return self

    def _solve(self, side: Array, ids: NDArray[np.int32], other: Array, response: Array) -> None:
        """The best rows of `side`, given the other side's of each rating (n, k)."""
        order = np.argsort(ids, kind="stable")
        ends = np.cumsum(np.bincount(ids, minlength=len(side)))[:-1]
        for row, rated in enumerate(np.split(order, ends)):
            A, t = other[rated], response[rated]
            ridge = self.regularisation * len(rated) * np.eye(self.factors)
            side[row] = np.linalg.solve(A.T @ A + ridge, A.T @ t)

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float32]:
        products = np.einsum("nk,nk->n", self.P_[users], self.Q_[items])
        return (self.mean_ + products).astype(np.float32)
