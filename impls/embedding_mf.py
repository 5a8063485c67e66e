"""Matrix factorisation with `nn.Embedding` tables, in batches, by Adam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.scaling import Response, Scaling
from impls.kernels.torch_step import StepForm, adam, gradient_step
from impls.protocol import Training


@dataclass
class EmbeddingMF:
    """r̂ = μ + σ(b_u + b_i + p_u·q_i), trained by Adam on batches.

    The loss of a batch is the mean of ½(e² + λ(‖p_u‖² + ‖q_i‖² + b_u² + b_i²)) over its
    ratings, with e = z − b_u − b_i − p_u·q_i and z the standardised rating, as in `numpy_sgd`.

    factors           k, entries of p_u and q_i
    epochs            passes over the ratings, at most
    batch_size        ratings per step
    loader            "slices": a batch is a slice of the ratings on the device; "rows": it is
                      assembled rating by rating by a DataLoader, as in most tutorials
    learning_rate     Adam's, of the first epoch
    decay             learning_rate is multiplied by it after every epoch
    regularisation    λ, on the rows of the batch, so that often rated rows are penalised more
    weight_decay      Adam's own L2, on every row at every step
    std               of the normal initial entries of all four tables
    step              on CUDA: "captured" as a graph, or "eager", kernel by kernel
    response          "standardised", "centred" (σ = 1) or "raw" (also μ = 0) ratings

    Koren, Bell & Volinsky 2009; in this form Zhang et al., Dive into Deep Learning,
    section Matrix Factorization.
    """

    model: ClassVar[str] = "biased MF"
    source: ClassVar[str] = "Koren, Bell & Volinsky 2009"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": {
            "loader": "rows",
            "batch_size": 32,
            "learning_rate": 0.001,
            "step": "eager",
        },
        "d2l": {
            "factors": 30,
            "epochs": 20,
            "batch_size": 512,
            "learning_rate": 0.002,
            "decay": 1.0,
            "regularisation": 0.0,
            "weight_decay": 1e-5,
            "std": 0.01,
            "response": "raw",
            "step": "eager",
        },
    }

    factors: int = 64
    epochs: int = 20
    batch_size: int = 1024
    learning_rate: float = 0.005
    decay: float = 0.85
    regularisation: float = 0.07
    weight_decay: float = 0.0
    std: float = 0.01
    loader: Literal["slices", "rows"] = "slices"
    step: StepForm = "captured"
    response: Response = "standardised"
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        # The start is the same on every device; the order is drawn on the ratings' device.
        start = torch.Generator().manual_seed(self.seed)
        # Single ratings are read on the host: on a device each would be a separate call.
        home = self.device if self.loader == "slices" else "cpu"
        shuffle = torch.Generator(home).manual_seed(self.seed)

        def table(rows: int, width: int) -> nn.Embedding:
            weight = torch.empty(rows, width).normal_(0.0, self.std, generator=start)
            return nn.Embedding.from_pretrained(weight.to(self.device), freeze=False)

        widths = ((train.n_users, self.factors), (train.n_items, self.factors))
        biases = ((train.n_users, 1), (train.n_items, 1))
        self.tables_ = nn.ModuleList(table(*shape) for shape in (*widths, *biases))
        self.scaling_ = Scaling.of(train.values, self.response)
        ratings = TensorDataset(
            *(
                torch.tensor(array, device=home)
                for array in (train.users, train.items, self.scaling_.response(train.values))
            )
        )  # (n,) each
        optimiser = adam(
            self.tables_.parameters(), self.learning_rate, self.weight_decay, self.device
        )
        step = gradient_step(self._loss, optimiser, self.step, self.device)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, self.decay)

        for _ in training.epochs(self.epochs):
            for batch in self._batches(ratings, shuffle):
                step(*batch)
            schedule.step()
        return self

    def _batches(
        self, ratings: TensorDataset, shuffle: torch.Generator
    ) -> Iterator[tuple[Tensor, ...]]:
        """Users, items and response (B,) each: every rating once, in a new random order."""
        if self.loader == "rows":
            loader = DataLoader(ratings, self.batch_size, shuffle=True, generator=shuffle)
            for batch in loader:
                yield tuple(part.to(self.device) for part in batch)
            return
        order = torch.randperm(len(ratings), generator=shuffle, device=self.device)
        for rows in order.split(self.batch_size):  # (B,)
            yield ratings[rows]

    def _rows(self, users: Tensor, items: Tensor) -> list[Tensor]:
        """p_u (B, k), q_i (B, k), b_u (B, 1), b_i (B, 1)."""
        ids = (users, items, users, items)
        return [table(of) for table, of in zip(self.tables_, ids, strict=True)]

    def _products(self, rows: list[Tensor]) -> Tensor:
        """p_u·q_i + b_u + b_i. (B,)"""
        p, q, b_user, b_item = rows
        return (p * q).sum(dim=1) + (b_user + b_item).squeeze(1)

    def _loss(self, users: Tensor, items: Tensor, response: Tensor) -> Tensor:
        rows = self._rows(users, items)
        squared_error = (response - self._products(rows)).square()  # (B,)
        l2 = torch.cat(rows, dim=1).square().sum(dim=1)  # (B,)
        return (squared_error + self.regularisation * l2).mean() / 2

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    @torch.no_grad()
    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, device=self.device) for ids in (users, items))
        products = self._products(self._rows(u, i))
        return (self.scaling_.mean + self.scaling_.sd * products).cpu().numpy()
