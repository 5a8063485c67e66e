"""Bayesian SVD++ by Gibbs sampling, with the items of a user and the users of an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.regressions.compiled import CompiledRegressions
from impls.kernels.regressions.gaussian_rows import draw_prior, gamma
from impls.kernels.regressions.regressions import start
from impls.kernels.regressions.scores import scores, scores_of_ratings
from impls.kernels.regressions.sets import Sets
from impls.kernels.scaling import Scaling
from impls.protocol import Training


@dataclass(frozen=True)
class Draw:
    """One draw of all rows. It is immutable, so a copy is the object itself."""

    W: Tensor  # (n_users, 1 + k)
    X: Tensor  # (n_items, 1 + k)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


@dataclass
class Side:
    """The users, their sets of items, and the present draw. Or the items with sets of users.

    own   (n_rows, 1 + k)     w' of each row
    Y     (n_columns, 1 + k)  the weights y of what they have rated
    rows  (n_rows, 1 + k)     w, of both
    """

    ratings: CompiledRegressions
    sets: Sets
    own: Tensor
    Y: Tensor
    rows: Tensor


@dataclass
class BayesianSVDpp:
    """r̂ = μ + σ E[b_u + b_i + p_u·q_i], the mean over draws from the posterior.

    As `BayesianMF`, but what a user has rated says something of him, whatever the ratings are:
    with N(u) the items that he has rated in training, his row w_u = (b_u, p_u) is

        w_u = w'_u + |N(u)|^-1/2 Σ_{j ∈ N(u)} y_j,

    his own part w'_u ~ N(m_W, Λ_W⁻¹) and weights y_j ~ N(m_Y, Λ_Y⁻¹) of the items. Rows of items
    have a part from the users who have rated them, with weights of their own. A sweep draws, of
    one side after the other, all m and Λ; the weights y, given the rows w; and the own parts w',
    given the weights and the ratings.

    factors    k, entries of p_u and q_i
    epochs     sweeps
    burn_in    sweeps whose draws are not in the mean once there are later ones
    std        of the normal initial entries of p_u, q_i and the weights

    Rendle, Zhang & Koren 2019, On the difficulty of evaluating baselines, where it is the "flipped"
    model without dates; the sets are those of Koren 2008, Factorization meets the neighborhood.
    """

    model: ClassVar[str] = "Bayesian SVD++"
    source: ClassVar[str] = "Rendle et al. 2019"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 32
    epochs: int = 100
    burn_in: int = 8
    std: float = 0.1
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        self.scaling_ = Scaling.of(train.values, "standardised")
        z = self.scaling_.response(train.values)
        rng = torch.Generator().manual_seed(self.seed)

        def side(rows: Ids, columns: Ids, shape: tuple[int, int]) -> Side:
            ratings = CompiledRegressions.of(rows, columns, z, shape)
            sets = Sets.of(ratings, shape[1])
            own, Y = (start(n, self.factors, self.std, rng) for n in shape)
            return Side(ratings, sets, own, Y, own + sets.sums(Y))

        shape = train.n_users, train.n_items
        users = side(train.users, train.items, shape)
        items = side(train.items, train.users, shape[::-1])
        alpha = torch.ones(())
        half_n = torch.tensor(len(train) / 2)

        for sweep in training.epochs(self.epochs):
            self._draw(users, items.rows, alpha, rng)
            squared_error = self._draw(items, users.rows, alpha, rng)
            alpha = gamma(1 + half_n, 1 + squared_error / 2, rng)
            if sweep <= self.burn_in:
                self.draws_: list[Draw] = []
            self.draws_.append(Draw(users.rows, items.rows))
        return self

    def _draw(self, side: Side, others: Tensor, alpha: Tensor, rng: torch.Generator) -> Tensor:
        """New weights and own parts of a side, given fixed `others` (n_others, 1 + k); the squared
        error of its rows."""
        mean, precision = draw_prior(side.own, rng)  # (1 + k,), (1 + k, 1 + k)
        prior = draw_prior(side.Y, rng)
        side.Y = side.sets.draw(side.Y, prior, side.own - mean, precision, rng)
        of_sets = side.sets.sums(side.Y)  # (n_rows, 1 + k)
        side.own, squared_error = _less(side.ratings, of_sets, others).solve(
            others,
            alpha=alpha,
            precision=precision,
            towards=precision @ mean,
            ridge=0.0,
            noise=torch.randn(side.own.shape, generator=rng),
        )
        side.rows = side.own + of_sets
        return squared_error

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        total = np.zeros(len(users), np.float32)
        for draw in self.draws_:
            total += scores(users, items, draw.W.numpy(), draw.X.numpy())
        z = torch.from_numpy(total / len(self.draws_))
        return (self.scaling_.mean + self.scaling_.sd * z).numpy()


def _less(ratings: CompiledRegressions, rows: Tensor, others: Tensor) -> CompiledRegressions:
    """The ratings less what (b, p) in `rows` predict of them: b + p·q, (b_i, q) in `others`."""
    without_bias = others.clone()
    without_bias[:, 0] = 0.0
    predicted = scores_of_ratings(ratings, rows, without_bias)
    return replace(ratings, values=ratings.values - predicted.numpy())
