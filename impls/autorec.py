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
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.rated_rows import RatedRows, rated_rows
from impls.kernels.scaling import Scaling
from impls.kernels.torch_step import StepForm, adam, gradient_step
from impls.protocol import Training

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
    "response": "rating",
    "presence": 0.0,
    "regularisation": 200.0,
    "optimiser": "rprop",
    "batch_size": None,
    "learning_rate": 0.01,
    "decay": 1.0,
    "step": "eager",
}


@dataclass
class AutoRec:
    """h(x) = f(W g(V x + c) + b) for a row x of the rating matrix, unrated entries 0.

    A row is an item's ratings by all users, or a user's of all items. The loss is
    Σ_rows ‖t − h(x)‖² over the rated entries + λ/2 (‖W‖² + ‖V‖²); a batch has the share of the
    penalty that it has of the rows. x holds training ratings alone, also in `predict`.

    based_on           rows are "item" or "user" ratings
    hidden             units of the hidden layer
    hidden_activation, output_activation    g, f
    response           t: "residual" is (r − μ − b_u − b_i)/σ with the biases of `bias`,
                       "rating" is r itself, "unit" is r on 0 … 1, for a sigmoid output
    presence           a rated entry of x is t + `presence`, so that an average rating
                       differs from a missing one
    dropout            of hidden units, in training
    regularisation     λ
    optimiser          "adam", or "rprop" (needs `batch_size` None)
    batch_size         rows per step; None: all rows
    learning_rate      of the first epoch, multiplied by `decay` after every epoch
    step               on CUDA: "captured" as a graph, where the optimiser is "adam" and the
                       matrix small enough to be dense, or "eager", kernel by kernel

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
    response: Literal["residual", "rating", "unit"] = "residual"
    presence: float = 3.0
    dropout: float = 0.0
    epochs: int = 40
    regularisation: float = 200.0
    optimiser: Literal["adam", "rprop"] = "adam"
    batch_size: int | None = 200
    learning_rate: float = 0.002
    decay: float = 0.95
    step: StepForm = "captured"
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
        optimiser = self._optimiser(parameters)
        captures = self.rated_.same_shapes and self.optimiser == "adam"
        form = self.step if captures else "eager"
        step = gradient_step(self._loss, optimiser, form, self.device)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, self.decay)

        for _ in training.epochs(self.epochs):
            order = torch.randperm(len(self.rated_), device=self.device)
            for batch in self.rated_.batches(order, self.batch_size or len(order)):
                step(*batch)
            schedule.step()
        return self

    def _optimiser(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        if self.optimiser == "rprop":
            return torch.optim.Rprop(parameters, self.learning_rate)
        return adam(parameters, self.learning_rate, 0.0, self.device)

    def _rated_rows(self, train: Ratings) -> RatedRows:
        """The response by row; sets `bias_` and `scaling_`, which turn it back into ratings."""
        lowest, highest = train.scale
        values: NDArray[np.float32] = train.values
        self.bias_ = Bias().fit(train) if self.response == "residual" else None
        if self.bias_ is not None:
            values = values - self.bias_.predict(train.users, train.items)
            self.scaling_ = Scaling.of(values, "standardised")
        else:
            unit = Scaling(lowest, highest - lowest)
            self.scaling_ = unit if self.response == "unit" else Scaling()
        coordinates = self._oriented(train.users, train.items)
        shape = self._oriented(train.n_users, train.n_items)
        return rated_rows(*coordinates, self.scaling_.response(values), shape, self.device)

    def _oriented(self, user: T, item: T) -> tuple[T, T]:
        """(row, column)"""
        return (item, user) if self.based_on == "item" else (user, item)

    def _hidden(self, batch: tuple[Tensor, ...]) -> Tensor:
        """g(V x + c) of the rows of a batch. (B, hidden)"""
        Vx = self.rated_.times(batch, self.presence, self.V_)
        return ACTIVATIONS[self.hidden_activation](Vx + self.c_)

    def _loss(self, *batch: Tensor) -> Tensor:
        hidden = nn.functional.dropout(self._hidden(batch), self.dropout)  # (B, hidden)
        f = ACTIVATIONS[self.output_activation]
        squared_error = self.rated_.squared_error(batch, hidden, self.W_, self.b_, f)
        l2 = self.V_.square().sum() + self.W_.square().sum()
        share = len(hidden) / len(self.rated_)
        return squared_error + share * self.regularisation / 2 * l2

    @torch.no_grad()
    def predict(self, users: Ids, items: Ids) -> Predicted:
        rows, columns = self._oriented(users, items)
        needed, place = np.unique(rows, return_inverse=True)
        order = torch.tensor(needed, dtype=torch.long, device=self.device)
        batches = self.rated_.batches(order, 256)  # small, to bound memory
        hidden = torch.cat([self._hidden(batch) for batch in batches])  # (len(needed), hidden)

        def decode(place: Ids, columns: Ids) -> Predicted:
            h, c = (torch.tensor(ids, device=self.device) for ids in (place, columns))
            outputs = (hidden[h] * self.W_[c]).sum(dim=1) + self.b_[c]
            response = ACTIVATIONS[self.output_activation](outputs)  # (n,)
            return (self.scaling_.mean + self.scaling_.sd * response).cpu().numpy()

        predicted = in_chunks(decode, place.astype(np.int32), columns)
        return predicted if self.bias_ is None else predicted + self.bias_.predict(users, items)
