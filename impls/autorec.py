"""AutoRec: an autoencoder of each item's (or user's) ratings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.ratings import Ratings
from impls.bias import Bias
from impls.pairs import Ids, Predicted, in_chunks
from impls.protocol import Training
from impls.rated_products import RatedProducts, sparse_times_dense
from impls.rated_rows import RatedRows
from impls.scaling import Scaling

T = TypeVar("T")

Activation = Literal["identity", "sigmoid", "tanh", "relu", "elu"]
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "elu": nn.functional.elu,
}

PUBLISHED: Mapping[str, Any] = {
    "hidden": 500,
    "epochs": 80,
    "targets": "rating",
    "presence": 0.0,
    "regularisation": 200.0,
    "optimiser": "rprop",
    "batch_size": None,
    "learning_rate": 0.01,
    "decay": 1.0,
}


@dataclass
class AutoRec:
    """h(x) = f(W g(V x + c) + b) for a row x of the rating matrix, unrated entries 0.

    A row is an item's ratings by all users, or a user's of all items. The loss counts the
    rated entries only: Σ_rows ‖t − h(x)‖² over the rated + λ/2 (‖W‖² + ‖V‖²), of which a
    batch takes its rows' part. x holds training ratings alone, in training and in `predict`.

    based_on           rows are "item" or "user" ratings
    hidden             units of the hidden layer
    hidden_activation, output_activation    g, f
    targets            t: "residual" is (r − μ − b_u − b_i)/σ with the biases of `bias`,
                       "rating" is r itself, "unit" is r on 0 … 1, for a sigmoid output
    presence           added to t to make the rated entries of x, so that an average rating
                       differs from none
    dropout            of hidden units, in training
    regularisation     λ
    optimiser          "adam", or "rprop" (wants `batch_size` None)
    batch_size         rows per step; None takes all rows at once
    learning_rate      of the first epoch, multiplied by `decay` after every epoch

    Sedhain, Menon, Sanner & Xie 2015, AutoRec: autoencoders meet collaborative filtering.
    """

    model: ClassVar[str] = "AutoRec"
    source: ClassVar[str] = "Sedhain et al. 2015"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "user": {"based_on": "user"},
        "published": PUBLISHED,
        "published-user": {**PUBLISHED, "based_on": "user", "regularisation": 300.0},
    }

    based_on: Literal["item", "user"] = "item"
    hidden: int = 300
    hidden_activation: Activation = "sigmoid"
    output_activation: Activation = "identity"
    targets: Literal["residual", "rating", "unit"] = "residual"
    presence: float = 3.0
    dropout: float = 0.0
    epochs: int = 40
    regularisation: float = 200.0
    optimiser: Literal["adam", "rprop"] = "adam"
    batch_size: int | None = 200
    learning_rate: float = 0.002
    decay: float = 0.95
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        torch.manual_seed(self.seed)
        self.rated_ = self._rated_rows(train)
        encoder = nn.Linear(self.rated_.n_columns, self.hidden)
        decoder = nn.Linear(self.hidden, self.rated_.n_columns)
        start = (encoder.weight.T.contiguous(), encoder.bias, decoder.weight, decoder.bias)
        parameters = [nn.Parameter(p.detach().to(self.device)) for p in start]
        self.V_, self.c_, self.W_, self.b_ = parameters  # (n_columns, hidden) V and W
        optimisers = {"adam": torch.optim.Adam, "rprop": torch.optim.Rprop}
        optimiser = optimisers[self.optimiser](parameters, lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, self.decay)

        for _ in training.epochs(self.epochs):
            order = torch.randperm(len(self.rated_))
            for rows in order.split(self.batch_size or len(order)):  # (B,)
                optimiser.zero_grad()
                self._loss(rows).backward()
                optimiser.step()
            schedule.step()
        return self

    def _rated_rows(self, train: Ratings) -> RatedRows:
        """The targets by row; sets what turns them back into ratings."""
        lowest, highest = train.scale
        values: NDArray[np.float32] = train.values
        self.bias_ = Bias().fit(train) if self.targets == "residual" else None
        if self.bias_ is not None:
            values = values - self.bias_.predict(train.users, train.items)
            self.scaling_ = Scaling.of(values, "standardised")
        else:
            unit = Scaling(lowest, highest - lowest)
            self.scaling_ = unit if self.targets == "unit" else Scaling()
        coordinates = self._oriented(train.users, train.items)
        shape = self._oriented(train.n_users, train.n_items)
        return RatedRows.of(*coordinates, self.scaling_.targets(values), shape, self.device)

    def _oriented(self, user: T, item: T) -> tuple[T, T]:
        """(row, column)"""
        return (item, user) if self.based_on == "item" else (user, item)

    def _encode(self, rows: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """g(V x + c) (B, hidden), where the m rated entries of x are ((m,), (m,)), t there (m,)."""
        position, columns, targets = self.rated_.entries(rows)
        x = targets + self.presence  # (m,)
        Vx = sparse_times_dense(position, columns, x, len(rows), self.V_)  # (B, hidden)
        return ACTIVATIONS[self.hidden_activation](Vx + self.c_), (position, columns), targets

    def _loss(self, rows: Tensor) -> Tensor:
        hidden, rated, targets = self._encode(rows)
        hidden = nn.functional.dropout(hidden, self.dropout)  # (B, hidden)
        outputs = RatedProducts.apply(hidden, self.W_, *rated) + self.b_[rated[1]]  # (m,)
        predicted = ACTIVATIONS[self.output_activation](outputs)
        l2 = self.V_.square().sum() + self.W_.square().sum()
        share = len(rows) / len(self.rated_)
        return (predicted - targets).square().sum() + share * self.regularisation / 2 * l2

    @torch.no_grad()
    def predict(self, users: Ids, items: Ids) -> Predicted:
        rows, columns = self._oriented(users, items)
        needed, place = np.unique(rows, return_inverse=True)
        hidden = self._hidden(torch.tensor(needed, dtype=torch.long))

        def decode(place: Ids, columns: Ids) -> Predicted:
            h, c = (torch.tensor(ids, device=self.device) for ids in (place, columns))
            outputs = (hidden[h] * self.W_[c]).sum(dim=1) + self.b_[c]
            targets = ACTIVATIONS[self.output_activation](outputs)  # (n,)
            return (self.scaling_.mean + self.scaling_.sd * targets).cpu().numpy()

        predicted = in_chunks(decode, place.astype(np.int32), columns)
        return predicted if self.bias_ is None else predicted + self.bias_.predict(users, items)

    def _hidden(self, rows: Tensor) -> Tensor:
        """g(V x + c) of each row, in small batches to bound memory. (len(rows), hidden)"""
        hidden = torch.empty(len(rows), self.hidden, device=self.device)
        for chunk in torch.arange(len(rows)).split(256):
            hidden[chunk] = self._encode(rows[chunk])[0]
        return hidden
