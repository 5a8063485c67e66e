"""Splits: their parts are disjoint and complete, and nothing of the test part is in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import splits
from datasets.errors import DataError
from datasets.ratings import UNKNOWN, Dataset, HeldOut, Ratings, Split
from tests.support.ratings import dataset, triples

DATA = dataset()
NAMES = ["random:80/10/10", "random:90/10", "random:80/20", "5-fold", "2-fold", "leave-last"]


def timed(users: list[int], times: list[int]) -> Dataset:
    n = len(users)
    ratings = Ratings(
        np.array(users), np.arange(n), np.arange(n), max(users) + 1, n, (0.0, float(n))
    )
    return Dataset("t", ratings, np.arange(max(users) + 1), np.arange(n), "", np.array(times))


FULL = timed([0, 1, 2] * 10, [0] * 30)


def source_triples(cut: Split, part: HeldOut | Ratings) -> set[tuple[int, int, float]]:
    """In source ids; -1 for an id that training does not know."""
    users = np.append(cut.user_ids, UNKNOWN)[part.users]
    items = np.append(cut.item_ids, UNKNOWN)[part.items]
    return set(zip(users.tolist(), items.tolist(), part.values.tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 1000))
def test_parts_are_disjoint_and_complete(name: str, seed: int) -> None:
    cut = splits.cut(DATA, name, seed)
    whole = triples(DATA)
    train = source_triples(cut, cut.train)
    assert len(train) == len(cut.train)
    assert train <= whole
    known = set()
    for part in (cut.validation, cut.test):
        known |= {row for row in source_triples(cut, part) if UNKNOWN not in row[:2]}
    assert not train & known
    assert known <= whole
    assert len(cut.train) + len(cut.validation) + len(cut.test) == len(whole)


@pytest.mark.parametrize("name", NAMES)
def test_ids_come_from_train_alone(name: str) -> None:
    cut = splits.cut(dataset(40, 40, 60), name, 1)
    assert np.array_equal(np.unique(cut.train.users), np.arange(cut.train.n_users))
    assert np.array_equal(np.unique(cut.train.items), np.arange(cut.train.n_items))
    assert len(cut.user_ids) == cut.train.n_users
    assert (~cut.test.known).any(), "the case with unseen users or items is not covered"


def test_held_out_ratings_keep_their_source_ids() -> None:
    cut = splits.cut(DATA, "random:80/10/10", 5)
    known = cut.test.known
    rows = {row for row in source_triples(cut, cut.test) if UNKNOWN not in row[:2]}
    assert rows <= triples(DATA)
    assert len(rows) == known.sum() > 0


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("random:80/10/10", (48, 6, 6)),
        ("random:90/10", (54, 0, 6)),
        ("random:80/20", (48, 0, 12)),
        ("5-fold", (48, 0, 12)),
    ],
)
def test_sizes(name: str, sizes: tuple[int, int, int]) -> None:
    cut = splits.cut(DATA, name, 0)
    assert (len(cut.train), len(cut.validation), len(cut.test)) == sizes


@given(k=st.integers(2, 12), first=st.integers(0, 1000))
def test_k_seeds_in_a_row_are_a_cross_validation(k: int, first: int) -> None:
    """Test parts are disjoint, together the whole set, and equal in size to within one."""
    parts = [
        splits.cut(FULL, f"{k}-fold", seed).test.values.tolist() for seed in range(first, first + k)
    ]
    assert sorted(value for part in parts for value in part) == FULL.ratings.values.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_seed_of_a_fold_picks_it_and_orders_its_training_part() -> None:
    one, again, next_round = (splits.cut(FULL, "5-fold", seed) for seed in (2, 2, 7))
    assert np.array_equal(one.train.values, again.train.values)
    assert np.array_equal(one.test.values, next_round.test.values)
    assert not np.array_equal(one.train.values, next_round.train.values)
    assert sorted(one.train.values) == sorted(next_round.train.values)


@pytest.mark.parametrize(
    ("name", "k"), [("5-fold", 5), ("10-fold", 10), ("1-fold", None), ("u1", None)]
)
def test_the_number_of_folds_is_in_the_name(name: str, k: int | None) -> None:
    assert splits.folds(name) == k


def test_the_seed_decides() -> None:
    one, again, other = (splits.cut(DATA, "random:80/10/10", seed) for seed in (1, 1, 2))
    assert np.array_equal(one.train.values, again.train.values)
    assert np.array_equal(one.test.users, again.test.users)
    assert source_triples(one, one.test) != source_triples(other, other.test)


def test_train_is_not_in_the_order_of_the_set() -> None:
    for name in NAMES:
        users = splits.cut(DATA, name, 0).train.users
        assert (np.diff(users) < 0).any(), name


@pytest.mark.parametrize("name", NAMES)
def test_test_values_cannot_be_reached_from_train(name: str) -> None:
    cut = splits.cut(DATA, name, 0)
    for array in (cut.train.users, cut.train.items, cut.train.values):
        base = array
        while base.base is not None:
            base = base.base
        assert len(base) == len(cut.train)
        assert not np.shares_memory(array, DATA.ratings.values)
        assert not np.shares_memory(array, cut.test.values)


def test_leave_last_takes_the_latest_of_those_with_three() -> None:
    #              user 0: last is value 1, before it 0   user 1: two only   user 2: 6, then 7
    data = timed([0, 0, 0, 0, 1, 1, 2, 2, 2], [30, 40, 10, 20, 1, 2, 9, 8, 7])
    cut = splits.cut(data, "leave-last", 0)
    assert sorted(cut.test.values) == [1, 6]
    assert sorted(cut.validation.values) == [0, 7]
    assert sorted(cut.train.values) == [2, 3, 4, 5, 8]


def test_leave_last_breaks_ties_by_the_seed() -> None:
    data = timed([0] * 8 + [1] * 8, [5] * 16)
    chosen = {tuple(splits.cut(data, "leave-last", seed).test.values) for seed in range(20)}
    assert len(chosen) > 5


def test_leave_last_needs_timestamps() -> None:
    with pytest.raises(DataError, match=r"has none\. Give a fourth column"):
        splits.cut(replace(DATA, timestamps=None), "leave-last", 0)


def test_official_folds() -> None:
    is_test = np.zeros(len(DATA.ratings), dtype=bool)
    is_test[[3, 5, 8]] = True
    cut = splits.cut(replace(DATA, folds={"u2": is_test}), "u2", 0)
    assert sorted(cut.test.values) == sorted(DATA.ratings.values[is_test])
    assert len(cut.validation) == 0
    with pytest.raises(DataError, match="no official fold u1"):
        splits.cut(DATA, "u1", 0)


@pytest.mark.parametrize(
    "name", ["", "random", "random:80/30", "random:80/10/5", "1-fold", "05-fold", "u6", "last"]
)
def test_an_unknown_name_lists_the_grammar(name: str) -> None:
    with pytest.raises(DataError, match=r"random:80/10/10, .*5-fold, .*leave-last"):
        splits.cut(DATA, name, 0)


@pytest.mark.parametrize("name", ["random:100/0", "random:0/100", "5-fold", "leave-last"])
def test_an_empty_part_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="leaves a part empty"):
        splits.cut(timed([0, 0, 1, 1], [1, 2, 3, 4]), name, 0)
