"""Frames, arrays and typed files are read by the rules of a file, or refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from datasets import catalog, from_arrays, from_frame, split
from datasets.errors import DataError
from datasets.reading.layout import Layout
from tests.datasets.conftest import Write
from tests.support.ratings import triples

FRAME = pd.DataFrame({"who": [1, 1, 2], "what": ["a", "b", "a"], "stars": [5.0, 3.0, 4.0]})
NAMES = {"user": "who", "item": "what", "rating": "stars"}


def test_a_frame_by_its_own_names() -> None:
    data = from_frame(FRAME, **NAMES)  # type: ignore[arg-type]
    assert triples(data) == {(1, "a", 5), (1, "b", 3), (2, "a", 4)}
    assert data.reading is not None
    assert [(c.name, c.position) for c in data.reading.columns.values()] == [
        ("who", 1),
        ("what", 2),
        ("stars", 3),
    ]


@pytest.mark.parametrize("missing", [3, 3.0, "3", [3], ("3.0",)])
def test_one_missing_value_or_several(missing: Any) -> None:
    data = from_frame(FRAME.assign(who=[1, 3, 2], what=[1, 3, 2]), **NAMES, missing=missing)  # type: ignore[arg-type]
    assert triples(data) == {(1, 1, 5), (2, 2, 4)}


def test_what_was_assumed_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="written in two ways, such as 'ann' and 'ann '"):
        from_arrays(["ann", "ann ", "bob"], [1, 2, 1], [5, 3, 4])


USERS: dict[str, tuple[Any, list[object]]] = {
    "unsigned": ([2**63 + 5, 1, 2**63 + 6], [1, 2**63 + 5, 2**63 + 6]),
    "category": (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
    "nullable": (pd.array([7, 8, 7], dtype="Int64"), [7, 8]),
    "whole floats": (np.array([7.0, 8.0, 7.0]), [7, 8]),
    "small floats": (np.array([7.0, 8.0, 7.0], np.float32), [7, 8]),
    "decimals": (pa.array([7, 8, 7]).cast(pa.decimal128(19, 0)).to_pandas(), [7, 8]),
    "text": (np.array(["x", "y", "x"]), ["x", "y"]),
    "bytes of 8 bits": (np.array([7, 8, 7], np.uint8), [7, 8]),
}


@pytest.mark.parametrize("case", USERS)
def test_ids_of_any_type(case: str) -> None:
    users, expected = USERS[case]
    data = from_arrays(users, [1, 1, 2], [5, 3, 4])
    assert data.user_ids.tolist() == expected


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a missing id": ({"users": [1.0, np.nan, 2.0]}, "1 row without a value, the first is row 2"),
    "a float beyond 2^53": ({"users": [7.6e16, 1.0, 2.0]}, "as floats, which are not exact"),
    "a small float beyond 2^24": (
        {"users": np.array([16777217, 1, 2], np.float32)},
        "as floats, which are not exact",
    ),
    "two types": ({"users": [1, "a", 2]}, "the user column cannot be read"),
    "beyond 64 bits": ({"users": [2**70, 1, 2]}, "the user column cannot be read"),
    "half a character": ({"users": ["\udc80", "a", "b"]}, "the user column cannot be read"),
    "a NUL": ({"users": ["a", "a\0", "b"]}, "holds a NUL character"),
    "truth values": ({"users": [True, False, True]}, "which is no user"),
    "two dimensions": ({"users": np.ones((3, 2))}, "the user column cannot be read"),
    "another length": ({"users": [1, 2]}, "differ in length"),
    "zeros that are neither": ({"zeros": "drop"}, "It is 'missing', 'ratings' or None"),
    "no rating": ({"ratings": [None, 3, 4]}, "not a finite number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_error(case: str) -> None:
    change, problem = REFUSED[case]
    given: dict[str, Any] = {"users": [1, 1, 2], "items": [1, 2, 1], "ratings": [5, 3, 4]}
    with pytest.raises(DataError, match=problem):
        from_arrays(**{**given, **change})


def test_a_frame_without_the_column_and_no_frame() -> None:
    with pytest.raises(DataError, match=r"has no column 'user' for the user.*who, what, stars"):
        from_frame(FRAME)
    twice = FRAME.set_axis(["who", "who", "stars"], axis=1)
    with pytest.raises(DataError, match="has 2 column 'who'"):
        from_frame(twice, user="who", item="who", rating="stars")
    with pytest.raises(DataError, match="a dict is no frame"):
        from_frame({"user": [1]})  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_order_ratings_at_their_own_resolution(unit: str) -> None:
    times = np.array([1700000000_900000001, 1700000000_100000001, 1700000000_000000001])
    dates = (times // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]).astype(f"M8[{unit}]")
    data = from_arrays([1, 1, 2], [1, 1, 2], [5, 1, 3], dates)
    assert triples(data) == {(1, 1, 1.0 if unit == "s" else 5.0), (2, 2, 3)}
    assert data.reading is not None
    assert data.reading.date_format == "dates, by the type of the column"


def test_leave_last_goes_by_fractions_of_a_second() -> None:
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(200), 3)
    times = 1_700_000_000 + np.tile([0.1, 0.5, 0.9], 200)
    order = rng.permutation(600)
    data = from_arrays(users[order], np.arange(600)[order], (1 + order % 5), times[order])
    last = split(data, "leave-last", 0)
    assert (last.test.items == -1).all()
    assert data.order is not None
    assert len(np.unique(data.order)) == 3


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    path = tmp_path / "r.parquet"
    columns = {"user": [1, 1, 2], "item": [1, 2, 1], "rating": [5, 3, 4], "stars": [1, 2, 3]}
    parquet.write_table(pa.table(columns), path)
    return path


def test_options_hold_for_a_typed_file(typed: Path) -> None:
    data = catalog.load(str(typed), Layout({"rating": "stars"}))
    assert sorted(data.ratings.values.tolist()) == [1, 2, 3]
    for columns, problem in (
        ({"rating": "foo"}, "there is no column rating=foo in user, item, rating, stars"),
        ({"rating": "9"}, "there is no column rating=9"),
        ({"user": "1", "item": "user"}, "column 'user' is given for user and for item"),
    ):
        with pytest.raises(DataError, match=problem):
            catalog.load(str(typed), Layout(columns))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays(
        [pa.array([1, 2]), pa.array([3, 4]), pa.array([1, 2]), pa.array([5, 3])],
        names=["user", "user", "item", "rating"],
    )
    parquet.write_table(table, tmp_path / "r.parquet")
    with pytest.raises(DataError, match="there are two columns 'user'"):
        catalog.load(str(tmp_path / "r.parquet"))


def test_an_error_in_mid_file_does_not_keep_the_process(write: Write) -> None:
    """pyarrow's threads would wait at exit for tasks that an exception had left behind."""
    path = write("user,item,rating\n" + "1,2,3\n2,3,4\n" * 4_000_000 + "1,\0,3\n")
    code = f"from datasets import catalog; catalog.load({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "holds a NUL character" in done.stderr
