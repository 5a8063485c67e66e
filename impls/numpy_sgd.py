"""Matrix factorisation in pure NumPy: one rating at a time, gradients by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.scaling import Response, Scaling
from impls.kernels.sgd.per_rating import Initialisation, in_random_order, initial_factors
from impls.protocol import Training


@dataclass
class NumpySGD:
    """r̂ = μ + σ(b_u + b_i + p_u·q_i) by stochastic gradient descent.

    The response is the standardised rating z = (r − μ)/σ. The loss of one rating is
    e² + λ(b_u² + b_i² + ‖p_u‖² + ‖q_i‖²) with e = z − b_u − b_i − p_u·q_i, and so its
    gradient by p_u is −2(e q_i − λ p_u), with the factor 2.

    factors           k, entries of p_u and q_i
    epochs            passes over the ratings, at most
    learning_rate     η of the first epoch
    decay             η is multiplied by it after every epoch, as in Koren 2008
    regularisation    λ
    biases            False leaves out b_u and b_i
    response          "standardised", "centred" (σ = 1) or "raw" (also μ = 0) ratings
    initialisation    entries of p_u and q_i: "normal" (0, `std`), or "uniform" on [0, 1)
    dtype             "float32" or "float64" factors

    Koren, Bell & Volinsky 2009, Matrix factorization techniques for recommender systems.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Koren, Bell & Volinsky 2009"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": {
            "factors": 20,
            "epochs": 10,
            "learning_rate": 0.001,
            "decay": 1.0,
            "regularisation": 0.0,
            "biases": False,
            "response": "raw",
            "initialisation": "uniform",
        },
        "surprise": {
            "factors": 100,
            "epochs": 20,
            "learning_rate": 0.0025,
            "decay": 1.0,
            "regularisation": 0.02,
            "response": "centred",
            "std": 0.1,
            "dtype": "float64",
        },
    }

    factors: int = 64
    epochs: int = 12
    learning_rate: float = 0.04
    decay: float = 0.8
    regularisation: float = 0.06
    biases: bool = True
    response: Response = "standardised"
    initialisation: Initialisation = "normal"
    std: float = 0.03
    dtype: str = "float32"
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        rng = np.random.default_rng(self.seed)
        self.P_, self.Q_ = initial_factors(
            rng, train, self.factors, self.initialisation, self.std, self.dtype
        )  # (n_users, k), (n_items, k)
        self.scaling_ = Scaling.of(train.values, self.response)
        response = self.scaling_.response(train.values, self.dtype)  # (n,)
        # Reading a row view or a float from a list is several times faster than indexing an array.
        P, Q = list(self.P_), list(self.Q_)
        b_user, b_item = [0.0] * train.n_users, [0.0] * train.n_items

        for epoch in training.epochs(self.epochs):
            step = 2 * self.learning_rate * self.decay**epoch
            shrink = 1 - step * self.regularisation
            for u, i, r in in_random_order(rng, train, response):
                p, q = P[u], Q[i]  # (k,), (k,)
                error = r - b_user[u] - b_item[i] - float(p @ q)
                change = step * error
                if self.biases:
                    b_user[u] = shrink * b_user[u] + change
                    b_item[i] = shrink * b_item[i] + change
                towards_q, towards_p = change * q, change * p
                p *= shrink
                p += towards_q
                q *= shrink
                q += towards_p
            self.user_bias_, self.item_bias_ = np.array(b_user), np.array(b_item)
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        products = np.einsum("nk,nk->n", self.P_[users], self.Q_[items])
        biases = self.user_bias_[users] + self.item_bias_[items]
        predicted: Predicted = self.scaling_.mean + self.scaling_.sd * (biases + products)
        return predicted
