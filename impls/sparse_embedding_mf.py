"""Matrix factorisation with sparse embedding gradients: SGD updates a batch's rows only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.scaling import Response, Scaling
from impls.kernels.sgd.per_rating import Initialisation, initial_factors
from impls.protocol import Training


@dataclass
class SparseEmbeddingMF:
    """The model, loss and hyperparameters of `numpy_sgd`, in batches of `batch_size` ratings.

    The loss of a batch is the sum of its ratings' losses, each with the L2 of its own rows, so
    `learning_rate` means the same at every batch size, and a batch of 1 is `numpy_sgd`'s update.
    A row that occurs m times in a batch takes m steps from the same point at once: training
    diverges as 2 · learning_rate · m approaches 1.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Koren, Bell & Volinsky 2009"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": {
            "factors": 20,
            "epochs": 10,
            "batch_size": 1,
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
    batch_size: int = 512
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
        shuffle = torch.Generator(self.device).manual_seed(self.seed)
        P, Q = initial_factors(
            rng, train, self.factors, self.initialisation, self.std, self.dtype
        )  # (n_users, k), (n_items, k)
        self.scaling_ = Scaling.of(train.values, self.response)
        weights = [P, Q]
        if self.biases:
            weights += [np.zeros((len(weight), 1), self.dtype) for weight in (P, Q)]
        self.tables_ = nn.ModuleList(
            nn.Embedding.from_pretrained(torch.tensor(weight), freeze=False, sparse=True)
            for weight in weights
        ).to(self.device)
        optimiser = torch.optim.SGD(self.tables_.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, self.decay)
        users, items, response = (
            torch.tensor(array, device=self.device)
            for array in (
                train.users,
                train.items,
                self.scaling_.response(train.values, self.dtype),
            )
        )  # (n,) each

        for _ in training.epochs(self.epochs):
            order = self._order(rng, shuffle, len(train))  # (n,)
            for batch in order.split(self.batch_size):  # (B,)
                optimiser.zero_grad()
                self._loss(users[batch], items[batch], response[batch]).backward()
                optimiser.step()
            schedule.step()
        return self

    def _order(self, rng: np.random.Generator, shuffle: torch.Generator, n: int) -> Tensor:
        """A new order of n ratings. (n,) On the CPU as in `numpy_sgd`; on a device drawn there."""
        if self.device == "cpu":
            return torch.from_numpy(rng.permutation(n))
        return torch.randperm(n, generator=shuffle, device=self.device)

    def _rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        """p_u (B, k), q_i (B, k) and, with biases, b_u (B, 1), b_i (B, 1)."""
        ids = (users, items, users, items)
        return [table(of) for table, of in zip(self.tables_, ids, strict=False)]

    def _products(self, rows: list[Tensor]) -> Tensor:
        """p_u·q_i + b_u + b_i. (B,)"""
        p, q, *biases = rows
        return torch.cat([p * q, *biases], dim=1).sum(dim=1)

    def _loss(self, users: Tensor, items: Tensor, response: Tensor) -> Tensor:
        rows = self._rows(users, items)
        loss = (response - self._products(rows)).square().sum()
        if self.regularisation:
            loss = loss + self.regularisation * torch.cat(rows, dim=1).square().sum()
        return loss

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    @torch.no_grad()
    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, device=self.device) for ids in (users, items))
        products = self._products(self._rows(u, i))
        return (self.scaling_.mean + self.scaling_.sd * products).float().cpu().numpy()
