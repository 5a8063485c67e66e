"""Ordered probit: a rating is the level in which a normal variable lies, between two cut points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.special import ndtr, ndtri

MOST_LEVELS = 32
"""More different ratings than these share levels, each with as many ratings as another."""
BEYOND = 1e4
"""In place of an infinite cut point: no variable is as far from 0, and 0 · BEYOND is 0."""
LEAST_MASS = 1e-37
FARTHEST = -12.8
"""Standard deviations: Φ of less is 0 in float32."""


@dataclass(frozen=True)
class Levels:
    """The levels of some ratings.

    values  float32 (K,)  ascending: the rating of each level, the mean where they share one
    of      int64 (n,)    the level of each rating
    """

    values: Tensor
    of: Tensor

    @classmethod
    def of_ratings(cls, ratings: NDArray[np.floating]) -> Self:
        levels = np.unique(ratings, return_inverse=True)[1]
        if levels.max() >= MOST_LEVELS:
            inner = np.quantile(ratings, np.arange(1, MOST_LEVELS) / MOST_LEVELS)
            levels = np.unique(np.searchsorted(inner, ratings), return_inverse=True)[1]
        means = np.bincount(levels, ratings) / np.bincount(levels)
        return cls(torch.tensor(means, dtype=torch.float32), torch.tensor(levels))

    def starting_cuts(self) -> Tensor:
        """As if all variables were N(0, 1). (K − 1,)"""
        shares = torch.bincount(self.of).double().cumsum(0)[:-1] / len(self.of)
        return ndtri(shares).float()


def between(scores: Tensor, levels: Tensor, cuts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the cut points (K − 1,) around each level are, less the score: low and high (n,), low
    < high. Where more of the interval is above 0 than below it is mirrored, for Φ has no
    digits to tell numbers above 0 apart that are far from it; the third (n,) is True there."""
    ends = torch.tensor([BEYOND])
    edges = torch.cat([-ends, cuts, ends])
    low, high = edges[levels] - scores, edges[levels + 1] - scores
    mirrored = low + high > 0
    return torch.where(mirrored, -high, low), torch.where(mirrored, -low, high), mirrored


def draw_variables(scores: Tensor, levels: Tensor, cuts: Tensor, uniform: Tensor) -> Tensor:
    """Draws from N(score, 1), each between the cut points of its level, by the inverse of their
    distribution at `uniform` (n,) numbers in [0, 1). (n,)"""
    low, high, mirrored = between(scores, levels, cuts)
    below = ndtr(low)
    drawn = ndtri(below + uniform * (ndtr(high) - below))
    drawn = drawn.clamp(min=FARTHEST).maximum(low).minimum(high)
    return scores + torch.where(mirrored, -drawn, drawn)


@dataclass(frozen=True)
class CutPoints:
    """Cut points, and the log likelihood of all levels there.

    at              (K − 1,)
    log_likelihood  Σ log(Φ(high) − Φ(low)) over the ratings
    expected        (K − 1,)         where the next Newton step would end
    precision       (K − 1, K − 1)   of a normal distribution around that: minus the Hessian
    """

    at: Tensor
    log_likelihood: float
    expected: Tensor
    precision: Tensor

    @classmethod
    def of(cls, cuts: Tensor, scores: Tensor, levels: Tensor) -> Self:
        """cuts (K − 1,); scores and levels (n,)."""
        low, high, mirrored = between(scores, levels, cuts)
        mass = (ndtr(high) - ndtr(low)).clamp(min=LEAST_MASS)
        at_low, at_high = (_density(each) / mass for each in (low, high))  # log-derivatives
        from_low, from_high = at_low * (at_low - low), at_high * (at_high + high)
        # Of the upper and the lower cut point of each level, which mirroring has swapped.
        upper = torch.where(mirrored, at_low, at_high), torch.where(mirrored, from_low, from_high)
        lower = torch.where(mirrored, at_high, at_low), torch.where(mirrored, from_high, from_low)

        def sums(terms: Tensor) -> Tensor:  # (K,)
            return torch.from_numpy(np.bincount(levels.numpy(), terms.numpy(), len(cuts) + 1))

        gradient = sums(upper[0])[:-1] - sums(lower[0])[1:]
        both = -sums(at_low * at_high)[1:-1]
        precision = torch.diag(sums(upper[1])[:-1] + sums(lower[1])[1:])
        precision += torch.diag(both, 1) + torch.diag(both, -1)
        step, _ = torch.linalg.solve_ex(precision, gradient)
        return cls(cuts, float(mass.log().sum(dtype=torch.float64)), cuts + step, precision)

    @property
    def can_propose(self) -> bool:
        """Whether the precision is positive definite. In exact numbers it is; in float32 the mass
        between two cut points that are far from the scores has no digits."""
        return int(torch.linalg.cholesky_ex(self.precision).info) == 0

    def proposal(self, rng: torch.Generator) -> Tensor:
        """A draw from N(expected, precision⁻¹). (K − 1,)"""
        upper = torch.linalg.cholesky(self.precision).mT
        noise = torch.randn(len(self.at), 1, generator=rng, dtype=upper.dtype)
        return (
            self.expected + torch.linalg.solve_triangular(upper, noise, upper=True)[:, 0]
        ).float()

    def log_density(self, cuts: Tensor) -> float:
        """Of a proposal from here, up to a constant."""
        gap = cuts - self.expected
        return float(torch.logdet(self.precision) - gap @ self.precision @ gap) / 2


def draw_cuts(cuts: Tensor, scores: Tensor, levels: Tensor, rng: torch.Generator) -> Tensor:
    """A Metropolis–Hastings step from `cuts` (K − 1,) by Newton's: the proposal is normal, with the
    mean and precision that the log likelihood of the levels has where its second-order expansion
    is exact. With many ratings it nearly is, and nearly all proposals are accepted. Where there is
    no such distribution, no step starts and none ends.

    Qi & Minka 2002, Hessian-based Markov chain Monte Carlo algorithms.
    """
    here = CutPoints.of(cuts, scores, levels)
    if not here.can_propose:
        return cuts
    proposed = here.proposal(rng)
    uniform = float(torch.rand((), generator=rng))
    if not (proposed.diff() > 0).all():
        return cuts
    there = CutPoints.of(proposed, scores, levels)
    if not there.can_propose:
        return cuts
    gain = there.log_likelihood - here.log_likelihood
    gain += there.log_density(cuts) - here.log_density(proposed)
    return proposed if uniform < math.exp(min(gain, 0.0)) else cuts


def _density(x: Tensor) -> Tensor:
    return torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
