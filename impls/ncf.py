"""Neural collaborative filtering: a network of user and item embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.torch_step import StepForm, adam, gradient_step
from impls.protocol import Training

Architecture = Literal["mlp", "gmf", "neumf"]


_PAPER: dict[str, Any] = {
    "architecture": "neumf",
    "embedding": 32,
    "hidden": (32, 16, 8),
    "gmf_factors": 8,
    "embedding_dropout": 0.0,
    "dropouts": (0.0, 0.0, 0.0),
    "initialisation": "normal",
    "epochs": 20,
    "batch_size": 256,
    "learning_rate": 0.001,
    "decay": 1.0,
    "weight_decay": 0.0,
    "step": "eager",
}


@dataclass
class NCF:
    """An MLP of concatenated embeddings, GMF (a weighted product of them), or NeuMF (both).

    The network has one output y. With `scaled_output` the prediction is
    r̂ = low + (high − low) sigmoid(y), where (low, high) is the rating scale widened by
    `margin` at both ends; without it r̂ = y.

    architecture        "mlp", "gmf" or "neumf"; the two halves share no embeddings
    embedding           width of the MLP's user and item embeddings
    hidden              widths of the MLP's ReLU layers
    gmf_factors         width of GMF's embeddings
    embedding_dropout   of the concatenated embeddings and of the product, in training
    dropouts            after each hidden layer, in training
    initialisation      "normal" (0, 0.01) for all weights, as in the paper, or "uniform":
                        embeddings on ±0.05 and Xavier layers
    scaled_output, margin   see above; in rating units
    loss                "mse" of the rating, or "bce": the log loss of the rating on 0 … 1,
                        for binary feedback; the output is then always scaled
    epochs, batch_size, learning_rate, weight_decay   Adam's; learning_rate is multiplied
                        by `decay` after every epoch
    step                on CUDA: "captured" as a graph, or "eager", kernel by kernel

    He, Liao, Zhang, Nie, Hu & Chua 2017, Neural collaborative filtering.
    """

    model: ClassVar[str] = "NCF"
    source: ClassVar[str] = "He et al. 2017"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "published": _PAPER,
        "published-binary": _PAPER | {"loss": "bce"},
        "embedding-net": {
            "architecture": "mlp",
            "embedding": 150,
            "hidden": (500, 500, 500),
            "embedding_dropout": 0.05,
            "dropouts": (0.5, 0.5, 0.25),
            "initialisation": "uniform",
            "margin": 0.5,
            "epochs": 100,
            "batch_size": 2000,
            "learning_rate": 0.001,
            "decay": 1.0,
            # 1e-5 for a squared error that is summed over the batch, as the authors did
            "weight_decay": 1e-5 / 2000,
            "step": "eager",
        },
    }

    architecture: Architecture = "neumf"
    embedding: int = 32
    hidden: tuple[int, ...] = (32,)
    gmf_factors: int = 64
    embedding_dropout: float = 0.1
    dropouts: tuple[float, ...] = (0.2,)
    initialisation: Literal["normal", "uniform"] = "normal"
    scaled_output: bool = True
    margin: float = 0.0
    loss: Literal["mse", "bce"] = "mse"
    epochs: int = 30
    batch_size: int = 1024
    learning_rate: float = 0.001
    decay: float = 0.9
    weight_decay: float = 1e-6
    step: StepForm = "captured"
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.hidden) != len(self.dropouts):
            raise ValueError(
                f"ncf: dropouts {self.dropouts} wants one rate for each layer of {self.hidden}"
            )

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        torch.manual_seed(self.seed)
        self.network_ = Network(self, train.n_users, train.n_items).to(self.device)
        self.low_, self.high_ = train.scale[0] - self.margin, train.scale[1] + self.margin
        users, items, values = (
            torch.tensor(array, device=self.device)
            for array in (train.users, train.items, train.values)
        )  # (n,) each
        optimiser = adam(
            self.network_.parameters(), self.learning_rate, self.weight_decay, self.device
        )
        step = gradient_step(self._loss, optimiser, self.step, self.device)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, self.decay)

        for _ in training.epochs(self.epochs):
            self.network_.train()
            order = torch.randperm(len(train), device=self.device)
            for batch in order.split(self.batch_size):  # (B,)
                step(users[batch], items[batch], values[batch])
            schedule.step()
        return self

    def _loss(self, users: Tensor, items: Tensor, values: Tensor) -> Tensor:
        y = self.network_(users, items)  # (B,)
        if self.loss == "bce":
            unit = (values - self.low_) / (self.high_ - self.low_)
            return nn.functional.binary_cross_entropy_with_logits(y, unit)
        return nn.functional.mse_loss(self._rating(y), values)

    def _rating(self, y: Tensor) -> Tensor:
        if self.scaled_output or self.loss == "bce":
            return self.low_ + (self.high_ - self.low_) * torch.sigmoid(y)
        return y

    def predict(self, users: Ids, items: Ids) -> Predicted:
        self.network_.eval()
        return in_chunks(self._predict, users, items)

    @torch.no_grad()
    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, device=self.device) for ids in (users, items))
        return self._rating(self.network_(u, i)).cpu().numpy()


class MLP(nn.Module):
    """ReLU layers over the concatenated embeddings of a user and an item."""

    def __init__(self, of: NCF, n_users: int, n_items: int) -> None:
        super().__init__()
        self.user = nn.Embedding(n_users, of.embedding)
        self.item = nn.Embedding(n_items, of.embedding)
        layers: list[nn.Module] = [nn.Dropout(of.embedding_dropout)]
        width = 2 * of.embedding
        for units, dropout in zip(of.hidden, of.dropouts, strict=True):
            layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout)]
            width = units
        self.layers, self.width = nn.Sequential(*layers), width

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return self.layers(torch.cat([self.user(users), self.item(items)], dim=1))  # (B, width)


class GMF(nn.Module):
    """The elementwise product of a user's and an item's embedding."""

    def __init__(self, of: NCF, n_users: int, n_items: int) -> None:
        super().__init__()
        self.user = nn.Embedding(n_users, of.gmf_factors)
        self.item = nn.Embedding(n_items, of.gmf_factors)
        self.dropout = nn.Dropout(of.embedding_dropout)
        self.width = of.gmf_factors

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return self.dropout(self.user(users) * self.item(items))  # (B, width)


class Network(nn.Module):
    """A weighted sum of the outputs of the architecture's halves: one number y per pair."""

    def __init__(self, of: NCF, n_users: int, n_items: int) -> None:
        super().__init__()
        halves: list[GMF | MLP] = []
        if of.architecture != "mlp":
            halves.append(GMF(of, n_users, n_items))
        if of.architecture != "gmf":
            halves.append(MLP(of, n_users, n_items))
        self.halves = nn.ModuleList(halves)
        self.output = nn.Linear(sum(half.width for half in halves), 1)
        self.apply(_normal if of.initialisation == "normal" else _uniform)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return self.output(torch.cat([half(users, items) for half in self.halves], 1)).squeeze(1)


def _normal(layer: nn.Module) -> None:
    if isinstance(layer, nn.Embedding | nn.Linear):
        nn.init.normal_(layer.weight, std=0.01)
    if isinstance(layer, nn.Linear):
        nn.init.zeros_(layer.bias)


def _uniform(layer: nn.Module) -> None:
    if isinstance(layer, nn.Embedding):
        nn.init.uniform_(layer.weight, -0.05, 0.05)
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.constant_(layer.bias, 0.01)
