"""A blend: the weighted mean of other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from datasets.ratings import UNKNOWN, HeldOut, Ratings
from impls.als import ALS
from impls.autorec import AutoRec
from impls.bayesian.bayesian_mf import BayesianMF
from impls.bayesian.bayesian_svdpp import BayesianSVDpp
from impls.bias import Bias
from impls.kernels.chunks import Ids, Predicted
from impls.ncf import NCF
from impls.numba_sgd import NumbaSGD
from impls.protocol import Implementation, Training, ValidationReferee

ROWS: Mapping[str, type[Any]] = {
    "als": ALS,
    "autorec": AutoRec,
    "bayesian_mf": BayesianMF,
    "bayesian_svdpp": BayesianSVDpp,
    "bias": Bias,
    "ncf": NCF,
    "numba_sgd": NumbaSGD,
}


@dataclass
class Blend:
    """r̂ = Σ_m w_m r̂_m over rows m with their presets `default`, w_m ≥ 0 and Σ_m w_m = 1.

    A part of the training ratings is held out, and each row is fitted on the rest. w is the
    minimum of Σ (r − r̂)² over that part. Then each row is fitted on all training ratings, for as
    many epochs as were best on the rest.

    of        names of two rows or more
    held_out  share of the training ratings that choose w and the epochs

    Breiman 1996, Stacked regressions.
    """

    model: ClassVar[str] = "blend"
    source: ClassVar[str] = "Breiman 1996"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    of: tuple[str, ...] = ("autorec", "bayesian_svdpp")
    held_out: float = 0.1
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.of:
            if name not in ROWS:
                raise ValueError(f"of: no row '{name}' in a blend; there are {', '.join(ROWS)}")
        if len(self.of) < 2 or len(set(self.of)) < len(self.of):
            raise ValueError(f"of: two different rows or more, not {', '.join(self.of) or 'none'}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out: a share between 0 and 1, not {self.held_out}")

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        rest, part = divided(train, self.held_out, self.seed)
        self.models_: list[Implementation] = []
        predicted = np.empty((len(part), len(self.of)))
        for m, name in enumerate(self.of):
            model = self._row(name)
            referee = Counting(model, part)
            model.fit(rest, Training(referee=referee))
            predicted[:, m] = model.predict(part.users, part.items)
            epochs = {"epochs": referee.best_epoch} if referee.best_epoch else {}
            self.models_.append(self._row(name, **epochs).fit(train))
        self.weights_ = weights(predicted, part.values)  # (m,)
        return self

    def _row(self, name: str, **hyperparameters: int) -> Implementation:
        model: Implementation = ROWS[name](device=self.device, seed=self.seed, **hyperparameters)
        return model

    def predict(self, users: Ids, items: Ids) -> Predicted:
        predicted = [model.predict(users, items) for model in self.models_]  # m of (n,)
        return np.average(predicted, axis=0, weights=self.weights_).astype(np.float32)


class Counting(ValidationReferee):
    """Counts the epochs up to the best one; 0 for a row that has none."""

    best_epoch = 0

    def stops(self, epoch: int, n: int) -> bool:
        enough = super().stops(epoch, n)
        self.best_epoch = epoch - (self.best.stale if self.best else 0)
        return enough


def divided(train: Ratings, share: float, seed: int) -> tuple[Ratings, HeldOut]:
    """The rest with contiguous ids of its own, and in these the part that is held out: about a
    `share` of the ratings, drawn at random, less those whose user or item the rest lacks."""
    order = np.random.default_rng(seed).permutation(len(train))
    held, kept = np.split(order, [int(share * len(train))])
    new_user, n_users = _numbered(train.users[kept], train.n_users)
    new_item, n_items = _numbered(train.items[kept], train.n_items)
    users, items = new_user[train.users], new_item[train.items]  # (n,)
    rest = Ratings(users[kept], items[kept], train.values[kept], n_users, n_items, train.scale)
    held = held[(users[held] != UNKNOWN) & (items[held] != UNKNOWN)]
    return rest, HeldOut(users[held], items[held], train.values[held])


def _numbered(ids: Ids, n: int) -> tuple[Ids, int]:
    """For each id below `n` its number among those that occur, else UNKNOWN, (n,); and how many
    occur."""
    known = np.unique(ids)
    numbers = np.full(n, UNKNOWN, np.int32)
    numbers[known] = np.arange(len(known))
    return numbers, len(known)


def weights(predicted: NDArray[np.float64], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The minimum of ‖r − R̂ w‖² over w ≥ 0 with Σ w = 1, for R̂ (n, m) and r (n,). (m,)

    With Σ w = 1 it is that of ‖E w‖² for the errors E = r 1ᵀ − R̂, so only the direction of w
    counts: it is that of the minimum of ‖E w‖² + (Σ w − 1)², which has no constraint but w ≥ 0.
    """
    if not len(values):
        return np.full(predicted.shape[1], 1 / predicted.shape[1])
    errors = values[:, None] - predicted  # (n, m)
    triangle = np.linalg.qr(errors / np.sqrt(len(values)), mode="r")  # same norms of E w
    system = np.vstack([triangle, np.ones(predicted.shape[1])])
    solution, _ = nnls(system, np.append(np.zeros(len(triangle)), 1.0))
    return solution / solution.sum()
