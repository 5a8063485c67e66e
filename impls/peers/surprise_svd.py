"""Surprise's SVD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.peers.shared import Learnt
from impls.protocol import Training

if TYPE_CHECKING:
    from surprise import Trainset


@dataclass
class SurpriseSVD:
    """Biased matrix factorisation by SGD, one rating at a time on one thread.

    Factors can be read only after the last epoch, so it cannot be interrupted. It takes the
    ratings as lists of Python tuples, user by user, and visits them in that order.

    epochs                    its n_epochs
    epoch_budgets             epochs of the earlier fits, each from scratch
    n_factors … init_std_dev  the library's

    Hug 2020, Surprise: a Python library for recommender systems; the model is that of Koren,
    Bell & Volinsky 2009.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Hug 2020"
    library: ClassVar[str] = "scikit-surprise"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "library": {
            "n_factors": 100,
            "epochs": 20,
            "lr_all": 0.005,
            "reg_all": 0.02,
            "init_std_dev": 0.1,
        },
    }

    n_factors: int = 32
    epochs: int = 40
    epoch_budgets: tuple[int, ...] = (5, 10, 15, 20, 30)
    lr_all: float = 0.0131
    reg_all: float = 0.0768
    init_std_dev: float = 0.00544
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        from surprise import SVD

        for epochs in training.fits(self.epochs, self.epoch_budgets):
            svd = SVD(
                n_factors=self.n_factors,
                n_epochs=epochs,
                lr_all=self.lr_all,
                reg_all=self.reg_all,
                init_std_dev=self.init_std_dev,
                random_state=self.seed,
            ).fit(trainset(train))
            self.learnt_ = Learnt(svd.trainset.global_mean, svd.bu, svd.bi, svd.pu, svd.qi)
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self.learnt_.predict, users, items)


def trainset(train: Ratings) -> Trainset:
    """The ratings by inner ids, equal to those of `train`; SVD reads no item's list."""
    from surprise import Trainset

    order = np.argsort(train.users, kind="stable")
    rated = list(zip(train.items[order].tolist(), train.values[order].tolist(), strict=True))
    ends = np.cumsum(np.bincount(train.users, minlength=train.n_users)).tolist()
    by_user = {u: rated[start:end] for u, (start, end) in enumerate(pairwise([0, *ends]))}
    by_item = dict.fromkeys(range(train.n_items), ())
    users, items = ({id_: id_ for id_ in range(n)} for n in (train.n_users, train.n_items))
    return Trainset(
        by_user, by_item, train.n_users, train.n_items, len(train), train.scale, users, items
    )
