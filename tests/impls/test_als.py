"""Length buckets, least squares against solving for one row by itself, and Gibbs sampling."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impls.als import ALS
from impls.bayesian.bayesian_mf import BayesianMF
from impls.kernels.regressions.batched import LengthBuckets, cholesky
from impls.kernels.regressions.gaussian_rows import draw_prior, normal
from impls.kernels.regressions.regressions import regressions
from impls.kernels.scaling import Scaling
from tests.support.low_rank import low_rank


@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 100))
@settings(deadline=None, max_examples=50)
def test_buckets_hold_every_entry_once(n_rows: int, n_columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n_rows, n_columns)).astype(np.float32)
    matrix[rng.random(matrix.shape) < rng.random()] = 0.0
    matrix[0, 0] = 1.0
    order = rng.permutation(np.count_nonzero(matrix))
    rows, columns = (ids[order].astype(np.int32) for ids in np.nonzero(matrix))
    buckets = LengthBuckets.of(rows, columns, matrix[rows, columns], n_rows, "cpu")
    rebuilt = np.zeros_like(matrix)
    for bucket in buckets:
        there = bucket.there.bool()
        row = bucket.rows[:, None].expand_as(bucket.columns)
        rebuilt[row[there], bucket.columns[there]] = bucket.values[there]
        assert torch.equal(bucket.counts, bucket.there.sum(dim=1))
        assert not bucket.values[~there].any()
        assert not bucket.columns[~there].any()
    np.testing.assert_array_equal(rebuilt, matrix)


def test_a_sweep_solves_each_row_as_a_regression_of_its_own() -> None:
    train, _ = low_rank(30, 20)
    model = ALS(factors=3, epochs=1, regularisation=0.2, seed=3).fit(train)
    z = Scaling.of(train.values, "standardised").response(train.values)
    w, x = model.W_.double(), model.X_.double()  # the items were solved for last
    for item in range(train.n_items):
        here = train.items == item
        users = torch.tensor(train.users[here], dtype=torch.long)
        features = torch.cat([torch.ones(len(users), 1), w[users, 1:]], dim=1).double()
        residual = torch.tensor(z[here]) - w[users, 0]
        ridge = 0.2 * here.sum() * torch.eye(4, dtype=torch.float64)
        expected = torch.linalg.solve(features.T @ features + ridge, features.T @ residual)
        torch.testing.assert_close(x[item], expected, rtol=1e-3, atol=1e-4)


def test_the_factor_of_an_indefinite_matrix_is_nan_and_raises_nothing() -> None:
    A = torch.tensor([[[4.0, 2.0], [2.0, 3.0]], [[1.0, 2.0], [2.0, 1.0]]])
    good, bad = cholesky(A)
    torch.testing.assert_close(good @ good.mT, A[0])
    torch.testing.assert_close(good, good.tril())
    assert bad.diagonal().isnan().all()
    assert torch.linalg.solve_triangular(bad, torch.ones(2, 1), upper=False).isnan().all()


def test_draws_of_rows_have_the_requested_precision() -> None:
    precision = torch.tensor([[2.0, 0.6], [0.6, 1.0]])
    rng = torch.Generator().manual_seed(0)
    rows = normal(torch.linalg.cholesky(precision), rng, 200_000)
    torch.testing.assert_close(torch.cov(rows.T), torch.linalg.inv(precision), rtol=0, atol=0.02)


def test_the_prior_learns_mean_and_precision_of_many_rows() -> None:
    rng = torch.Generator().manual_seed(1)
    precision = torch.tensor([[4.0, 1.0], [1.0, 9.0]])
    rows = torch.tensor([1.0, -2.0]) + normal(torch.linalg.cholesky(precision), rng, 100_000)
    draws = [draw_prior(rows, rng) for _ in range(20)]
    mean = torch.stack([m for m, _ in draws]).mean(dim=0)
    drawn = torch.stack([p for _, p in draws]).mean(dim=0)
    torch.testing.assert_close(mean, torch.tensor([1.0, -2.0]), rtol=0, atol=0.02)
    torch.testing.assert_close(drawn, precision, rtol=0.05, atol=0.05)


def test_rows_with_little_evidence_are_drawn_around_the_mean_of_all() -> None:
    train, _ = low_rank(80, 50)
    model = BayesianMF(factors=1)
    rng = torch.Generator().manual_seed(0)
    rows = torch.tensor([3.0, -2.0]) + 0.1 * torch.randn(80, 2, generator=rng)
    others = torch.randn(50, 2, generator=rng)
    by_user = regressions(train.users, train.items, train.values, (80, 50), "cpu")
    drawn, _ = model._draw(rows, by_user, others, torch.tensor(1e-9), rng)
    torch.testing.assert_close(drawn.mean(dim=0), torch.tensor([3.0, -2.0]), rtol=0, atol=0.3)


def test_predictions_are_the_mean_over_draws_after_burn_in() -> None:
    train, _ = low_rank(30, 20)
    model = BayesianMF(factors=2, epochs=6, burn_in=2).fit(train)
    assert len(model.draws_) == 4
    users, items = train.users[:5], train.items[:5]
    alone = []
    for draw in model.draws_:
        one = BayesianMF(factors=2)
        one.scaling_, one.draws_ = model.scaling_, [draw]
        alone.append(one.predict(users, items))
    np.testing.assert_allclose(model.predict(users, items), np.mean(alone, axis=0), atol=1e-5)


def test_ratings_without_noise_are_fitted_to_the_end() -> None:
    """The squared error is a small difference of large sums: a negative one would have no draw."""
    train, _ = low_rank(80, 50)
    rng = np.random.default_rng(0)
    exact = (rng.normal(size=80)[train.users] + rng.normal(size=50)[train.items]).astype("float32")
    train = dataclasses.replace(train, values=exact, scale=(float(exact.min()), float(exact.max())))
    model = BayesianMF(epochs=200).fit(train)
    gaps = model.predict(train.users, train.items) - exact
    assert np.sqrt(np.mean(gaps**2)) < 0.01 * exact.std()
