"""Matrix factorisation in pure NumPy: the steps of `numpy_sgd`, a stratum at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.scaling import Scaling
from impls.kernels.sgd.per_rating import initial_factors
from impls.kernels.sgd.strata import strata
from impls.protocol import Training

MOST = 512
"""Ratings of a step, at most, so that the arrays of a step stay in cache."""


@dataclass
class NumpySGDStrata:
    """The model, loss and update of `numpy_sgd`; ratings that share no row are one array step.

    In a stratum no user and no item appears twice, so one step along the gradients of all its
    ratings is the same as one step after another. Strata are visited in a new random order
    every epoch.

    Hyperparameters as in `numpy_sgd`.

    Gemulla, Haas, Nijkamp & Sismanis 2011, Large-scale matrix factorization with distributed
    stochastic gradient descent.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Gemulla et al. 2011"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 64
    epochs: int = 12
    learning_rate: float = 0.04
    decay: float = 0.8
    regularisation: float = 0.06
    std: float = 0.03
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        rng = np.random.default_rng(self.seed)
        P, Q = initial_factors(rng, train, self.factors, "normal", self.std, "float32")
        # One table of all rows, each with its bias and a one: (p_u, b_u, 1) · (q_i, 1, b_i).
        self.rows_ = np.pad(np.concatenate([P, Q]), ((0, 0), (0, 2)))  # (n_users + n_items, k + 2)
        self.rows_[: len(P), -1] = self.rows_[len(P) :, -2] = 1.0
        # A view in which a row is one entry, since `put` copies whole entries.
        whole = self.rows_.view(np.dtype((np.void, self.rows_[0].nbytes)))[:, 0]
        self.scaling_ = Scaling.of(train.values, "standardised")
        response = self.scaling_.response(train.values)  # (n,)
        self.n_items_ = len(Q)  # rows of items have indices from the end
        places = np.stack([train.users, train.items + len(P)]).astype(np.intp)  # (2, n)
        parts = [
            (places[:, part], response[part])
            for part in strata(train, rng.permutation(len(train)), at_most=MOST)
        ]

        for epoch in training.epochs(self.epochs):
            step = np.float32(2 * self.learning_rate * self.decay**epoch)
            shrink = 1 - step * np.float32(self.regularisation)
            for n in rng.permutation(len(parts)):
                place, z = parts[n]  # (2, B), (B,)
                pq = self.rows_.take(place, axis=0)  # (2, B, k + 2)
                change = step * (z - np.vecdot(*pq))  # (B,)
                new = change[:, None] * pq[::-1]
                pq *= shrink
                new += pq
                new[0, :, -1] = new[1, :, -2] = 1.0
                whole.put(place, new.view(whole.dtype))
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        z = np.einsum("nk,nk->n", self.rows_[users], self.rows_[items - self.n_items_])
        return self.scaling_.mean + self.scaling_.sd * z
