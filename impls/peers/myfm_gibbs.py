"""myFM's Gibbs sampler, with a user and an item as its only features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.peers.shared import Learnt
from impls.protocol import Training

BURN_IN = 5
"""First draws that the library leaves out of the mean, if there are at least ten."""


@dataclass
class MyFMGibbs:
    """Bayesian factorisation machine: r̂ = E[w_0 + w_u + w_i + v_u·v_i], on one thread.

    The library calls back after each draw, with the draw, and the callback can stop it: so it
    is interrupted as any epoch loop is. A fit of n iterations predicts the mean of its last
    n − 5 draws; so does a fit that is stopped here after n.

    rank, init_stdev  the library's
    epochs            its n_iter

    Rendle 2012, Factorization machines with libFM, in Ohtsuki's myFM; ranks and iterations as
    in Rendle, Zhang & Koren 2019.
    """

    model: ClassVar[str] = "Bayesian FM"
    source: ClassVar[str] = "Rendle 2012"
    library: ClassVar[str] = "myfm"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "rank-16": {"rank": 16, "init_stdev": 0.1},
    }

    rank: int = 8
    epochs: int = 60
    init_stdev: float = 0.188
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        from myfm import MyFMRegressor

        n, n_users = len(train), train.n_users
        columns = np.column_stack([train.users, train.items + n_users]).ravel()  # (2n,)
        ones, rows = np.ones(2 * n), np.arange(0, 2 * n + 1, 2)
        X = sparse.csr_matrix((ones, columns, rows), shape=(n, n_users + train.n_items))
        self.draws_: list[Learnt] = []
        epochs = training.epochs(self.epochs)
        next(epochs)

        def look(_epoch: int, fm: Any, _priors: Any, _history: Any) -> tuple[bool, None]:
            # Copies, row by row: the library overwrites this draw with the next one.
            w, V = np.array(fm.w), np.array(fm.V, order="C")
            draw = Learnt(fm.w0, w[:n_users], w[n_users:], V[:n_users], V[n_users:])
            self.draws_.append(draw)
            return next(epochs, None) is None, None

        MyFMRegressor(self.rank, self.init_stdev, self.seed).fit(
            X,
            train.values,
            n_iter=self.epochs,
            n_kept_samples=1,  # `draws_` has them all
            group_shapes=[n_users, train.n_items],
            callback=look,
        )
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        n = len(self.draws_)
        kept = self.draws_[-min(max(n - BURN_IN, BURN_IN), n) :]
        total = np.zeros(len(users))
        for draw in kept:
            total += draw.predict(users, items)
        return (total / len(kept)).astype(np.float32)
