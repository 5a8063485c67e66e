"""The sets of Bayesian SVD++ against their definition, its draws against the exact posterior."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from datasets.ratings import HeldOut, Ratings
from impls.bayesian.bayesian_mf import BayesianMF
from impls.bayesian.bayesian_svdpp import BayesianSVDpp, Side
from impls.kernels.regressions.compiled import CompiledRegressions
from impls.kernels.regressions.sets import Sets
from tests.support.low_rank import low_rank, rmse

Matrix = NDArray[np.float64]


def ratings_of(there: NDArray[np.bool_]) -> CompiledRegressions:
    """Ratings of 0 where `there` (n_rows, n_columns) is True."""
    rows, columns = (ids.astype(np.int32) for ids in np.nonzero(there))
    return CompiledRegressions.of(rows, columns, np.zeros(len(rows)), there.shape)


def definition(there: NDArray[np.bool_]) -> Matrix:
    return there / np.sqrt(np.maximum(there.sum(axis=1, keepdims=True), 1))


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 100))
@settings(deadline=None, max_examples=50)
def test_a_row_has_a_share_of_each_column_that_it_rated(
    n_rows: int, n_columns: int, share: float, seed: int
) -> None:
    """Rows and columns without ratings included."""
    rng = np.random.default_rng(seed)
    there = rng.random((n_rows, n_columns)) < share
    sets = Sets.of(ratings_of(there), n_columns)
    S, Y = definition(there), rng.normal(size=(n_columns, 3))
    np.testing.assert_allclose(sets.by_column.toarray(), S, rtol=1e-6)
    np.testing.assert_allclose(sets.squares, (S**2).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(sets.sums(torch.tensor(Y)), S @ Y, rtol=1e-5, atol=1e-6)


def test_weights_are_draws_from_their_posterior() -> None:
    """Which is normal, jointly for all weights: pass after pass has its mean and covariance."""
    rng = np.random.default_rng(0)
    there = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], bool)
    S, W = definition(there), rng.normal(size=(5, 2))
    precision, own = np.array([[2.0, 0.8], [0.8, 1.0]]), np.array([[1.5, -0.4], [-0.4, 0.7]])
    mean = np.array([0.5, -1.0])

    joint = np.kron(S.T @ S, precision) + np.kron(np.eye(3), own)  # of y_1, y_2, y_3 in a row
    towards = (S.T @ W @ precision + own @ mean).ravel()
    expected, covariance = np.linalg.solve(joint, towards), np.linalg.inv(joint)

    # As many draws again as there are copies, of which none shares a row or a column with another.
    copies = 50
    sets = Sets.of(ratings_of(np.kron(np.eye(copies, dtype=bool), there)), 3 * copies)
    rows, precision_of_rows, m, precision_of_weights = (
        torch.tensor(each, dtype=torch.float32)
        for each in (np.tile(W, (copies, 1)), precision, mean, own)
    )
    generator = torch.Generator().manual_seed(0)
    Y, drawn = torch.zeros(3 * copies, 2), []
    for _ in range(400):
        residuals = rows - sets.sums(Y)
        Y = sets.draw(Y, (m, precision_of_weights), residuals, precision_of_rows, generator)
        drawn.append(Y.reshape(copies, 6))
    draws = torch.cat(drawn)
    np.testing.assert_allclose(draws.mean(dim=0), expected, atol=0.03)
    np.testing.assert_allclose(torch.cov(draws.T), covariance, rtol=0.05, atol=0.02)


def test_own_parts_are_drawn_from_what_the_sets_leave() -> None:
    """Their posterior is normal: with much data it is where their regression has its minimum."""
    train, _ = low_rank(30, 20)
    rng = torch.Generator().manual_seed(0)
    ratings = CompiledRegressions.of(train.users, train.items, train.values, (30, 20))
    own, Y, X = (torch.randn(n, 3, generator=rng) for n in (30, 20, 20))
    sets = Sets.of(ratings, 20)
    side = Side(ratings, sets, own, Y, own + sets.sums(Y))
    alpha = torch.tensor(1e4)
    squared_error = BayesianSVDpp(factors=2)._draw(side, X, alpha, rng)

    A = sets.sums(side.Y)
    torch.testing.assert_close(side.rows, side.own + A)
    errors = []
    for user in range(30):
        here = train.users == user
        x, z = X[train.items[here]], torch.tensor(train.values[here])
        features = torch.column_stack([torch.ones(len(x)), x[:, 1:]])
        residual = z - x[:, 0] - features @ A[user]
        minimum = torch.linalg.lstsq(features, residual[:, None]).solution[:, 0]
        spread = torch.linalg.inv(alpha * features.T @ features).diagonal().sqrt()
        assert ((side.own[user] - minimum).abs() < 6 * spread + 1e-3).all()
        errors.append(residual - features @ side.own[user])
    assert float(squared_error) == pytest.approx(float(torch.cat(errors).square().sum()), rel=1e-3)


def test_what_a_user_rates_tells_what_the_ratings_do_not() -> None:
    """Users who like everything rate other items than those who do not, besides ten that all
    rate; of the few ratings of each user noise leaves little."""
    rng = np.random.default_rng(0)
    n_users = 1_000
    fond = rng.random(n_users) < 0.5
    of_all, of_kind = (
        np.array([rng.permutation(n)[:size] for _ in range(n_users)])
        for n, size in ((10, 3), (5, 2))
    )
    items = np.column_stack([of_all[:, :2], of_kind + np.where(fond, 10, 15)[:, None]])
    expected = 3 + np.where(fond, 0.5, -0.5)
    values = expected[:, None] + rng.normal(size=items.shape)
    users = np.arange(n_users)
    train = Ratings(users.repeat(4), items.ravel(), values.ravel(), n_users, 20, (-9.0, 9.0))
    held_out = HeldOut(users, of_all[:, 2], expected)
    plain, with_sets = (
        rmse(kind(factors=0, epochs=60).fit(train), held_out)
        for kind in (BayesianMF, BayesianSVDpp)
    )
    assert with_sets < 0.7 * plain


def test_predictions_are_the_mean_over_draws_after_burn_in() -> None:
    train, _ = low_rank(30, 20)
    model = BayesianSVDpp(factors=2, epochs=6, burn_in=2).fit(train)
    assert len(model.draws_) == 4
    users, items = train.users[:5], train.items[:5]
    alone = []
    for draw in model.draws_:
        one = BayesianSVDpp(factors=2)
        one.scaling_, one.draws_ = model.scaling_, [draw]
        alone.append(one.predict(users, items))
    np.testing.assert_allclose(model.predict(users, items), np.mean(alone, axis=0), atol=1e-5)
