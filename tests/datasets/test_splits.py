"""Splits: their parts are disjoint and complete, and nothing of the test part is in training."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import datasets
from datasets import splits
from datasets.errors import DataError
from datasets.ratings import UNKNOWN, Dataset, HeldOut, Ratings, Split
from tests.support.ratings import dataset, triples

DATA = dataset()
NAMES = [
    "random:80/10/10",
    "random:75/25",
    "random:33/33/34",
    "time:80/10/10",
    "time:60/40",
    "5-fold",
    "2-fold",
    "leave-last",
]


def timed(users: list[int], times: list[int]) -> Dataset:
    n = len(users)
    ratings = Ratings(
        np.array(users), np.arange(n), np.arange(n), max(users) + 1, n, (0.0, float(n))
    )
    return Dataset("t", ratings, np.arange(max(users) + 1), np.arange(n), "", np.array(times))


IS_TEST = np.arange(60) % 6 == 0
GIVEN = replace(DATA, folds={"given": IS_TEST})
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
        ("random:75/25", (45, 0, 15)),
        ("random:50/0/50", (30, 0, 30)),
        ("random:37/31/32", (22, 19, 19)),
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


def test_leave_last_without_validation_has_the_same_test_part() -> None:
    data = timed([0] * 8 + [1] * 8 + [2] * 3, [5] * 16 + [1, 2, 3])
    both, joined = (splits.cut(data, name, 1) for name in ("leave-last", "leave-last:test"))
    assert joined.test.values.tolist() == both.test.values.tolist()
    assert sorted(joined.train.values) == sorted([*both.train.values, *both.validation.values])
    assert len(joined.validation) == 0
    assert splits.decided_by(data, "leave-last:test") == splits.decided_by(data, "leave-last")


def test_leave_last_breaks_ties_by_the_seed() -> None:
    data = timed([0] * 8 + [1] * 8 + [2] * 3, [5] * 16 + [1, 2, 3])
    chosen = {tuple(splits.cut(data, "leave-last", seed).test.values) for seed in range(20)}
    assert len(chosen) > 5


@pytest.mark.parametrize("times", [[5] * 16, [5] * 8 + [6] * 8])
def test_leave_last_is_refused_where_no_user_has_two_times(times: list[int]) -> None:
    with pytest.raises(DataError, match=r"random split: .* \(2\) none has two different times"):
        splits.cut(timed([0] * 8 + [1] * 8, times), "leave-last", 0)


@pytest.mark.parametrize("name", ["leave-last", "time:80/20"])
def test_a_split_in_time_needs_timestamps(name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} needs timestamps, .* found\. Name their column"):
        splits.cut(replace(DATA, timestamps=None), name, 0)


def test_official_folds() -> None:
    is_test = np.zeros(len(DATA.ratings), dtype=bool)
    is_test[[3, 5, 8]] = True
    cut = splits.cut(replace(DATA, folds={"u2": is_test}), "u2", 0)
    assert sorted(cut.test.values) == sorted(DATA.ratings.values[is_test])
    assert len(cut.validation) == 0
    with pytest.raises(DataError, match="no official fold u1"):
        splits.cut(DATA, "u1", 0)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "random",
        "random:",
        "time",
        "time:",
        "given:",
        "1-fold",
        "05-fold",
        "u6",
        "last",
        "x:9/1",
    ],
)
def test_an_unknown_name_lists_the_grammar(name: str) -> None:
    with pytest.raises(
        DataError, match=r"random:80/10/10, time:80/10/10, 5-fold, .*leave-last, given"
    ):
        splits.cut(GIVEN, name, 0)


@pytest.mark.parametrize("kind", ["random", "time", "given"])
@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ("80/30", "add to 110, not to 100. Give shares that do"),
        ("80/10/5", "add to 95, not to 100"),
        ("100/100", "add to 200"),
        ("80", "are not two or three whole numbers. Give them in per cent"),
        ("80/10/5/5", "are not two or three whole numbers"),
        ("80.5/19.5", "are not two or three whole numbers"),
        ("-10/110", "are not two or three whole numbers"),
        ("80/20/", "are not two or three whole numbers"),
        ("٨٠/20", "are not two or three whole numbers"),
        ("80 /20", "are not two or three whole numbers"),
    ],
)
def test_wrong_shares_have_errors_of_their_own(kind: str, shares: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        splits.cut(GIVEN, f"{kind}:{shares}", 0)


@pytest.mark.parametrize(
    "name", ["random:100/0", "random:0/100", "random:80/1/19", "5-fold", "leave-last", "time:1/99"]
)
def test_an_empty_part_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="leaves a part empty"):
        splits.cut(timed([0, 0, 1, 1], [1, 2, 3, 4]), name, 0)


SHARES = st.lists(st.integers(1, 98), min_size=1, max_size=2).filter(lambda each: sum(each) < 100)


@given(times=st.lists(st.integers(0, 10**10), min_size=100, unique=True), shares=SHARES)
def test_a_cut_in_time_has_the_shares_that_were_requested(
    times: list[int], shares: list[int]
) -> None:
    shares = [*shares, 100 - sum(shares)]
    train, validation, test, _ = parts_in_time(times, shares)
    sizes = [len(train), *([len(validation)] if len(shares) == 3 else []), len(test)]
    ideal = [share * len(times) / 100 for share in shares]
    assert all(abs(size - share) <= 1 for size, share in zip(sizes, ideal, strict=True))


@given(
    times=st.lists(st.integers(0, 30), min_size=2),
    shares=SHARES,
    seed=st.integers(0, 5),
    mixed=st.randoms(),
)
def test_a_cut_in_time_holds_out_what_is_later_than_all_before_it(
    times: list[int], shares: list[int], seed: int, mixed: random.Random
) -> None:
    """Strictly later, whatever the order of the rows and the seed; else it is an error."""
    shares = [*shares, 100 - sum(shares)]
    others = list(times)
    mixed.shuffle(others)
    try:
        train, validation, test, cut = parts_in_time(times, shares, seed)
    except DataError as error:
        with pytest.raises(DataError, match=re.escape(str(error))):
            parts_in_time(others, shares)
        return
    assert sorted([*train, *validation, *test]) == sorted(times)
    assert max(train) < min([*validation, *test])
    assert not len(validation) or max(validation) < min(test)
    assert (len(validation) > 0) == (len(shares) == 3)
    missed = (
        np.cumsum([len(train), len(validation)])
        - np.cumsum([shares[0], sum(shares[1:-1])]) * len(times) / 100
    )
    assert np.abs(missed).max() <= max(1, 0.02 * len(times))
    again = parts_in_time(others, shares, seed + 1)[:3]
    for one, other in zip((train, validation, test), again, strict=True):
        assert sorted(one) == sorted(other)
    assert cut.test_times is not None
    assert cut.test_times.tolist() == list(test)


def parts_in_time(
    times: list[int], shares: list[int], seed: int = 0
) -> tuple[list[int], list[int], list[int], Split]:
    """The times of train, validation and test: each rating's value is its row."""
    data = timed([0, 1] * (len(times) // 2) + [0] * (len(times) % 2), times)
    cut = splits.cut(data, f"time:{'/'.join(map(str, shares))}", seed)
    parts = (cut.train, cut.validation, cut.test)
    train, validation, test = ([times[int(v)] for v in part.values] for part in parts)
    return train, validation, test, cut


def test_ratings_of_one_time_are_not_cut_apart() -> None:
    """Nearest of two changes of time; of two as near, the earlier one."""
    #                     8 of 10 would cut the three of time 5 apart, 7 or 10 would not
    data = timed([0, 1] * 5, [1, 2, 3, 4, 4, 4, 4, 5, 5, 5])
    cut = splits.cut(data, "time:80/20", 0)
    assert sorted(cut.train.values) == [0, 1, 2, 3, 4, 5, 6]
    data = timed([0, 1] * 5, [1, 2, 3, 4, 4, 4, 4, 5, 5, 6])
    assert len(splits.cut(data, "time:80/20", 0).train) == 7
    assert len(splits.cut(data, "time:85/15", 0).train) == 9


@given(st.lists(st.integers(0, 12), min_size=100, max_size=300), SHARES)
def test_shares_that_the_times_do_not_allow_are_an_error_whose_remedy_works(
    times: list[int], shares: list[int]
) -> None:
    try:
        parts_in_time(times, [*shares, 100 - sum(shares)])
    except DataError as error:
        if found := re.search(r"The nearest cut that does not is time:([\d/]+)\.", str(error)):
            parts_in_time(times, [int(share) for share in found[1].split("/")])


def test_an_error_of_equal_times_says_how_many_there_are() -> None:
    data = timed([0, 1] * 50, [1] * 40 + [2] * 60)
    with pytest.raises(
        DataError, match="cut apart ratings of one time: 100 ratings have 2 distinct"
    ) as it:
        splits.cut(data, "time:80/20", 0)
    assert "is time:40/60." in str(it.value)
    with pytest.raises(DataError, match="Use other shares or a random split"):
        splits.cut(data, "time:50/30/20", 0)
    yearly = timed([0, 1] * 50, [1] * 40 + [2] * 30 + [3] * 30)
    with pytest.raises(DataError, match=r"The nearest cut that does not is time:40/30/30\."):
        splits.cut(yearly, "time:80/10/10", 0)
    assert len(splits.cut(yearly, "time:40/30/30", 0).validation) == 30
    with pytest.raises(DataError, match=r"100 ratings have 1 distinct time\."):
        splits.cut(timed([0, 1] * 50, [7] * 100), "time:80/20", 0)


def test_a_given_test_part_is_the_test_part() -> None:
    cut = splits.cut(GIVEN, "given", 3)
    assert sorted(cut.test.values) == sorted(DATA.ratings.values[IS_TEST])
    assert (len(cut.train), len(cut.validation)) == (50, 0)
    parts = [splits.cut(GIVEN, "given:90/10", seed) for seed in (0, 0, 1)]
    for part in parts:
        assert np.array_equal(np.sort(part.test.values), np.sort(cut.test.values))
        assert (len(part.train), len(part.validation)) == (45, 5)
    rows = [source_triples(part, part.validation) for part in parts]
    assert rows[0] == rows[1] != rows[2]


def test_a_given_split_needs_a_test_file_and_two_shares() -> None:
    with pytest.raises(DataError, match=r"needs a test file. Give it: --dataset train.csv --test"):
        splits.cut(DATA, "given", 0)
    with pytest.raises(DataError, match=r"three shares, and its test part is a file"):
        splits.cut(GIVEN, "given:80/10/10", 0)


def test_times_and_a_given_test_part_decide_a_split_that_goes_by_them() -> None:
    times = DATA.timestamps
    assert times is not None
    changed = replace(GIVEN, timestamps=times + 1, folds={"given": ~IS_TEST, "u1": IS_TEST})
    for name in ("random:80/10/10", "5-fold", "u1"):
        assert splits.decided_by(GIVEN, name) == splits.decided_by(changed, name) == ""
    for name in ("time:80/10/10", "leave-last", "given", "given:90/10"):
        assert "" != splits.decided_by(GIVEN, name) != splits.decided_by(changed, name)
    assert splits.decided_by(GIVEN, "leave-last") == splits.decided_by(DATA, "leave-last")


@pytest.mark.parametrize("name", [*NAMES, "leave-last:test", "given", "given:90/10", "u1"])
@given(seed=st.integers(0, 1000))
def test_who_peeks_has_the_same_parts_and_the_test_part_for_validation(
    name: str, seed: int
) -> None:
    data = replace(DATA, folds={"given": IS_TEST, "u1": IS_TEST})
    fair, peeking = (splits.cut(data, each, seed) for each in (name, f"peek:{name}"))
    assert (peeking.name, peeking.seed) == (f"peek:{name}", seed)
    assert_same(peeking.train, fair.train)
    assert_same(peeking.test, fair.test)
    assert_same(peeking.validation, fair.test)
    assert np.array_equal(peeking.user_ids, fair.user_ids)
    assert np.array_equal(peeking.item_ids, fair.item_ids)


def assert_same(one: Ratings | HeldOut, other: Ratings | HeldOut) -> None:
    for name in ("users", "items", "values"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_who_peeks_has_what_decides_the_split_and_its_folds() -> None:
    for name in ("random:80/20", "time:80/20", "leave-last", "given"):
        assert splits.decided_by(GIVEN, f"peek:{name}") == splits.decided_by(GIVEN, name)
    assert splits.folds("peek:5-fold") == 5
    assert splits.beneath("peek:u1") == splits.beneath("u1") == "u1"


def test_nobody_peeks_twice() -> None:
    with pytest.raises(DataError, match="there is no split 'peek:random:80/20'"):
        splits.cut(DATA, "peek:peek:random:80/20")


def test_only_a_split_in_time_has_test_times() -> None:
    assert splits.cut(DATA, "random:80/20").test_times is None
    assert splits.cut(GIVEN, "given").test_times is None
    for name in ("time:80/20", "leave-last"):
        cut = splits.cut(DATA, name)
        assert cut.test_times is not None
        assert len(cut.test_times) == len(cut.test)


def test_a_notebook_cuts_with_a_function_of_the_package() -> None:
    cut = datasets.split(DATA, "random:80/20")
    assert np.array_equal(cut.test.values, splits.cut(DATA, "random:80/20", 0).test.values)
