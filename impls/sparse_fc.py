"""SparseFC: an autoencoder of each item's ratings whose weights a kernel makes sparse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.rated_rows import rated_rows
from impls.kernels.scaling import Response, Scaling
from impls.protocol import Training

HISTORY = 10
"""Steps from which L-BFGS estimates the curvature."""

NEAR = 1e-3
"""Standard deviation of the units' first places: all are joined."""


class KernelLayer(nn.Module):
    """Units of one layer and of the next. A = W ⊙ K joins unit i at u_i to unit j at v_j, where
    they are near: K_ij = max(0, 1 − ‖u_i − v_j‖²)."""

    def __init__(self, n_from: int, n_to: int, dimensions: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(n_from, n_to) / n_from**0.5)
        self.u = nn.Parameter(NEAR * torch.randn(n_from, dimensions))
        self.v = nn.Parameter(NEAR * torch.randn(n_to, dimensions))
        self.b = nn.Parameter(torch.zeros(n_to))

    def kernel(self) -> Tensor:
        """K. (n_from, n_to)"""
        lengths = self.u.square().sum(dim=1)[:, None] + self.v.square().sum(dim=1)
        return (1 - lengths + 2 * self.u @ self.v.T).clamp(min=0)


@dataclass
class SparseFC:
    """h(x) = A₃ᵀ s(A₂ᵀ s(A₁ᵀ x + b₁) + b₂) + b₃ for an item, s the logistic function. x has a
    number for each user: t + `presence` for one who rated the item, t the response for the rating,
    and 0 for the others. The weights A = W ⊙ K of `KernelLayer` are sparse once units are apart.

    The loss is ½ Σ (t − h(x))² over the rated entries + λ/2 Σ ‖W‖² + λₛ/2 Σ ‖K‖² over the layers.
    L-BFGS minimises it on all items at once. x holds training ratings alone, also in `predict`.

    hidden           units of each of the two hidden layers
    dimensions       of the places u and v
    response         t: "standardised", "centred" (σ = 1) or "raw" (also μ = 0) ratings
    presence         so that an average rating differs from a missing one
    iterations       of L-BFGS in an epoch
    regularisation   λ
    sparsity         λₛ

    Müller, Martel & Indiveri 2018, Kernelized synaptic weight matrices.
    """

    model: ClassVar[str] = "SparseFC"
    source: ClassVar[str] = "Müller et al. 2018"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": {
            "hidden": 500,
            "response": "raw",
            "presence": 0.0,
            "epochs": 9,
            "iterations": 50,
            "regularisation": 60.0,
        },
    }

    hidden: int = 100
    dimensions: int = 5
    response: Response = "standardised"
    presence: float = 3.0
    epochs: int = 100
    iterations: int = 5
    regularisation: float = 20.0
    sparsity: float = 0.013
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        torch.manual_seed(self.seed)
        self.scaling_ = Scaling.of(train.values, self.response)
        t = self.scaling_.response(train.values)
        shape = (train.n_items, train.n_users)
        self.rated_ = rated_rows(train.items, train.users, t, shape, self.device)
        sizes = (train.n_users, self.hidden, self.hidden, train.n_users)
        self.layers_ = [
            KernelLayer(*ends, self.dimensions).to(self.device) for ends in pairwise(sizes)
        ]
        optimiser = torch.optim.LBFGS(
            [each for layer in self.layers_ for each in layer.parameters()],
            max_iter=self.iterations,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=HISTORY,
            line_search_fn="strong_wolfe",
        )
        items = self._items()

        def loss() -> Tensor:
            optimiser.zero_grad()
            loss = self._loss(items)
            loss.backward()
            return loss

        for _ in training.epochs(self.epochs):
            optimiser.step(loss)
        return self

    def _items(self) -> tuple[Tensor, ...]:
        """All rows, as one batch of `rated_`."""
        order = torch.arange(len(self.rated_), device=self.device)
        [batch] = self.rated_.batches(order, len(order))
        return batch

    def _hidden(self, items: tuple[Tensor, ...], A1: Tensor, A2: Tensor) -> Tensor:
        """Of the second layer, for all items. (n_items, hidden)"""
        first, second, _ = self.layers_
        Ax = self.rated_.times(items, self.presence, A1)  # (n_items, hidden)
        return torch.sigmoid(torch.sigmoid(Ax + first.b) @ A2 + second.b)

    def _loss(self, items: tuple[Tensor, ...]) -> Tensor:
        kernels = [layer.kernel() for layer in self.layers_]
        A1, A2, A3 = (layer.W * K for layer, K in zip(self.layers_, kernels, strict=True))
        hidden = self._hidden(items, A1, A2)
        b3 = self.layers_[-1].b
        squared_error = self.rated_.squared_error(items, hidden, A3.T, b3, lambda x: x)
        penalties = (
            self.regularisation * layer.W.square().sum() + self.sparsity * K.square().sum()
            for layer, K in zip(self.layers_, kernels, strict=True)
        )
        return (squared_error + sum(penalties)) / 2

    @torch.no_grad()
    def predict(self, users: Ids, items: Ids) -> Predicted:
        A1, A2, A3 = (layer.W * layer.kernel() for layer in self.layers_)
        hidden = self._hidden(self._items(), A1, A2)  # (n_items, hidden)
        decoder, b3 = A3.T.contiguous(), self.layers_[-1].b  # (n_users, hidden), (n_users,)

        def decode(users: Ids, items: Ids) -> Predicted:
            u, i = (torch.tensor(ids, device=self.device) for ids in (users, items))
            t = (hidden[i] * decoder[u]).sum(dim=1) + b3[u]  # (n,)
            return (self.scaling_.mean + self.scaling_.sd * t).cpu().numpy()

        return in_chunks(decode, users, items)
