"""A train and a test file: one dataset, whose split goes by the test file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from datasets import catalog, given, splits
from datasets.errors import DataError
from datasets.ratings import UNKNOWN
from datasets.reading.layout import Layout
from tests.support.ratings import triples

TRAIN = "user,item,rating\n1,10,3\n1,11,4\n2,10,2\n2,12,5\n3,11,1\n"


def both(tmp_path: Path, test: str, train: str = TRAIN) -> tuple[str, str]:
    (tmp_path / "train.csv").write_text(train)
    (tmp_path / "test.csv").write_text(f"user,item,rating\n{test}")
    return str(tmp_path / "train.csv"), str(tmp_path / "test.csv")


def test_both_files_are_one_dataset_and_the_test_file_its_test_part(tmp_path: Path) -> None:
    data = given.load(*both(tmp_path, "3,12,2\n9,10,4\n1,99,6\n"))
    assert data.name == "train (test part: test.csv)"
    assert len(data.ratings) == 8
    assert data.ratings.scale == (1, 6)
    cut = splits.cut(data, "given", 0)
    assert sorted(cut.test.values) == [2, 4, 6]
    assert sorted(cut.train.values) == [1, 2, 3, 4, 5]
    assert {u == UNKNOWN for u in cut.test.users[cut.test.values == 4]} == {True}
    assert cut.test.known.tolist().count(False) == 2
    assert cut.user_ids.tolist() == [1, 2, 3]


def test_the_fingerprint_is_of_the_ratings_of_both(tmp_path: Path) -> None:
    """As of one file that holds them, and whichever of the two is the test file."""
    one, other = both(tmp_path, "3,12,2\n1,12,4\n2,11,5\n")
    (tmp_path / "all.csv").write_text(TRAIN + "3,12,2\n1,12,4\n2,11,5\n")
    there, back = given.load(one, other), given.load(other, one)
    assert there.fingerprint == back.fingerprint
    assert there.fingerprint == catalog.load(str(tmp_path / "all.csv")).fingerprint
    assert splits.decided_by(there, "given") != splits.decided_by(back, "given")


PAIRS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 5)),
    min_size=8,
    max_size=30,
    unique_by=lambda row: row[:2],
)


@for_all(rows=PAIRS, n_test=st.integers(1, 6), mixed=st.randoms(), text=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_each_rating_is_in_the_part_that_its_file_is(
    tmp_path: Path,
    rows: list[tuple[int, int, int]],
    n_test: int,
    mixed: random.Random,
    text: bool,
) -> None:
    lines = [f"{'u' * text}{user},{item},{value}\n" for user, item, value in rows]
    head, tail = lines[:-n_test], lines[-n_test:]
    mixed.shuffle(head)
    mixed.shuffle(tail)
    users, items, values = map(set, zip(*rows[:-n_test], strict=True))
    seen = any(user in users and item in items for user, item, _ in rows[-n_test:])
    assume(seen and min(map(len, (users, items, values))) > 1)
    data = given.load(*both(tmp_path, "".join(tail), "user,item,rating\n" + "".join(head)))
    as_read = {(f"u{u}" if text else u, i, float(value)) for u, i, value in rows}
    assert triples(data) == as_read
    cut = splits.cut(data, "given", 0)
    assert sorted(cut.train.values) == sorted(row[2] for row in rows[:-n_test])
    assert sorted(cut.test.values) == sorted(row[2] for row in rows[-n_test:])


def test_a_test_file_may_be_of_one_user_and_of_one_rating(tmp_path: Path) -> None:
    assert len(splits.cut(given.load(*both(tmp_path, "3,12,3\n")), "given").test) == 1


def test_a_pair_in_both_files_is_an_error_with_its_count(tmp_path: Path) -> None:
    train, test = both(tmp_path, "3,12,2\n1,10,3\n2,12,1\n")
    with pytest.raises(DataError, match=r"2 of its 3 pairs .* such as 1 and 10: .* has seen") as it:
        given.load(train, test)
    assert str(it.value).startswith(f"{test}: ")
    assert train in str(it.value)
    with pytest.raises(DataError, match="5 of its 5 pairs"):
        given.load(train, train)


def test_a_test_file_that_no_model_can_be_measured_on_is_an_error(tmp_path: Path) -> None:
    """A new user with a known item, and the reverse: each pair is a cold start."""
    with pytest.raises(DataError, match="none of its 2 ratings is of a user and an item of"):
        given.load(*both(tmp_path, "7,10,3\n1,77,4\n"))


@pytest.mark.parametrize(
    ("train", "test", "users"),
    [
        ("0034,10,3\n034X,11,4\n0034,12,5\n", "0034,11,3\n", ["0034", "034X"]),
        ("0034,10,3\n0035,11,4\n0034,12,5\n", "0034,11,3\n034X,11,2\n", ["0034", "0035", "034X"]),
        ("a,10,3\nb,11,4\na,12,5\n", "a,11,3\n7,11,2\n", ["7", "a", "b"]),
    ],
)
def test_ids_are_text_in_both_files_where_they_are_in_one(
    tmp_path: Path, train: str, test: str, users: list[str]
) -> None:
    """Written as they are: a zero in front would be lost if one file were read as numbers."""
    data = given.load(*both(tmp_path, test, "user,item,rating\n" + train))
    assert data.user_ids.tolist() == users
    assert data.item_ids.tolist() == [10, 11, 12]
    assert splits.cut(data, "given").test.known.any()


def test_ids_of_64_bits_in_one_file_are_not_rounded(tmp_path: Path) -> None:
    large = 2**64 - 1
    data = given.load(*both(tmp_path, f"{large},12,3\n{large - 1},10,4\n3,10,5\n"))
    assert data.user_ids.tolist() == [1, 2, 3, large - 1, large]


def test_both_files_are_read_by_one_layout_and_what_was_left_out_of_either_is_counted(
    tmp_path: Path,
) -> None:
    head = "song;who;plays\n"
    names = both(tmp_path, "", f"{head}10;1;3\n11;1;99\n10;2;5\n11;2;1\n")
    Path(names[1]).write_text(f"{head}11;1;2\n99;3;99\n12;2;99\n11;x;4\n11;x;3\n")
    layout = Layout({"user": "who", "item": "song", "rating": "plays"}, missing=("99",))
    data = given.load(*names, layout)
    reading = data.reading
    assert reading is not None
    assert (len(data.ratings), reading.rows, data.duplicates) == (5, 9, 1)
    assert list(reading.dropped.values()) == [1, 2]
    assert [names[1] in why for why in reading.dropped] == [False, True]
    assert reading.duplicate_rule == "the last line counts"
    [note] = [note for note in reading.notes if "x" in note]
    assert note.startswith(f"{names[1]}: user ids are read as text")


def test_timestamps_are_there_where_both_files_have_them(tmp_path: Path) -> None:
    timed = "user,item,rating,timestamp\n"
    train, test = both(tmp_path, "1,11,5\n", f"{timed}1,10,3,7\n2,11,4,8\n2,10,2,9\n")
    assert given.load(train, test).timestamps is None
    Path(test).write_text(f"{timed}1,11,5,3\n")
    times = given.load(train, test).timestamps
    assert times is not None
    assert times.tolist() == [7, 3, 9, 8]
