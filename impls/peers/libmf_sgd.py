"""LIBMF, through its Python binding."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.peers.shared import Learnt, pinned
from impls.protocol import Training


@dataclass
class LibmfSGD:
    """Matrix factorisation without biases by compiled SGD, on blocks that threads never share.

    Its initial factors are positive, with products near the ratings, so it gets the raw ratings.
    Its random numbers cannot be seeded; with several threads the order of the blocks varies, so
    no two fits are exactly equal. Factors can be read only after the last iteration.

    k, eta         the library's
    epochs         its nr_iters
    epoch_budgets  epochs of the earlier fits, each from scratch
    lambda_l2      its lambda_p2 and lambda_q2; no L1

    Chin, Zhuang, Juan & Lin 2015, A learning-rate schedule for stochastic gradient methods to
    matrix factorization.
    """

    model: ClassVar[str] = "MF without biases"
    source: ClassVar[str] = "Chin et al. 2015"
    library: ClassVar[str] = "libmf"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    k: int = 128
    epochs: int = 40
    epoch_budgets: tuple[int, ...] = (2, 4, 6, 8, 10, 15, 20, 30)
    eta: float = 0.0279
    lambda_l2: float = 0.0634
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        with contextlib.redirect_stdout(io.StringIO()):  # the import prints a path
            from libmf import mf

        for epochs in training.fits(self.epochs, self.epoch_budgets):
            model = mf.MF(
                k=self.k,
                nr_iters=epochs,
                eta=self.eta,
                lambda_p1=0.0,
                lambda_p2=self.lambda_l2,
                lambda_q1=0.0,
                lambda_q2=self.lambda_l2,
                nr_threads=pinned(),
                quiet=True,
            )
            model.fit(np.column_stack([train.users, train.items, train.values]))
            without = np.zeros(max(train.n_users, train.n_items), np.float32)
            self.learnt_ = Learnt(0.0, without, without, model.p_factors(), model.q_factors())
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self.learnt_.predict, users, items)
