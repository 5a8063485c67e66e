"""Errors, clipping, cold-start pairs and doubts."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records import Slice
from bench.score import PIECE, ColdStart, check_predictions, doubts, score, slicings
from datasets import splits
from datasets.ratings import UNKNOWN, HeldOut, Ratings, Split
from tests.support.ratings import dataset

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


IDS = np.arange(4)


def split_of(counts: list[int], test: list[int], times: list[int] | None = None) -> Split:
    """User n has `counts[n]` training ratings of one item; `test` are users, all with rating 3."""
    users = np.repeat(np.arange(len(counts)), counts)
    train = Ratings(users, np.zeros(len(users)), np.ones(len(users)), len(counts), 1, (1, 5))
    n = len(test)
    pairs = HeldOut(np.array(test), np.zeros(n), np.full(n, 3))
    nothing = HeldOut(np.empty(0), np.empty(0), np.empty(0))
    return Split("", 0, train, nothing, pairs, IDS, IDS, None if times is None else np.array(times))


def sliced(split: Split, predicted: list[float]) -> list[Slice]:
    return [
        it
        for each in slicings(split)
        for it in each.scores(np.array(predicted), split.test.values, split.train.scale)
    ]


def test_slices_end_at_10_and_at_50_training_ratings_of_the_user() -> None:
    split = split_of([1, 10, 11, 50, 51], [0, 1, 2, 3, 4, UNKNOWN])
    found = sliced(split, [4, 5, 3.5, 9, 1, 3])
    few, some, many, cold = found
    assert [(it.name, it.low, it.high, it.n) for it in found] == [
        ("few", 1, 10, 2),
        ("some", 11, 50, 2),
        ("many", 51, None, 1),
        ("cold start", None, None, 1),
    ]
    assert {it.by for it in found} == {"training"}
    assert (few.mae, few.rmse) == (1.5, 2.5**0.5)
    assert some.mae == (0.5 + 2) / 2  # 9 is clipped to 5
    assert (many.rmse, cold.rmse) == (2, 0)


def test_an_item_that_is_unseen_is_a_cold_start_however_many_ratings_the_user_has() -> None:
    split = split_of([60, 1], [0, 0])
    pairs = HeldOut(split.test.users, np.array([UNKNOWN, 0]), split.test.values)
    found = sliced(dataclasses.replace(split, test=pairs), [3, 3])
    assert [(it.name, it.n) for it in found] == [("many", 1), ("cold start", 1)]


def test_test_ratings_in_time_are_also_sliced_by_thirds() -> None:
    split = split_of([1], [0] * 7, [9, 1, 2, 3, 4, 5, 6])
    by_time = [it for it in sliced(split, [5, 3, 3, 4, 4, 3, 3]) if it.by == "time"]
    assert [(it.name, it.low, it.high, it.n) for it in by_time] == [
        ("oldest", 1, 2, 2),
        ("middle", 3, 5, 3),
        ("newest", 6, 9, 2),
    ]
    assert [round(it.mae, 4) for it in by_time] == [0, 0.6667, 1]


def test_test_ratings_of_one_time_are_in_one_slice() -> None:
    split = split_of([1], [0] * 6, [1, 1, 1, 1, 1, 2])
    by_time = [(it.name, it.n) for it in sliced(split, [3] * 6) if it.by == "time"]
    assert by_time == [("middle", 5), ("newest", 1)]


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    rows=st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 9), st.floats(0, 6)), min_size=1),
    piece=st.integers(1, 7),
)
def test_slices_of_one_kind_together_are_the_whole_test_part(
    counts: list[int], rows: list[tuple[int, int, float]], piece: int
) -> None:
    users = [user if user < len(counts) else UNKNOWN for user, _, _ in rows]
    split = split_of(counts, users, [time for _, time, _ in rows])
    predicted = [value for _, _, value in rows]
    whole = score(np.array(predicted), split.test.values, split.train.scale)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.score.PIECE", piece)
        found = sliced(split, predicted)
    for kind in ("training", "time"):
        parts = [it for it in found if it.by == kind]
        assert sum(it.n for it in parts) == len(rows)
        assert sum(it.n * it.mae for it in parts) == pytest.approx(len(rows) * whole.mae)
        assert sum(it.n * it.rmse**2 for it in parts) == pytest.approx(len(rows) * whole.rmse**2)


def test_slices_can_be_computed_again_from_the_record_and_the_split() -> None:
    """The bounds of a slice are in it: counts of training ratings, and times."""
    cut = splits.cut(dataset(30, 40, 900), "time:70/30")
    found = sliced(cut, np.full(len(cut.test), 3.25).tolist())
    counts = np.bincount(cut.train.users)[cut.test.users]
    assert cut.test_times is not None
    for it in found:
        inside = ~cut.test.known
        if it.low is not None:
            of = cut.test_times if it.by == "time" else np.where(cut.test.known, counts, 0)
            inside = (of >= it.low) & (of <= (it.high or len(cut.train)))
        again = score(np.full(inside.sum(), 3.25), cut.test.values[inside], cut.train.scale)
        assert (it.n, it.rmse, it.mae) == (
            inside.sum(),
            pytest.approx(again.rmse),
            pytest.approx(again.mae),
        )
