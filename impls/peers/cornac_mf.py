"""Cornac's MF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import coo_array

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.peers.shared import Learnt, pinned
from impls.protocol import Training

STD = 0.01
"""Of the normal initial factors: the library's value."""


@dataclass
class CornacMF:
    """Biased matrix factorisation by compiled SGD, on threads that share all rows.

    Threads do not wait for each other, so with several threads no two fits are exactly equal.
    The library's own `seed` would limit it to one thread: it is not used, and the seed here
    only draws the initial factors, as the library would. Factors can be read only after the
    last iteration.

    k, learning_rate, lambda_reg  the library's
    epochs                        its max_iter
    epoch_budgets                 epochs of the earlier fits, each from scratch

    Salah, Truong & Lauw 2020, Cornac: a comparative framework for multimodal recommender
    systems; the model is that of Koren, Bell & Volinsky 2009.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Salah et al. 2020"
    library: ClassVar[str] = "cornac"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        # The fastest to an RMSE of 0.860 on MovieLens 1M.
        "fast": {
            "k": 8,
            "epochs": 16,
            "epoch_budgets": (6, 7, 8, 9, 10, 11, 12, 14),
            "learning_rate": 0.02,
            "lambda_reg": 0.02,
        },
    }

    k: int = 64
    epochs: int = 50
    epoch_budgets: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 16, 20, 30, 40)
    learning_rate: float = 0.00819
    lambda_reg: float = 0.0674
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        from cornac.data import Dataset
        from cornac.models import MF

        shape = train.n_users, train.n_items
        for epochs in training.fits(self.epochs, self.epoch_budgets):
            rng = np.random.default_rng(self.seed)
            U, V = (STD * rng.standard_normal((n, self.k), np.float32) for n in shape)
            # User by user, as in files: faster than the split's random order. The arrays have the
            # library's own types, so that it does not convert them.
            entries = coo_array((train.values, (train.users, train.items)), shape)
            entries.has_canonical_format = True
            by_user = entries.tocsr()
            users = np.repeat(np.arange(train.n_users), np.diff(by_user.indptr))
            triples = users, by_user.indices.astype(np.int64), by_user.data
            ratings = Dataset(*shape, {}, {}, triples)
            mf = MF(
                k=self.k,
                max_iter=epochs,
                learning_rate=self.learning_rate,
                lambda_reg=self.lambda_reg,
                num_threads=pinned(),
                init_params={"U": U, "V": V},
            ).fit(ratings)
            self.learnt_ = Learnt(
                mf.global_mean, mf.u_biases, mf.i_biases, mf.u_factors, mf.i_factors
            )
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self.learnt_.predict, users, items)
