"""Pooled errors and those of slices, clipping, and the one fallback for cold-start pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import UNKNOWN, HeldOut, Ratings, Split
from datasets.splits import ends_in_time

if TYPE_CHECKING:
    from bench.records import Slice

LONG_S = 1.0
"""Seconds of `predict` up to which it does not matter whether they belong to training."""

FEW, SOME = 10, 50
"""Training ratings up to which a user has few, and up to which some; over that many."""

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


def squared_errors(
    predicted: NDArray[np.float64],
    actual: NDArray[np.float32],
    scale: tuple[float, float],
    blocks: int,
) -> list[float]:
    """Mean squared errors, clipped, of equal parts of the pairs (n,), which are drawn at random
    and the same for each row: of two rows the differences of the parts are paired. Of fewer
    ratings than `blocks`, each is a part."""
    if not blocks:
        return []
    error = np.clip(predicted, *scale) - actual
    order = np.random.default_rng(0).permutation(len(actual))
    parts = np.array_split(order, min(blocks, len(actual)))
    return [float(np.mean(error[part] ** 2)) for part in parts]


@dataclass(frozen=True)
class Slicing:
    """One division of the test ratings. `codes` int8 (n,) is each rating's place in `slices`,
    which are name, low and high as `bench.records.Slice` has them."""

    by: Literal["training", "time"]
    codes: NDArray[np.int8]
    slices: tuple[tuple[str, int | None, int | None], ...]

    def scores(
        self,
        predicted: NDArray[np.float64],
        actual: NDArray[np.float32],
        scale: tuple[float, float],
    ) -> list[Slice]:
        """Errors of predictions (n,) for ratings (n,), clipped, of each slice that has any."""
        from bench.records import Slice  # here: a worker never needs it, and pydantic is slow

        size = len(self.slices)
        counts, squares, absolutes = np.zeros(size, np.int64), np.zeros(size), np.zeros(size)
        for piece in _pieces(len(actual)):
            codes, error = self.codes[piece], np.clip(predicted[piece], *scale) - actual[piece]
            counts += np.bincount(codes, minlength=size)
            squares += np.bincount(codes, weights=error**2, minlength=size)
            absolutes += np.bincount(codes, weights=np.abs(error), minlength=size)
        found = zip(self.slices, counts.tolist(), squares.tolist(), absolutes.tolist(), strict=True)
        return [
            Slice(
                by=self.by,
                name=name,
                low=low,
                high=high,
                n=n,
                rmse=math.sqrt(square / n),
                mae=absolute / n,
            )
            for (name, low, high), n, square, absolute in found
            if n
        ]


def slicings(split: Split) -> list[Slicing]:
    """How the test part is sliced: by the users' training ratings, and by time where it is in time.

    By time it is in thirds of the test ratings; ratings of one time are in one slice.
    """
    times = split.test_times
    return [_by_training(split.train, split.test), *([] if times is None else [_by_time(times)])]


def _by_training(train: Ratings, test: HeldOut) -> Slicing:
    counts, known = np.bincount(train.users, minlength=train.n_users), test.known
    slices = (
        ("few", 1, FEW),
        ("some", FEW + 1, SOME),
        ("many", SOME + 1, None),
        ("cold start", None, None),
    )
    codes = np.full(len(test), len(slices) - 1, np.int8)
    codes[known] = np.searchsorted([FEW, SOME], counts[test.users[known]])
    return Slicing("training", codes, slices)


def _by_time(times: NDArray[np.int64]) -> Slicing:
    order, ends = ends_in_time(times, [100 / 3] * 3)
    thirds = zip(("oldest", "middle", "newest"), np.split(order, ends), strict=True)
    parts = [(name, rows) for name, rows in thirds if len(rows)]
    codes = np.empty(len(times), np.int8)
    for code, (_, rows) in enumerate(parts):
        codes[rows] = code
    slices = tuple((name, int(times[rows[0]]), int(times[rows[-1]])) for name, rows in parts)
    return Slicing("time", codes, slices)


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
    """A copy of `predicted`, float32 (n,): later changes of it count for nothing, and an array of a
    class of its own has run its code. Raises TypeError or ValueError that names the fault."""
    if not isinstance(predicted, np.ndarray):
        kind = type(predicted).__name__
        raise TypeError(f"predict returned {kind}; a NumPy array float32 ({n},) is expected")
    if predicted.shape != (n,):
        raise ValueError(f"predict returned shape {predicted.shape} for {n} pairs, not ({n},)")
    if predicted.dtype != np.float32:
        raise TypeError(f"predict returned {predicted.dtype}, not float32")
    return np.array(predicted, subok=False)


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
