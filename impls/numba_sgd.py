"""Matrix factorisation by compiled SGD, on blocks that threads never share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numba
import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.sgd.blocked import cut
from impls.kernels.sgd.vector_rows import ENTRY_BYTES, aligned_rows, diagonal_steps, lanes_for
from impls.protocol import Training

CACHE_BYTES = 1 << 19
"""Size of the rows of one block, at most: that of a common second-level cache."""


@dataclass
class NumbaSGD:
    """The model, loss and update of `numpy_sgd`, one rating at a time on every thread.

    Users and items are divided at random into G groups each. The G blocks of a diagonal share
    neither users nor items, so threads process them without locks, and the result depends on the
    seed and the number of threads alone. A row is one vector that contains its bias
    (`vector_rows`), and stays in cache while its block is processed.

    factors           k, entries of p_u and q_i; k + 2 is padded to a multiple of 8
    epochs            passes over the ratings, at most
    learning_rate     η of the first epoch
    decay             η is multiplied by it after every epoch
    regularisation    λ
    std               of the uniform initial entries of p_u and q_i

    Zhuang, Chin, Juan & Lin 2013, A fast parallel SGD for matrix factorization in shared
    memory systems; blocks as in Gemulla et al. 2011.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Zhuang et al. 2013"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "fast": {
            "factors": 14,
            "epochs": 4,
            "learning_rate": 0.065,
            "decay": 0.4,
            "regularisation": 0.018,
            "std": 0.02,
        },
    }

    factors: int = 62
    epochs: int = 12
    learning_rate: float = 0.0582
    decay: float = 0.71
    regularisation: float = 0.048
    std: float = 0.018
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        rng = np.random.default_rng(self.seed)
        k, lanes, threads = self.factors, lanes_for(self.factors), numba.get_num_threads()
        row_bytes = ENTRY_BYTES * lanes * (train.n_users + train.n_items)
        groups = threads * math.ceil(row_bytes / CACHE_BYTES / threads)
        blocks, self.scaling_ = cut(train, groups, threads, rng)
        self.U_ = aligned_rows(train.n_users, lanes)  # (n_users, lanes): p_u, b_u, 1, 0 …
        self.V_ = aligned_rows(train.n_items, lanes)  # (n_items, lanes): q_i, 1, b_i, 0 …
        for rows in (self.U_, self.V_):
            start = rng.random((len(rows), k), np.float32)
            start -= 0.5  # in place: a copy of a large table takes time
            start *= self.std * math.sqrt(12)
            rows[:, :k] = start
        self.U_[:, k + 1] = self.V_[:, k] = 1.0
        take_steps = diagonal_steps(k)

        for epoch in training.epochs(self.epochs):
            rate = np.float32(2 * self.learning_rate * self.decay**epoch)
            shrink = np.float32(1 - rate * self.regularisation)
            for diagonal in rng.permutation(groups):
                take_steps(*blocks, self.U_, self.V_, groups, diagonal, rate, shrink)
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        z = np.einsum("nk,nk->n", self.U_[users], self.V_[items])  # (n,)
        predicted: Predicted = self.scaling_.mean + self.scaling_.sd * z
        return predicted
