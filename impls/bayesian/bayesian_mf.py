"""Bayesian matrix factorisation by Gibbs sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.kernels.regressions.gaussian_rows import draw_prior, gamma
from impls.kernels.regressions.regressions import Regressions, products, regressions, start
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
class BayesianMF:
    """r̂ = μ + σ E[b_u + b_i + p_u·q_i], the mean over draws from the posterior.

    z_ui ~ N(b_u + b_i + p_u·q_i, 1/α) for the standardised rating z. The rows w_u = (b_u, p_u)
    of the users are N(m_W, Λ_W⁻¹), those of the items, x_i = (b_i, q_i), N(m_X, Λ_X⁻¹), with
    Gamma and normal–Wishart priors on α and (m, Λ). Given all the others, the distribution of
    each of these is easy to draw from; a sweep draws them in turn. There is no learning rate
    and no λ to tune.

    factors    k, entries of p_u and q_i
    epochs     sweeps
    burn_in    sweeps whose draws are not in the mean once there are later ones
    std        of the normal initial entries of q_i

    Salakhutdinov & Mnih 2008, Bayesian probabilistic matrix factorization using Markov chain
    Monte Carlo; with biases as in Rendle, Zhang & Koren 2019, On the difficulty of evaluating
    baselines.
    """

    model: ClassVar[str] = "Bayesian MF"
    source: ClassVar[str] = "Salakhutdinov & Mnih 2008"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 16
    epochs: int = 60
    burn_in: int = 8
    std: float = 0.1
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        self.scaling_ = Scaling.of(train.values, "standardised")
        z = self.scaling_.response(train.values)
        users, items = train.users, train.items
        shape = train.n_users, train.n_items
        by_user = regressions(users, items, z, shape, self.device)
        by_item = regressions(items, users, z, shape[::-1], self.device)
        host = torch.Generator().manual_seed(self.seed)
        rng = torch.Generator(self.device).manual_seed(self.seed)
        W, X = (
            start(n, self.factors, self.std, host).to(self.device)
            for n in (train.n_users, train.n_items)
        )
        alpha = torch.ones((), device=self.device)
        half_n = torch.full_like(alpha, len(train) / 2)

        for sweep in training.epochs(self.epochs):
            W, _ = self._draw(W, by_user, X, alpha, rng)
            X, squared_error = self._draw(X, by_item, W, alpha, rng)
            alpha = gamma(1 + half_n, 1 + squared_error / 2, rng)
            if sweep <= self.burn_in:
                self.draws_: list[Draw] = []
            self.draws_.append(Draw(W, X))
        return self

    def _draw(
        self,
        rows: Tensor,
        ratings: Regressions,
        others: Tensor,
        alpha: Tensor,
        rng: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """New rows (n_rows, 1 + k) given fixed `others`, and their squared error."""
        mean, precision = draw_prior(rows, rng)  # (1 + k,), (1 + k, 1 + k)
        return ratings.solve(
            others,
            alpha=alpha,
            precision=precision,
            towards=precision @ mean,
            ridge=0.0,
            noise=torch.randn(rows.shape, generator=rng, device=self.device),
        )

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, dtype=torch.long, device=self.device) for ids in (users, items))
        total = torch.zeros(len(u), device=self.device)
        for draw in self.draws_:
            total += products(draw.W[u], draw.X[i])
        z = total / len(self.draws_)  # (n,)
        return (self.scaling_.mean + self.scaling_.sd * z).cpu().numpy()
