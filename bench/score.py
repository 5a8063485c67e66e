"""Pooled errors, clipping, and the one fallback for cold-start pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import UNKNOWN, HeldOut, Ratings

LONG_S = 1.0
"""Seconds of `predict` up to which it does not matter whether they belong to training."""

PIECE = 1 << 18
"""Ratings that are worked on at once, so that a row's peak of memory is not the harness's."""


@dataclass(frozen=True)
class Scores:
    """Errors over all pairs together; `_raw` before clipping to the scale."""

    rmse: float
    mae: float
    rmse_raw: float
    mae_raw: float


class ColdStart:
    """What every row predicts for a pair that training has not seen.

    The user's mean where the user is known, else the item's, else the global mean.
    """

    def __init__(self, train: Ratings) -> None:
        self.global_mean = float(np.mean(train.values, dtype=np.float64))
        self._user_means = _means(train.users, train.values, train.n_users, self.global_mean)
        self._item_means = _means(train.items, train.values, train.n_items, self.global_mean)

    def complete(self, pairs: HeldOut, predicted: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions for all pairs (n,), given those for `pairs.known` (n_known,)."""
        known = pairs.known
        users, items = pairs.users[~known], pairs.items[~known]
        fallback = np.full(len(users), self.global_mean)
        fallback[items != UNKNOWN] = self._item_means[items[items != UNKNOWN]]
        fallback[users != UNKNOWN] = self._user_means[users[users != UNKNOWN]]
        complete = np.empty(len(pairs))
        complete[known], complete[~known] = predicted, fallback
        return complete


def score(
    predicted: NDArray[np.float64], actual: NDArray[np.float32], scale: tuple[float, float]
) -> Scores:
    """Errors of predictions (n,) for ratings (n,), n ≥ 1, in float64."""
    sums = np.zeros(4)
    for piece in _pieces(len(actual)):
        raw = predicted[piece] - actual[piece]
        clipped = np.clip(predicted[piece], *scale) - actual[piece]
        sums += [power.sum() for e in (clipped, raw) for power in (e**2, np.abs(e))]
    square, mae, square_raw, mae_raw = (sums / len(actual)).tolist()
    return Scores(math.sqrt(square), mae, math.sqrt(square_raw), mae_raw)


def doubts(
    predicted: NDArray[np.float32],
    test: HeldOut,
    scores: Scores,
    global_mean: float,
    fit_s: float,
    predict_s: float,
) -> list[str]:
    """Why a finite row may still not be a model; shown in a footnote.

    `predicted` are the model's own, for the known pairs (n_known,).
    """
    found = []
    mean_rmse = float(np.sqrt(np.mean((global_mean - test.values.astype(np.float64)) ** 2)))
    if len(predicted) > 1 and np.ptp(predicted) == 0:
        found.append("all predictions are equal")
    elif scores.rmse >= mean_rmse:
        found.append("no better than global_mean")
    if predict_s > max(fit_s, LONG_S):
        found.append("predicting takes longer than training, and is not on the training clock")
    return found


def check_predictions(predicted: object, n: int) -> NDArray[np.float32]:
    """`predicted` as float32 (n,); raises TypeError or ValueError that names the fault."""
    if not isinstance(predicted, np.ndarray):
        kind = type(predicted).__name__
        raise TypeError(f"predict returned {kind}; a NumPy array float32 ({n},) is expected")
    if predicted.shape != (n,):
        raise ValueError(f"predict returned shape {predicted.shape} for {n} pairs, not ({n},)")
    if predicted.dtype != np.float32:
        raise TypeError(f"predict returned {predicted.dtype}, not float32")
    return predicted


def _pieces(n: int) -> Iterator[slice]:
    return (slice(start, start + PIECE) for start in range(0, n, PIECE))


def _means(
    ids: NDArray[np.int32], values: NDArray[np.float32], size: int, default: float
) -> NDArray[np.float64]:
    counts, sums = np.zeros(size, np.int64), np.zeros(size)
    for piece in _pieces(len(ids)):  # bincount casts its arguments to 64 bits
        counts += np.bincount(ids[piece], minlength=size)
        sums += np.bincount(ids[piece], weights=values[piece], minlength=size)
    means = np.full(size, default)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
