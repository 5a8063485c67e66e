"""Bayesian matrix factorisation by Gibbs sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.biased_factors import normal_equations, products, start
from impls.length_buckets import LengthBuckets
from impls.pairs import Ids, Predicted, in_chunks
from impls.protocol import Training
from impls.scaling import Scaling


@dataclass(frozen=True)
class Sample:
    """One draw of all rows; never changed, so copies of it are itself."""

    W: Tensor  # (n_users, 1 + k)
    X: Tensor  # (n_items, 1 + k)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


@dataclass
class BayesianMF:
    """r̂ = μ + σ E[b_u + b_i + p_u·q_i], the mean over draws from the posterior.

    z_ui ~ N(b_u + b_i + p_u·q_i, 1/α) for the standardised rating z, rows w_u = (b_u, p_u) ~
    N(m_W, Λ_W⁻¹), x_i = (b_i, q_i) ~ N(m_X, Λ_X⁻¹), Gamma and Normal–Wishart priors on α and
    (m, Λ). Given the rest each of these has a known distribution, and a sweep draws them in
    turn; there is no learning rate and no λ to tune.

    factors    k, entries of p_u and q_i
    epochs     sweeps
    burn_in    sweeps whose draws are forgotten once later ones are there
    std        of the normal initial entries of q_i

    Salakhutdinov & Mnih 2008, Bayesian probabilistic matrix factorization using Markov chain
    Monte Carlo; with biases Rendle, Zhang & Koren 2019, On the difficulty of evaluating
    baselines.
    """

    model: ClassVar[str] = "Bayesian MF"
    source: ClassVar[str] = "Salakhutdinov & Mnih 2008"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    factors: int = 16
    epochs: int = 60
    burn_in: int = 5
    std: float = 0.1
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        self.scaling_ = Scaling.of(train.values, standardise=True)
        z = self.scaling_.targets(train.values)
        users, items = train.users, train.items
        by_user = LengthBuckets.of(users, items, z, train.n_users, self.device)
        by_item = LengthBuckets.of(items, users, z, train.n_items, self.device)
        rng = torch.Generator(self.device).manual_seed(self.seed)
        host_rng = torch.Generator().manual_seed(self.seed)
        W = start(train.n_users, self.factors, self.std, host_rng).to(self.device)
        X = start(train.n_items, self.factors, self.std, host_rng).to(self.device)
        alpha = torch.ones((), device=self.device)

        for epoch in training.epochs(self.epochs):
            squared_error = torch.zeros((), device=self.device)
            W, _ = self._draw(W, by_user, X, alpha, rng)
            X, squared_error = self._draw(X, by_item, W, alpha, rng)
            alpha = _gamma(1 + len(train) / 2, 1 + squared_error / 2, rng)
            if epoch <= self.burn_in:
                self.samples_: list[Sample] = []
            self.samples_.append(Sample(W, X))
        return self

    def _draw(self, rows, ratings, others, alpha, rng):
        """New `rows` (n_rows, 1 + k), beside fixed `others`, and their squared error."""
        mean, precision = normal_wishart(rows, rng)  # (d,), (d, d)
        prior = precision @ mean  # (d,)
        drawn = torch.randn(rows.shape, generator=rng, device=self.device)
        # rows without ratings come from the prior alone
        squared_error = torch.zeros((), device=self.device)
        new = mean + torch.linalg.solve_triangular(torch.linalg.cholesky(precision).mT, drawn.mT, upper=True).mT
        for bucket in ratings:
            A, b = normal_equations(bucket, others)
            L = torch.linalg.cholesky(precision + alpha * A)
            y = torch.linalg.solve_triangular(L, (prior + alpha * b)[:, :, None], upper=False)
            noise = drawn[bucket.rows][:, :, None]
            w = torch.linalg.solve_triangular(L.mT, y + noise, upper=True)  # (B, d, 1)
            new[bucket.rows] = w[:, :, 0]
            z_b = ((bucket.values - others[bucket.columns][:, :, 0] * bucket.there)).square().sum()
            squared_error += z_b - 2 * (w[:, :, 0] * b).sum() + (w.mT @ A @ w).sum()
        return new, squared_error

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self._predict, users, items)

    def _predict(self, users: Ids, items: Ids) -> Predicted:
        u, i = (torch.tensor(ids, dtype=torch.long, device=self.device) for ids in (users, items))
        z = sum(products(s.W[u], s.X[i]) for s in self.samples_) / len(self.samples_)
        return (self.scaling_.mean + self.scaling_.sd * z).cpu().numpy()


def _gamma(shape, rate, rng):
    g = torch._standard_gamma(torch.as_tensor(float(shape)), generator=rng)
    return g / rate


def normal_wishart(rows: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """m (d,) and Λ (d, d) drawn given `rows` (n, d) ~ N(m, Λ⁻¹).

    Prior: Λ ~ Wishart(I, d), m ~ N(0, (β Λ)⁻¹), β = 1, as in the paper.
    """
    n, d = rows.shape
    mean = rows.mean(0)
    centred = rows - mean
    beta, dof = 1.0, d
    S = torch.eye(d, device=rows.device) + centred.mT @ centred + (beta * n / (beta + n)) * torch.outer(mean, mean)
    # Bartlett
    L = torch.linalg.cholesky(torch.linalg.inv(S))
    dof = dof + n
    T = torch.tril(torch.randn(d, d, generator=rng, device=rows.device), -1)
    chi = torch._standard_gamma((dof - torch.arange(d, device=rows.device, dtype=torch.float32)) / 2, generator=rng) * 2
    T = T + torch.diag(chi.sqrt())
    LT = L @ T
    precision = LT @ LT.mT
    m = n * mean / (beta + n) + torch.linalg.solve_triangular(torch.linalg.cholesky((beta + n) * precision).mT, torch.randn(d, 1, generator=rng, device=rows.device), upper=True)[:, 0]
    return m, precision
