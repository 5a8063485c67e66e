"""Errors, clipping, cold-start pairs and doubts."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.score import PIECE, ColdStart, check_predictions, doubts, score
from datasets.ratings import UNKNOWN, HeldOut, Ratings

TRAIN = Ratings(
    users=np.array([0, 0, 1], np.int32),
    items=np.array([0, 1, 1], np.int32),
    values=np.array([1, 3, 5], np.float32),
    n_users=3,
    n_items=3,
    scale=(1, 5),
)


def held_out(*rows: tuple[int, int, float]) -> HeldOut:
    users, items, values = zip(*rows, strict=True)
    return HeldOut(np.array(users), np.array(items), np.array(values))


def test_cold_start_pairs_get_user_mean_else_item_mean_else_global_mean() -> None:
    pairs = held_out((0, UNKNOWN, 1), (UNKNOWN, 1, 1), (UNKNOWN, UNKNOWN, 1), (0, 0, 1))
    complete = ColdStart(TRAIN).complete(pairs, np.array([9], np.float32))
    assert complete.tolist() == [2, 4, 3, 9]


def test_ids_without_ratings_fall_back_to_the_global_mean() -> None:
    pairs = held_out((2, UNKNOWN, 1), (UNKNOWN, 2, 1))
    assert ColdStart(TRAIN).complete(pairs, np.empty(0, np.float32)).tolist() == [3, 3]


def test_means_do_not_depend_on_the_pieces_they_are_summed_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.score.PIECE", 2)
    pairs = held_out((0, UNKNOWN, 1), (1, UNKNOWN, 1), (UNKNOWN, 1, 1))
    assert ColdStart(TRAIN).complete(pairs, np.empty(0, np.float32)).tolist() == [2, 5, 4]


def test_fallbacks_and_errors_of_many_ratings_take_little_memory_beside_them() -> None:
    n = 8 * PIECE
    train = Ratings(np.zeros(n), np.zeros(n), np.ones(n), 1, 1, (1, 5))
    predicted = np.ones(n)
    tracemalloc.start()
    ColdStart(train)
    score(predicted, train.values, (1, 5))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * n


@pytest.mark.parametrize("piece", [1, 2, 3])
def test_clipped_and_raw_errors_are_pooled(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr("bench.score.PIECE", piece)
    scores = score(np.array([7.0, 1.0]), np.array([5, 2], np.float32), (1, 5))
    assert scores.rmse == pytest.approx(np.sqrt(1 / 2))
    assert scores.mae == pytest.approx(1 / 2)
    assert scores.rmse_raw == pytest.approx(np.sqrt((4 + 1) / 2))
    assert scores.mae_raw == pytest.approx(3 / 2)


@given(st.lists(st.floats(-10, 10), min_size=1), st.floats(1, 5))
def test_clipping_never_hurts_a_rating_inside_the_scale(raw: list[float], actual: float) -> None:
    scores = score(np.array(raw), np.full(len(raw), actual, np.float32), (1, 5))
    assert scores.rmse <= scores.rmse_raw + 1e-6
    assert scores.mae <= scores.rmse + 1e-6


def test_equal_predictions_and_rows_no_better_than_the_mean_are_doubted() -> None:
    test = held_out((0, 0, 1), (0, 1, 5))
    for predicted, expected in (
        ([3, 3], ["all predictions are equal"]),
        ([5, 1], ["no better than global_mean"]),
        ([2, 4], []),
    ):
        array = np.array(predicted, np.float32)
        scores = score(array.astype(np.float64), test.values, (1, 5))
        assert doubts(array, test, scores, global_mean=3.0, fit_s=1, predict_s=1) == expected


@pytest.mark.parametrize(
    ("fit_s", "predict_s", "doubted"),
    [(0.0, 0.9, False), (0.0, 1.1, True), (2.0, 1.9, False), (2.0, 2.1, True)],
)
def test_more_work_in_predict_than_in_fit_is_doubted(
    fit_s: float, predict_s: float, doubted: bool
) -> None:
    """Work put off until `predict` is not on the training clock, so it is flagged."""
    test, predicted = held_out((0, 0, 1), (0, 1, 5)), np.array([2, 4], np.float32)
    scores = score(predicted.astype(np.float64), test.values, (1, 5))
    found = doubts(predicted, test, scores, 3.0, fit_s=fit_s, predict_s=predict_s)
    assert [reason.startswith("predicting takes longer") for reason in found] == [True] * doubted


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0, 2.0], "list"),
        (np.zeros((2, 1), np.float32), r"shape \(2, 1\)"),
        (np.zeros(3, np.float32), r"shape \(3,\)"),
        (np.zeros(2), "float64"),
    ],
)
def test_a_wrong_return_is_named(returned: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        check_predictions(returned, 2)
