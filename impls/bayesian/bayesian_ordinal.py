"""Bayesian matrix factorisation of ordered levels, by Gibbs sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.special import ndtr

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.ordinal import Levels, draw_cuts, draw_variables
from impls.kernels.regressions.compiled import CompiledRegressions
from impls.kernels.regressions.gaussian_rows import draw_prior
from impls.kernels.regressions.regressions import products, start
from impls.kernels.regressions.scores import scores_of_ratings
from impls.protocol import Training


@dataclass(frozen=True)
class Draw:
    """One draw of all rows and cut points. It is immutable, so a copy is the object itself."""

    W: Tensor  # (n_users, 1 + k)
    X: Tensor  # (n_items, 1 + k)
    cuts: Tensor  # (K − 1,)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


@dataclass
class BayesianOrdinal:
    """r̂ = E[v(t)], t ~ N(b_u + b_i + p_u·q_i, 1), the mean over draws from the posterior.

    Ratings are levels v_1 < … < v_K, of which nothing counts but their order: level l is where t
    lies between the cut points c_l-1 and c_l, so that steps between levels need not be equal. As
    in `BayesianMF` the rows w_u = (b_u, p_u) are N(m_W, Λ_W⁻¹), those of items N(m_X, Λ_X⁻¹). A
    sweep draws of one side after the other the t of its ratings, then, as if they were the
    ratings, its rows; and the cut points, whose likelihood has no t in it, by a Metropolis step.

    factors    k, entries of p_u and q_i
    epochs     sweeps
    burn_in    sweeps whose draws are not in the mean once there are later ones
    std        of the normal initial entries of p_u and q_i

    Albert & Chib 1993, Bayesian analysis of binary and polychotomous response data; cut points
    without t as in Cowles 1996; for matrix factorisation as in Ohtsuki's myFM.
    """

    model: ClassVar[str] = "Bayesian ordinal MF"
    source: ClassVar[str] = "Albert & Chib 1993"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 16
    epochs: int = 100
    burn_in: int = 8
    std: float = 0.3
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        levels = Levels.of_ratings(train.values)
        users, items = train.users, train.items
        shape = train.n_users, train.n_items
        # The level of each rating, in the order of the ratings of either side.
        by_user = CompiledRegressions.of(users, items, levels.of.numpy(), shape)
        by_item = CompiledRegressions.of(items, users, levels.of.numpy(), shape[::-1])
        rng = torch.Generator().manual_seed(self.seed)
        W, X = (start(n, self.factors, self.std, rng) for n in shape)
        cuts = levels.starting_cuts()
        self.values_ = levels.values

        for sweep in training.epochs(self.epochs):
            cuts = draw_cuts(cuts, *_scored(by_user, W, X), rng)
            W = self._draw(by_user, W, X, cuts, rng)
            X = self._draw(by_item, X, W, cuts, rng)
            if sweep <= self.burn_in:
                self.draws_: list[Draw] = []
            self.draws_.append(Draw(W, X, cuts))
        return self

    def _draw(
        self,
        ratings: CompiledRegressions,
        rows: Tensor,
        others: Tensor,
        cuts: Tensor,
        rng: torch.Generator,
    ) -> Tensor:
        """New rows (n_rows, 1 + k) given fixed `others` and cut points."""
        scores, levels = _scored(ratings, rows, others)
        t = draw_variables(scores, levels, cuts, torch.rand(len(scores), generator=rng))
        mean, precision = draw_prior(rows, rng)  # (1 + k,), (1 + k, 1 + k)
        drawn, _ = replace(ratings, values=t.numpy()).solve(
            others,
            alpha=1.0,
            precision=precision,
            towards=precision @ mean,
            ridge=0.0,
            noise=torch.randn(rows.shape, generator=rng),
        )
        return drawn

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, dtype=torch.long) for ids in (users, items))
        above = torch.zeros(len(u), len(self.values_) - 1)  # how likely t is above each cut point
        for draw in self.draws_:
            above += ndtr(products(draw.W[u], draw.X[i])[:, None] - draw.cuts)
        return (self.values_[0] + above / len(self.draws_) @ self.values_.diff()).numpy()


def _scored(ratings: CompiledRegressions, rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Of each rating: b_u + b_i + p_u·q_i, and its level. (n,), (n,)"""
    scores = scores_of_ratings(ratings, rows, others)
    return scores, torch.from_numpy(ratings.values).long()
