"""Ordered probit: its levels, its variables and its cut points, each against what they are."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from impls.bayesian.bayesian_ordinal import BayesianOrdinal
from impls.kernels.ordinal import MOST_LEVELS, CutPoints, Levels, draw_cuts, draw_variables
from tests.support.low_rank import low_rank

CUTS = torch.tensor([-1.2, -0.3, 0.9])


def test_different_ratings_are_the_levels() -> None:
    levels = Levels.of_ratings(np.array([4.0, 1.0, 2.5, 1.0], np.float32))
    assert levels.values.tolist() == [1.0, 2.5, 4.0]
    assert levels.of.tolist() == [2, 0, 1, 0]


@given(st.integers(1, 300), st.integers(0, 100))
@settings(deadline=None, max_examples=50)
def test_many_different_ratings_share_levels_in_their_order(n: int, seed: int) -> None:
    ratings = np.random.default_rng(seed).exponential(size=n).astype(np.float32)
    levels = Levels.of_ratings(ratings)
    of = levels.of.numpy()
    assert np.unique(of).tolist() == list(range(min(n, MOST_LEVELS)))
    assert (np.diff(of[np.argsort(ratings)]) >= 0).all()
    for level, value in enumerate(levels.values.tolist()):
        assert value == pytest.approx(ratings[of == level].mean(), rel=1e-5)


@pytest.mark.parametrize("score", [-20.0, -3.0, 0.4, 2.0, 20.0])
@pytest.mark.parametrize("level", [0, 1, 3])
def test_variables_are_normal_between_the_cut_points_of_their_level(
    score: float, level: int
) -> None:
    n = 2_000
    uniform = torch.rand(n, generator=torch.Generator().manual_seed(0))
    drawn = draw_variables(torch.full((n,), score), torch.full((n,), level), CUTS, uniform)
    low, high = [-np.inf, *CUTS.tolist(), np.inf][level : level + 2]
    assert ((drawn >= low - 1e-5) & (drawn <= high + 1e-5)).all()
    if abs(score) < 10:  # farther out float32 knows the nearer cut point alone
        of_level = stats.truncnorm(low - score, high - score, loc=score)
        assert stats.kstest(drawn.numpy(), of_level.cdf).pvalue > 1e-4


def likelihood(cuts: torch.Tensor, scores: torch.Tensor, levels: torch.Tensor) -> float:
    edges = np.array([-np.inf, *cuts.tolist(), np.inf])
    high, low = (stats.norm.cdf(edges[levels + n] - scores.numpy()) for n in (1, 0))
    return float(np.log(high - low).sum())


def test_the_next_cut_points_are_newtons() -> None:
    """By the likelihood differentiated numerically."""
    rng = torch.Generator().manual_seed(1)
    scores = torch.randn(60, generator=rng)
    levels = torch.bucketize(scores + torch.randn(60, generator=rng), CUTS)
    found = CutPoints.of(CUTS, scores, levels)
    assert found.log_likelihood == pytest.approx(likelihood(CUTS, scores, levels), rel=1e-5)

    step, n = 1e-3, len(CUTS)
    unit = step * torch.eye(n, dtype=torch.float64)
    at = CUTS.double()
    gradient = torch.tensor(
        [
            (likelihood(at + e, scores, levels) - likelihood(at - e, scores, levels)) / (2 * step)
            for e in unit
        ]
    )
    minus_hessian = torch.zeros(n, n)
    for i, j in itertools.product(range(n), repeat=2):
        corners = [
            s * t * likelihood(at + s * unit[i] + t * unit[j], scores, levels)
            for s, t in itertools.product((1, -1), repeat=2)
        ]
        minus_hessian[i, j] = -sum(corners) / (4 * step**2)
    torch.testing.assert_close(found.precision.float(), minus_hessian, rtol=1e-3, atol=1e-2)
    newton = at + torch.linalg.solve(minus_hessian.double(), gradient.double())
    torch.testing.assert_close(found.expected, newton, rtol=0, atol=1e-3)


def test_cut_points_are_draws_from_their_posterior() -> None:
    """Of three levels, few ratings: as on a grid."""
    rng = torch.Generator().manual_seed(2)
    scores = torch.randn(25, generator=rng)
    levels = torch.bucketize(scores + torch.randn(25, generator=rng), CUTS[1:])
    cuts, drawn = CUTS[1:], []
    for _ in range(4_000):
        cuts = draw_cuts(cuts, scores, levels, rng)
        drawn.append(cuts)
    grid = torch.linspace(-3, 5, 81)
    places = [torch.tensor(pair) for pair in itertools.product(grid.tolist(), repeat=2)]
    places = [pair for pair in places if pair[0] < pair[1]]
    weights = np.exp([likelihood(pair, scores, levels) for pair in places])
    expected = np.average(torch.stack(places), axis=0, weights=weights)
    np.testing.assert_allclose(torch.stack(drawn).mean(dim=0), expected, atol=0.03)
    covariance = np.cov(torch.stack(places).T, aweights=weights)
    np.testing.assert_allclose(torch.cov(torch.stack(drawn).T), covariance, rtol=0.15, atol=0.003)


@pytest.mark.parametrize("score", [20.0, -20.0, 1e3, -1e3])
def test_no_step_starts_where_the_levels_have_no_mass(score: float) -> None:
    rng = torch.Generator().manual_seed(0)
    scores, levels = torch.full((40,), score), torch.arange(40) % 4
    assert not CutPoints.of(CUTS, scores, levels).can_propose
    assert torch.equal(draw_cuts(CUTS, scores, levels, rng), CUTS)


def test_a_start_far_from_the_cut_points_comes_to_the_ratings() -> None:
    train, held_out = low_rank(120, 80)
    train = dataclasses.replace(train, values=np.round(train.values))
    model = BayesianOrdinal(factors=64, epochs=40, std=2.0).fit(train)
    errors = model.predict(held_out.users, held_out.items) - held_out.values
    assert np.sqrt(np.mean(errors**2)) < 0.7 * train.values.std()


def test_nothing_counts_but_the_order_of_the_levels() -> None:
    train, _ = low_rank(30, 20)
    levels = np.round(train.values)
    even, uneven = (
        BayesianOrdinal(factors=2, epochs=5).fit(dataclasses.replace(train, values=values))
        for values in (levels, levels**2 / 5)
    )
    for one, other in zip(even.draws_, uneven.draws_, strict=True):
        assert torch.equal(one.W, other.W)
        assert torch.equal(one.cuts, other.cuts)
    assert torch.allclose(uneven.values_, even.values_**2 / 5)


def test_a_prediction_is_the_mean_rating_of_the_levels_as_likely_as_they_are() -> None:
    train, _ = low_rank(30, 20)
    model = BayesianOrdinal(factors=2, epochs=6, burn_in=2)
    model.fit(dataclasses.replace(train, values=np.round(train.values)))
    assert len(model.draws_) == 4
    expected = []
    for draw in model.draws_:
        score = float(draw.W[3, 0] + draw.X[7, 0] + draw.W[3, 1:] @ draw.X[7, 1:])
        edges = np.array([-np.inf, *draw.cuts.tolist(), np.inf])
        shares = np.diff(stats.norm.cdf(edges - score))
        expected.append(shares @ model.values_.numpy())
    found = model.predict(np.array([3], np.int32), np.array([7], np.int32))
    assert found[0] == pytest.approx(np.mean(expected), abs=1e-4)
