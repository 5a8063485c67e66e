"""Any layout of the same ratings is read as the same ratings; anything else is refused."""

from __future__ import annotations

import contextlib
import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import catalog, splits
from datasets.errors import DataError
from tests.datasets.conftest import Write
from tests.support.ratings import triples

ROWS = [(7, 20, 3.5, 100), (2, 10, 4.0, 300), (7, 10, 0.5, 200), (2, 30, 5.0, 50)]
EXPECTED = {(user, item, rating) for user, item, rating, _ in ROWS}


def lay_out(rows, delimiter, header="", newline="\n"):
    lines = [delimiter.join(map(str, row)) for row in rows]
    return newline.join([header, *lines] if header else lines) + newline


LAYOUTS = {
    "csv with header": lay_out(ROWS, ",", "userId,movieId,rating,timestamp"),
    "csv without": lay_out(ROWS, ","),
    "tsv without": lay_out(ROWS, "\t"),
    "double colon": lay_out(ROWS, "::"),
    "semicolon": lay_out(ROWS, ";", "user;item;score;time"),
    "bar": lay_out(ROWS, "|"),
    "space": lay_out(ROWS, " "),
    "aligned spaces": lay_out(ROWS, "   "),
    "recbole": lay_out(ROWS, "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float"),
    "crlf, mark and blank lines": "\ufeff" + lay_out(ROWS, ",", newline="\r\n") + "\r\n \r\n",
    "quoted": lay_out(
        [[f'"{field}"' for field in row] for row in ROWS], ",", '"uid","iid","r","ts"'
    ),
    "space behind the comma": lay_out(ROWS, ", "),
    "no timestamps": lay_out([row[:3] for row in ROWS], ","),
    "shuffled columns": lay_out(
        [(time, rating, "a, b", item, user) for user, item, rating, time in ROWS],
        ";",
        "ts;stars;title;asin;reviewerID",
    ),
    "shuffled rows": lay_out(ROWS[::-1], ","),
    "rated again": lay_out([(7, 20, 1, 0), *ROWS], ","),
    "comma at each end": lay_out([(*row, "") for row in ROWS], ",", "user,item,rating,timestamp"),
    "ids with a decimal point": lay_out([(f"{row[0]}.0", *row[1:]) for row in ROWS], ","),
    "no last newline": lay_out(ROWS, ",").rstrip(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_the_same_dataset(layout: str, write: Write) -> None:
    reference = catalog.load(str(write(LAYOUTS["csv with header"], "reference.csv")))
    read = catalog.load(str(write(LAYOUTS[layout])))
    assert triples(read) == EXPECTED
    assert read.fingerprint == reference.fingerprint
    assert read.ratings.scale == (0.5, 5.0)
    one, other = (splits.cut(data, "random:80/20", 3) for data in (read, reference))
    assert np.array_equal(one.train.values, other.train.values)
    assert np.array_equal(one.test.users, other.test.users)
    if layout != "no timestamps":
        assert np.array_equal(read.timestamps, reference.timestamps)


def test_duplicates_are_counted_and_the_last_one_counts(write: Write) -> None:
    read = catalog.load(str(write("1,1,5\n2,2,4\n1,1,3\n2,1,2\n1,1,1\n")))
    assert triples(read) == {(1, 1, 1.0), (2, 2, 4.0), (2, 1, 2.0)}
    assert read.duplicates == 2


def test_ids_may_be_text(write: Write) -> None:
    read = catalog.load(str(write('user,item,rating\n"a, b",NA,1\nnull,é,2\nnull,NA,3\n')))
    assert triples(read) == {("a, b", "NA", 1.0), ("null", "é", 2.0), ("null", "NA", 3.0)}


def test_spaces_behind_commas_are_no_part_of_an_id(write: Write) -> None:
    read = catalog.load(str(write('a, x, 1\nb, "y, z", 2\n')))
    assert triples(read) == {("a", "x", 1.0), ("b", "y, z", 2.0)}


def test_text_ids_may_hold_single_colons_in_a_double_colon_file(write: Write) -> None:
    read = catalog.load(str(write("a:1::x::1\nb::y:2::2\n")))
    assert triples(read) == {("a:1", "x", 1.0), ("b", "y:2", 2.0)}


def test_a_scale_from_minus_ten_to_ten(write: Write) -> None:
    read = catalog.load(str(write("1\t1\t-10\n1\t2\t10\n2\t1\t0.25\n")))
    assert read.ratings.scale == (-10.0, 10.0)
    assert triples(read) == {(1, 1, -10.0), (1, 2, 10.0), (2, 1, 0.25)}


def test_largest_id_and_fractions_of_a_second(write: Write) -> None:
    read = catalog.load(str(write(f"{2**63 - 1},1,1,8.8e8\n1,2,2,881250949.5\n")))
    assert read.user_ids.tolist() == [1, 2**63 - 1]
    assert read.timestamps is not None
    assert read.timestamps.tolist() == [881250949, 880000000]


def test_dates_are_seconds_since_1970(write: Write) -> None:
    text = "user,item,rating,date\n1,1,1,1970-01-02\n2,2,2,1970-01-01 00:01:00\n"
    timestamps = catalog.load(str(write(text))).timestamps
    assert timestamps is not None
    assert timestamps.tolist() == [86400, 60]


def test_gzipped_file(write: Write) -> None:
    path = write(gzip.compress(LAYOUTS["tsv without"].encode()), "ratings.tsv.gz")
    assert triples(catalog.load(str(path))) == EXPECTED


ERRORS = {
    "two columns": ("user,item\n1,2\n", 1, "3 are needed"),
    "one column": ("12\n13\n", 1, "1 column, 3 are needed"),
    "header without rating": ("user,item,genre,age\n1,2,3,4\n", 1, "names no rating column"),
    "unknown header": ("a,b,c\n1,2,3\n", 1, "names no user and no item column"),
    "a column twice": ("user,item,item,rating\n1,2,3,4\n", 1, "two columns 'item'"),
    "nan": ("1,2,3\n2,3,nan\n", 2, "not a finite number: 'nan'"),
    "infinite": ("user,item,rating\n1,2,3\n2,3,-inf\n", 3, "not a finite number"),
    "infinite as float32": ("1,2,3\n2,3,1e300\n", 2, "not a finite number"),
    "word": ("1,2,3\n\n\n2,3,good\n", 4, "not a finite number: 'good'"),
    "word in a :: file": ("1::2::3\n\n2::3::good\n", 3, "not a finite number: 'good'"),
    "no rating": ("1,2,3\n2,3\n", 2, "2 columns, the first line has 3"),
    "no user": ("1,2,3\n,3,3\n", 2, "user id is missing"),
    "no item": ("1,2,3\n2,,3\n", 2, "item id is missing"),
    "an id with a line break": ('user,item,rating\n"a\nb",2,3\nc,3,1\n', 2, "line break"),
    "behind a line break": ('user,item,text,rating\na,2,"b\nc",3\nc,3,d,x\n', 4, "'x'"),
    "long line": ("1,2,3\n4,5,6\n2,3,4,5,6\n", 3, "5 columns"),
    "lines longer than the header": ("user,item,rating\n9,1,2,3\n", 2, "the header has 3"),
    "no fields": ("user,item,rating\n\n , , \n", 3, "not a finite number"),
    "open quote": ('1,2,3\n2,"3,4",4\n5,"6,7,8\n', 3, "quote is never closed"),
    "negative id": ("1,2,3\n2,-3,4\n", 2, "item id is negative"),
    "huge id": (f"1,2,3\n{2**64},3,4\n", 2, "user id is too large"),
    "giant id": (f"1,2,3\n{'9' * 5000},3,4\n", 2, "user id is longer than 1,000 characters"),
    "no time": (
        "1,2,3,4\n2,3,4,soon\n",
        2,
        "no number, as others of its column are, nor a date of a known format: 'soon'",
    ),
    "endless time": ("1,2,3,4\n2,3,4,1e30\n", 2, "timestamp is too large"),
    "not utf-8": (b"a,b,3\nc,\xe9,4\n", 2, "not UTF-8"),
    "not utf-8 number": (b"1,2,3\n2,\xff,4\n", 2, "not UTF-8"),
    "utf-16": ("1,2,3\n2,3,4\n".encode("utf-16"), 1, "UTF-16"),
    "empty": ("", 1, "file is empty"),
    "blank": ("\n \n\n", 1, "file is empty"),
    "header only": ("user,item,rating\n", None, "no ratings"),
    "one user": ("1,2,3\n1,3,4\n", None, "one user (user 1)"),
    "one item": ("1,2,3\n2,2,4\n", None, "one item (item 2)"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_error_with_place_and_remedy(
    case: str, write: Write, cache_folder: Path
) -> None:
    content, line, problem = ERRORS[case]
    path = write(content)
    with pytest.raises(DataError) as raised:
        catalog.load(str(path))
    message = str(raised.value)
    assert message.startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert problem in message
    assert message.count(". ") >= 1, "no remedy"
    assert not list(cache_folder.rglob("*.npz"))


def _read_back(content: bytes) -> None:
    """Read, or be refused with DataError: any other exception fails the test."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file, contextlib.suppress(DataError):
        file.write(content)
        file.flush()
        catalog.load(file.name)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_cause_a_traceback(content: bytes) -> None:
    _read_back(content)


FIELDS = st.sampled_from(
    [
        "1",
        "2",
        "x",
        "",
        "nan",
        "-1",
        "3.5",
        "1e9",
        '"',
        '"a,b"',
        " ",
        "é",
        "2001-01-01",
        "\0",
        "1_0",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([",", "\t", "::", " ", ";"]),
    st.sampled_from(["", "user,item,rating", "user\titem\trating\tts"]),
    st.lists(st.lists(FIELDS, min_size=1, max_size=5), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_no_table_causes_a_traceback(delimiter, header, rows, newline) -> None:
    _read_back(lay_out(rows, delimiter, header, newline).encode())
