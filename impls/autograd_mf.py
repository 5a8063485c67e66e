"""Matrix factorisation, one rating at a time, gradients by torch's autograd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.scaling import Response, Scaling
from impls.kernels.sgd.per_rating import Initialisation, in_random_order, initial_factors
from impls.protocol import Training


@dataclass
class AutogradMF:
    """The model, loss and hyperparameters of `numpy_sgd`; autograd differentiates e².

    The cost of a step grows with the nodes of its graph, so the biases are part of the rows:
    row u of U is (b_u, p_u, 1), row i of V is (1, q_i, b_i), and b_u + b_i + p_u·q_i = U_u·V_i is
    one node. A step reads these two rows alone, never the tables. L2 is weight decay, as in
    torch.optim.SGD: multiplying a row by 1 − 2ηλ is the step along the gradient of λ‖row‖².
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Koren, Bell & Volinsky 2009"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": {
            "factors": 20,
            "epochs": 10,
            "learning_rate": 0.01,
            "decay": 1.0,
            "regularisation": 0.0,
            "biases": False,
            "response": "raw",
            "std": 1.0,
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
        P, Q = initial_factors(
            rng, train, self.factors, self.initialisation, self.std, self.dtype
        )  # (n_users, k), (n_items, k)
        self.scaling_ = Scaling.of(train.values, self.response)
        response = self.scaling_.response(train.values, self.dtype)  # (n,)
        # With a zero in place of the one, the other side's bias stays zero.
        one = 1.0 if self.biases else 0.0
        self.U_ = torch.tensor(np.pad(P, ((0, 0), (1, 1))), device=self.device)  # (n_users, k + 2)
        self.V_ = torch.tensor(np.pad(Q, ((0, 0), (1, 1))), device=self.device)  # (n_items, k + 2)
        self.U_[:, -1] = one
        self.V_[:, 0] = one
        # Views: the rows that are differentiated and the parts that a step changes share memory.
        U = [row.requires_grad_() for row in self.U_.unbind()]
        V = [row.requires_grad_() for row in self.V_.unbind()]
        learnt_U, learnt_V = self.U_[:, :-1].unbind(), self.V_[:, 1:].unbind()

        for epoch in training.epochs(self.epochs):
            rate = self.learning_rate * self.decay**epoch
            shrink = 1 - 2 * rate * self.regularisation
            for u, i, r in in_random_order(rng, train, response):
                error = torch.dot(U[u], V[i]) - r
                by_u, by_v = torch.autograd.grad(error * error, (U[u], V[i]))  # (k + 2,) each
                learnt_U[u].mul_(shrink).sub_(by_u[:-1], alpha=rate)
                learnt_V[i].mul_(shrink).sub_(by_v[1:], alpha=rate)
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, dtype=torch.long, device=self.device) for ids in (users, items))
        products = (self.U_[u] * self.V_[i]).sum(dim=1)  # (n,)
        return (self.scaling_.mean + self.scaling_.sd * products).float().cpu().numpy()
