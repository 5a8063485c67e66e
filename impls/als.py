"""Matrix factorisation by alternating least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.regressions.regressions import Regressions, products, regressions, start
from impls.kernels.scaling import Scaling
from impls.protocol import Training


@dataclass
class ALS:
    """r̂ = μ + σ(b_u + b_i + p_u·q_i): all users solved exactly, then all items, in turn.

    With the items fixed, w_u = (b_u, p_u) is a ridge regression of z − b_i on x_i = (1, q_i)
    over the n_u ratings of user u:

        (Σ x_i x_iᵀ + λ n_u I) w_u = Σ (z_ui − b_i) x_i

    and likewise for the items. λ is multiplied by the count, so that the penalty has the
    same share of the loss however often a user or item is rated.

    factors           k, entries of p_u and q_i
    epochs            sweeps over users and items, at most
    regularisation    λ
    std               of the normal initial entries of q_i

    Zhou, Wilkinson, Schreiber & Pan 2008, Large-scale parallel collaborative filtering for
    the Netflix Prize.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Zhou et al. 2008"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 64
    epochs: int = 12
    regularisation: float = 0.0965
    std: float = 0.0113
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        self.scaling_ = Scaling.of(train.values, "standardised")
        z = self.scaling_.response(train.values)
        users, items = train.users, train.items
        shape = train.n_users, train.n_items
        by_user = regressions(users, items, z, shape, self.device)
        by_item = regressions(items, users, z, shape[::-1], self.device)
        rng = torch.Generator().manual_seed(self.seed)
        self.W_ = torch.zeros(train.n_users, 1 + self.factors, device=self.device)
        self.X_ = start(train.n_items, self.factors, self.std, rng).to(self.device)

        for _ in training.epochs(self.epochs):
            self.W_ = self._solve(train.n_users, by_user, self.X_)
            self.X_ = self._solve(train.n_items, by_item, self.W_)
        return self

    def _solve(self, n_rows: int, ratings: Regressions, others: Tensor) -> Tensor:
        """The optimal rows (n_rows, 1 + k) for fixed `others` (n_others, 1 + k)."""
        d = others.shape[1]
        rows, _ = ratings.solve(
            others,
            alpha=1.0,
            precision=torch.zeros(d, d, device=self.device),
            towards=torch.zeros(d, device=self.device),
            ridge=self.regularisation,
            noise=torch.zeros(n_rows, d, device=self.device),
        )
        return rows

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, dtype=torch.long, device=self.device) for ids in (users, items))
        z = products(self.W_[u], self.X_[i])  # (n,)
        return (self.scaling_.mean + self.scaling_.sd * z).cpu().numpy()
