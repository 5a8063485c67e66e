"""Inputs of the kinds that were read wrongly in the field, and others that break what they broke.

Each is read as the ratings that it holds, or refused with what to do.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets import catalog, splits
from datasets.errors import DataError
from datasets.reading import dates
from datasets.reading.layout import Layout
from tests.datasets.conftest import Write
from tests.support.ratings import triples

FIELD = Path(__file__).parents[4] / "shared" / "field"
HEAD = "user,item,rating\n"


@pytest.mark.skipif(not FIELD.is_dir(), reason="no folder shared/field beside the checkout")
def test_every_input_from_the_field_is_as_expected() -> None:
    for name, expected in json.loads((FIELD / "expected.json").read_text("utf-8")).items():
        if "error" in expected:
            with pytest.raises(DataError, match="--columns"):
                catalog.load(str(FIELD / name))
            continue
        ratings = catalog.load(str(FIELD / name)).ratings
        found = {
            "n_ratings": len(ratings),
            "n_users": ratings.n_users,
            "n_items": ratings.n_items,
            "scale": list(ratings.scale),
        }
        wanted = {key: value for key, value in expected.items() if key != "why"}
        assert {key: found[key] for key in wanted} == wanted, name


QUOTES = {
    "two lone quotes in a TSV": (
        'user\titem\trating\n1\tLow\t5\n2\t"Heroes\t5\n3\tLodger\t4\n4\tLodger\t3\n5\t"Heroes\t1\n',
        {(1, "Low", 5), (2, '"Heroes', 5), (3, "Lodger", 4), (4, "Lodger", 3), (5, '"Heroes', 1)},
    ),
    "one that opens and one that closes": (
        'user\titem\trating\n1\t"Low\t5\n2\tHigh"\t3\n3\tLow\t1\n',
        {(1, '"Low', 5), (2, 'High"', 3), (3, "Low", 1)},
    ),
    "inches in a CSV": (
        'user,item,rating\n1,12" single,5\n2,"7"" single",3\n',
        {(1, '12" single', 5), (2, '7" single', 3)},
    ),
    "a quoted word first": (
        'user,item,rating\n1,"Heroes" live,5\n2,Low,3\n',
        {(1, '"Heroes" live', 5), (2, "Low", 3)},
    ),
    "in a file of double colons": (
        '1::"Heroes::5\n2::Low::3\n3::"Heroes::1\n',
        {(1, '"Heroes', 5), (2, "Low", 3), (3, '"Heroes', 1)},
    ),
    "in a column that is not read": (
        'user,item,rating,title\n1,1,5,"Heroes\n2,2,3,Low\n3,1,1,"Heroes\n',
        {(1, 1, 5), (2, 2, 3), (3, 1, 1)},
    ),
    "a review of several lines": (
        'user,item,text,rating\n1,1,"so good,\nreally",5\n2,2,"no, ""never""\n",3\n',
        {(1, 1, 5), (2, 2, 3)},
    ),
    "inches beside line breaks": (
        'user,item,rating,note\na,1,3,12" vinyl\nb,1,4,plain\nc,2,5,"two\nlines"\nd,2,1,x\n',
        {("a", 1, 3), ("b", 1, 4), ("c", 2, 5), ("d", 2, 1)},
    ),
    "with spaces": ('1 "a b" 5\n2 "c" 3\n2 d" 4\n', {(1, "a b", 5), (2, "c", 3), (2, 'd"', 4)}),
}


@pytest.mark.parametrize("case", QUOTES)
def test_a_quote_that_opens_no_quoted_field_is_a_character(case: str, write: Write) -> None:
    content, expected = QUOTES[case]
    data = catalog.load(str(write(content)))
    assert triples(data) == expected
    assert data.duplicates == 0


BIG = 76561197970982480
IDS = {
    "64 bits, one with .0": (
        HEAD + f"{BIG},1,5\n{BIG + 1},2,4\n{BIG + 19}.0,2,2\n",
        {BIG, BIG + 1, BIG + 19},
        "",
    ),
    "unsigned": (HEAD + f"{2**64 - 1},1,5\n{2**63},2,4\n3,2,1\n", {2**64 - 1, 2**63, 3}, ""),
    "zeros in front": (HEAD + "007,1,5\n010,2,4\n", {7, 10}, ""),
    "007 and 7": (HEAD + "007,1,5\n7,2,4\n", {"007", "7"}, "'007' and '7' would be one number"),
    "+7 and 7": (HEAD + "+7,1,5\n7,2,4\n", {"+7", "7"}, "would be one number"),
    "1e3 and 1000": (HEAD + "1e3,1,5\n1000,2,4\n", {"1e3", "1000"}, "1 of 2 are not whole"),
    "7.0 and 7": (HEAD + "7.0,1,5\n7,2,4\n8,2,1\n", {7, 8}, "1 user ids are written in two ways"),
    "a blank behind": (HEAD + "ann,1,5\nann ,2,4\nbob,1,3\n", {"ann", "bob"}, "written in two"),
    "no-break space": (HEAD + "ann,1,5\n\xa0ann,2,4\nbob,1,3\n", {"ann", "bob"}, "written in two"),
    "zero width": (HEAD + "ann,1,5\nann\u200b,2,4\nbob,1,3\n", {"ann", "bob"}, "written in two"),
    "two codes of ë": (HEAD + "Zoë,1,5\nZoe\u0308,2,4\nbob,1,3\n", {"Zoë", "bob"}, "two ways"),
    "in quotes": (HEAD + '"ann",1,5\n" ann ",2,4\nbob,1,3\n', {"ann", "bob"}, "written in two"),
    "other digits": (HEAD + "٣,1,5\n3,2,4\n", {"٣", "3"}, "are not whole numbers"),
    "words for no value": (
        HEAD + "nan,1,5\ninf,2,4\nNone,2,3\n",
        {"nan", "inf", "None"},
        "'None' and 'nan' are read as ids",
    ),
    "a spreadsheet's mark": (
        HEAD + '"=""007""",1,5\n"=""08""",2,4\n',
        {'="007"', '="08"'},
        "2 user ids begin with a mark of a spreadsheet",
    ),
    "capitals alone": (HEAD + "U83,1,5\nu83,2,4\n", {"U83", "u83"}, "in capitals alone"),
    "with underscores": (HEAD + "1_0,1,5\n10,2,4\n", {"1_0", "10"}, "are not whole numbers"),
}


@pytest.mark.parametrize("case", IDS)
def test_ids_are_neither_merged_nor_split(case: str, write: Write) -> None:
    content, users, note = IDS[case]
    data = catalog.load(str(write(content)))
    assert set(data.user_ids.tolist()) == users
    assert len(data.ratings) == content.count("\n") - 1
    assert data.reading is not None
    assert note in " ".join(data.reading.notes)
    assert bool(data.reading.notes) == bool(note)


RATED_AGAIN = {
    "newest first": ("1,1,5,200\n2,1,3,150\n2,2,4,150\n1,1,1,100\n", 5),
    "oldest first": ("1,1,1,100\n2,1,3,150\n2,2,4,150\n1,1,5,200\n", 5),
    "equal times": ("1,1,1,100\n2,1,3,150\n2,2,4,150\n1,1,5,100\n", 5),
    "dates": ("1,1,5,2024-05-01\n2,1,3,2024-05-01\n2,2,4,2024-05-01\n1,1,1,2024-04-30\n", 5),
    "milliseconds": (
        "1,1,5,1700000000900\n2,1,3,1700000000000\n2,2,4,1700000000000\n1,1,1,1700000000100\n",
        5,
    ),
    "fractions of a second": (
        "1,1,5,1000000000.9\n2,1,3,1000000000\n2,2,4,1000000000\n1,1,1,1000000000.1\n",
        5,
    ),
    "ISO with fractions": (
        "1,1,5,2024-05-01T10:00:00.900\n2,1,3,2024-05-01\n2,2,4,2024-05-01\n"
        "1,1,1,2024-05-01T10:00:00.100\n",
        5,
    ),
    "fractions written as such": ("1,1,5,2e2\n2,1,3,150\n2,2,4,150\n1,1,1,100.5\n", 5),
}


@pytest.mark.parametrize("case", RATED_AGAIN)
def test_of_a_pair_rated_again_the_latest_time_counts(case: str, write: Write) -> None:
    content, rating = RATED_AGAIN[case]
    data = catalog.load(str(write("user,item,rating,timestamp\n" + content)))
    assert triples(data) == {(1, 1, rating), (2, 1, 3), (2, 2, 4)}
    assert data.duplicates == 1
    assert data.reading is not None
    assert data.reading.duplicate_rule == "the latest time counts"


DATES = {
    "day first": ("05/02/2024", "20/01/2024", "%d/%m/%Y", 1707091200),
    "month first": ("02/05/2024", "01/20/2024", "%m/%d/%Y", 1707091200),
    "points": ("05.02.2024", "20.01.2024", "%d.%m.%Y", 1707091200),
    "short years": ("05/02/98", "31/01/98", "%d/%m/%y", 886636800),
    "with a clock": ("05/02/2024 00:00", "20/01/2024 13:30", "%d/%m/%Y %H:%M", 1707091200),
    "ISO": ("2024-02-05", "2024-01-20T13:30:00Z", "ISO 8601", 1707091200),
    "a zone": ("2024-02-05 01:00+01:00", "2024-01-20", "ISO 8601", 1707091200),
    "words": ("5 Feb 2024", "20 Jan 2024", "%d %b %Y", 1707091200),
    "Amazon's": ("02 5, 2024", "01 20, 2024", "%m %d, %Y", 1707091200),
    "digits of a time": ("20240205000000", "20240120133000", "%Y%m%d%H%M%S", 1707091200),
    "without seconds": ("202402050000", "202401201330", "%Y%m%d%H%M", 1707091200),
    "digits alone": ("20240205", "20240120", "%Y%m%d", 1707091200),
    "milliseconds": ("1707091200000", "1705708800000", "milliseconds since 1970", 1707091200),
    "nanoseconds": ("1707091200000000000", "1705708800000000000", "nanoseconds", 1707091200),
    "seconds": ("1707091200", "1705708800", "seconds since 1970", 1707091200),
}


@pytest.mark.parametrize("case", DATES)
def test_a_column_has_one_date_format(case: str, write: Write) -> None:
    late, early, name, seconds = DATES[case]
    rows = f'1,1,5,"{late}"\n1,2,4,"{early}"\n2,1,3,"{early}"\n1,3,3,"{early}"\n'
    data = catalog.load(str(write("user,item,rating,date\n" + rows)))
    assert data.timestamps is not None
    assert data.timestamps.max() == data.timestamps[0] == seconds
    assert data.reading is not None
    assert name in data.reading.date_format
    cut = splits.cut(data, "leave-last", 0)
    assert data.item_ids[0] == 1
    assert cut.test.values.tolist() == [5.0]


@pytest.mark.parametrize("case", ["ISO", "day first", "words"])
def test_few_formats_are_tried_on_a_whole_column(
    case: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are 200, and pandas takes a while to look at a column by one."""
    tried: list[str] = []
    parsed = dates._parsed

    def counted(texts: list[str], name: str) -> NDArray[np.int64]:
        tried.append(name)
        return parsed(texts, name)

    monkeypatch.setattr(dates, "_parsed", counted)
    late, early, *_ = DATES[case]
    rows = f"1,1,5,{late}\n1,2,4,{early}\n2,1,3,{early}\n"
    catalog.load(str(write("user,item,rating,date\n" + rows)))
    assert 0 < len(tried) < 10


BAD_DATES = {
    "short years": ("24-05-02", "24-01-20", "fit %d-%m-%y and %y-%m-%d"),
    "both orders fit": ("05/02/2024", "06/01/2024", "fit %d/%m/%Y and %m/%d/%Y"),
    "a leap second": (
        *("05/06/2016 23:59:60", "06/05/2016 10:00:00"),
        "fit %d/%m/%Y %H:%M:%S and %m/%d/%Y %H:%M:%S",
    ),
    "two formats": ("2024-02-05", "20/01/2024", "no date by ISO 8601, the format of the column"),
    "two orders": ("20/01/2024", "01/20/2024", "no date by"),
    "now": ("2024-02-05", "now", "no date by ISO 8601"),
    "today": ("today", "now", "no number"),
    "a clock alone": ("12:30", "12:45", "no number"),
    "a number among dates": ("2024-02-05", "1707091200", "no number, as others"),
    "a month that only looks like one": ("3 sep 2020", "3 ſep 2020", "no date by"),
    "no such day": ("30/02/2024", "20/01/2024", "no date by"),
    "a word among numbers": ("1707091200", "soon", "no number"),
    "nan": ("1707091200", "nan", "no number"),
}


@pytest.mark.parametrize("case", BAD_DATES)
def test_a_date_that_may_be_two_or_none_is_refused(case: str, write: Write) -> None:
    one, other, problem = BAD_DATES[case]
    rows = f"1,1,5,{one}\n1,2,4,{other}\n2,1,3,{one}\n"
    with pytest.raises(DataError, match=problem) as raised:
        catalog.load(str(write("user,item,rating,date\n" + rows)))
    assert "--date-format" in str(raised.value)


def test_the_format_that_is_given_settles_a_date(write: Write) -> None:
    path = write("user,item,rating,date\n1,1,5,05/02/2024\n1,2,4,06/01/2024\n2,1,3,01/01/2024\n")
    times = [
        catalog.load(str(path), Layout(date_format=form)).timestamps
        for form in ("%d/%m/%Y", "%m/%d/%Y")
    ]
    assert [time.argmax() for time in times if time is not None] == [0, 1]
    with pytest.raises(DataError, match="no date by %Y"):
        catalog.load(str(path), Layout(date_format="%Y"))


def rows_of(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


COLUMNS = {
    "an unnamed index": rows_of(",user,item,rating", "0,6,4,1", "1,6,5,3", "2,7,4,4"),
    "pandas' index": rows_of("Unnamed: 0,user,item,rating", "0,6,4,1", "1,6,5,3", "2,7,4,4"),
    "an index that is named": rows_of("index,user,item,rating", "0,6,4,1", "1,6,5,3", "2,7,4,4"),
    "a rating of another name": rows_of(
        "User_ID\tAnime_ID\tPlays", "6\t4\t1", "6\t5\t3", "7\t4\t4"
    ),
    "and a time": rows_of("user,item,plays,timestamp", "6,4,1,9", "6,5,3,9", "7,4,4,9"),
    "and an index": rows_of(",user,item,plays", "0,6,4,1", "1,6,5,3", "2,7,4,4"),
    "capitals": rows_of("USER,Item ID,RATING", "6,4,1", "6,5,3", "7,4,4"),
    "a delimiter at each end": rows_of("user,item,rating", "6,4,1,", "6,5,3,", "7,4,4,"),
    "blanks in the header": rows_of(" user , item , rating ", "6,4,1", "6,5,3", "7,4,4"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_the_columns_are_found(case: str, write: Write) -> None:
    data = catalog.load(str(write(COLUMNS[case])))
    assert triples(data) == {(6, 4, 1), (6, 5, 3), (7, 4, 4)}


AMBIGUOUS = {
    "a line break or lone quotes": (
        'user,item,rating,note\na,1,3,"first\nb,2,4,second"\nc,1,5,x\n',
        ":2: 3 ratings, or 2 where quoted fields hold line breaks",
    ),
    "an index that is sampled": (rows_of("0,60,48,1", "3,60,50,3", "7,61,48,4"), "ambiguous"),
    "users by words and a matrix": (
        rows_of("ann,5,3,,4,1", "bob,4,4,1,,2"),
        "matrix of users by items",
    ),
    "one column twice": (rows_of("user,user,item,rating", "1,2,3,4"), "two columns 'user'"),
    "a matrix by pandas": (
        rows_of("user,0,1,2,3,4", "ann,5,3,2,2,1", "bob,4,4,1,1,2", "cy,3,2,2,1,1"),
        "names no item column, as of a matrix of users by items",
    ),
    "a matrix by item numbers": (
        rows_of("userId,101,102,103", "7,1,2,3", "8,2,2,1"),
        "names no item",
    ),
    "a matrix of few items": (
        rows_of("user,item,5", "1,2,3", "2,2,4"),
        "names no rating.*--no-header",
    ),
    "rounded ids": (HEAD + rows_of("7.66E+16,1,5", "7.67E+16,2,4"), ":2: the user id is rounded"),
    "rounded by pandas": (HEAD + rows_of("a,1,5", "7.656119796026584e+16,2,4"), ":3: .*rounded"),
    "two units of time": (
        rows_of(
            "user,item,rating,time", "1,1,5,1500028852", "1,2,4,1599990357000", "2,1,3,1500028852"
        ),
        "1500028852 and 1599990357000 are not in one unit",
    ),
    "an index before users": (rows_of("0,6,4,1", "1,6,5,3", "2,7,4,4"), "ambiguous"),
    "from one": (rows_of("1,6,4,1", "2,6,5,3", "3,7,4,4"), "ambiguous"),
    "and a time": (rows_of("0,6,4,1,99999", "1,6,5,3,99999"), "5 columns of numbers"),
    "tabs": (rows_of("0\t6\t4\t1", "1\t6\t5\t3", "2\t7\t4\t4"), "ambiguous"),
    "a matrix": (rows_of("5,1.5,99,-3.2,99,7", "5,99,0.5,4,-2,99"), "matrix.*99 for not rated"),
    "a matrix without 99": (rows_of("5,1.5,0,-3.2,0,7", "5,2,0.5,4,-2,1"), "matrix of users"),
    "a matrix with a header": (
        rows_of("user,item,rating" + ",x" * 1000, "1,2,3" + ",4" * 1000),
        "1,003 columns, as of a matrix",
    ),
    "semicolons": (rows_of("5;1;0;3;0;7", "5;2;5;4;2;1"), "matrix of users"),
    "times for ratings": (rows_of("1,2,881250949", "2,3,891717742"), "look like times"),
    "many zeros": (
        HEAD + rows_of("1,2,0", "1,3,0", "2,2,8", "2,3,5"),
        "2 of the ratings are 0, the others 5 to 8: 0 may be a rating",
    ),
    "all equal": (HEAD + rows_of("1,2,5", "1,3,5", "2,2,5"), "all ratings are 5"),
    "all ones": (HEAD + rows_of("1,2,1", "1,3,1", "2,2,1"), "nothing to predict"),
    "more fields than the header": (
        rows_of("userId,title,movieId,rating", "1,Heat,10,4", "1,Good, Bad,20,4"),
        ":3: 5 columns, the header has 4",
    ),
    "fewer": (rows_of("user,item,rating,title", "1,2,3,Heat", "1,2,3"), ":3: 3 columns"),
    "one more and one fewer": (
        rows_of("user,item,rating,title", "1,2,3,a,b", "1,2,3"),
        ":2: 5 columns, the header has 4",
    ),
    "row names of R": (
        rows_of('"user","item","rating"', '"1",6,4,1', '"2",6,5,3'),
        ":2: 4 columns",
    ),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_what_may_be_read_in_two_ways_is_refused(case: str, write: Write) -> None:
    content, problem = AMBIGUOUS[case]
    with pytest.raises(DataError, match=problem):
        catalog.load(str(write(content)))


POSITIONS = {"user": "1", "item": "2", "rating": "3"}


def test_one_column_cannot_play_two_roles(write: Write) -> None:
    path = write("user,item,rating\n1,2,3\n2,3,4\n")
    for columns in ({"user": "1", "item": "user"}, {"user": "USER", "item": "user"}):
        with pytest.raises(DataError, match="is given for"):
            catalog.load(str(path), Layout(columns))


def test_a_delimiter_of_several_bytes(write: Write) -> None:
    path = write("user§item§rating\n1§2§3\n2§3§4\n")
    assert triples(catalog.load(str(path), Layout(delimiter="§"))) == {(1, 2, 3), (2, 3, 4)}


def test_a_row_that_is_left_out_needs_no_time(write: Write) -> None:
    path = write("user,item,rating,time\n1,2,3,7\n2,3,4,8\n3,4,-1,\n")
    data = catalog.load(str(path), Layout(missing=("-1",)))
    assert triples(data) == {(1, 2, 3), (2, 3, 4)}


SETTLED = {
    "an index": (
        rows_of("0,6,4,1", "1,6,5,3", "2,7,4,4"),
        Layout({"user": "2", "item": "3", "rating": "4"}),
    ),
    "users": (
        rows_of("6,4,1,0", "6,5,3,1", "7,4,4,2"),
        Layout(POSITIONS),
    ),
    "other names": (
        rows_of("account,song,plays", "6,4,1", "6,5,3", "7,4,4"),
        Layout({"user": "account", "item": "song", "rating": "plays"}),
    ),
    "other names, in capitals": (
        rows_of("Account,Song,Plays", "6,4,1", "6,5,3", "7,4,4"),
        Layout({"user": "account", "item": "song", "rating": "plays"}),
    ),
    "a header by position": (
        rows_of("x,y,z", "6,4,1", "6,5,3", "7,4,4"),
        Layout(POSITIONS),
    ),
    "one name of three": (
        rows_of("user,item,plays,score", "6,4,1,9", "6,5,3,9", "7,4,4,9"),
        Layout({"rating": "plays"}),
    ),
    "zeros are none": (
        rows_of("1,1,0", "6,4,1", "6,5,3", "7,4,4", "9,4,0", "9,5,0"),
        Layout(zeros="missing"),
    ),
    "99 is none": (
        rows_of("6,4,1", "6,5,3", "7,4,4", "9,9,99", "9,4,99.0"),
        Layout(missing=("99",)),
    ),
    "words are none": (
        rows_of("6,4,1", "6,5,3", "7,4,4", "9,9,NA", "9,4,"),
        Layout(missing=("na", "")),
    ),
    "no header": (rows_of("6,4,1", "6,5,3", "7,4,4"), Layout(header=False)),
    "a delimiter": (
        rows_of("6,4|1|x", "6,5|3|y", "7,4|4|z").replace(",", "|"),
        Layout(delimiter="|"),
    ),
}


@pytest.mark.parametrize("case", SETTLED)
def test_an_option_settles_it(case: str, write: Write) -> None:
    content, layout = SETTLED[case]
    data = catalog.load(str(write(content)), layout)
    assert triples(data) == {(6, 4, 1), (6, 5, 3), (7, 4, 4)}
    reading = data.reading
    assert reading is not None
    assert len(data.ratings) + sum(reading.dropped.values()) == reading.rows


DOUBTFUL = {
    "a serial number of Excel": (["43404.005", "43405.5", "43406.1"], "are of 1970-01-01"),
    "years": (["2018", "2019", "2020"], "give their format with --date-format"),
    "six digits": (["181031", "181101", "181102"], "read as seconds since 1970, are of 1970"),
    "far in the future": (["2100-01-02", "2999-01-01", "2300-01-01"], "are of 2100-01-02"),
    "zeros among them": (["0", "1500028852", "1500028853"], "1 of the timestamps are 0"),
    "all equal": (["1500028852"] * 3, "all timestamps are of one second"),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_times_that_are_hardly_meant_are_said(case: str, write: Write) -> None:
    times, note = DOUBTFUL[case]
    rows = "".join(f"{n % 2},{n},{n + 1},{time}\n" for n, time in enumerate(times))
    data = catalog.load(str(write("user,item,rating,time\n" + rows)))
    assert data.reading is not None
    assert note in " ".join(data.reading.notes)


def test_a_second_column_for_a_role_is_named(write: Write) -> None:
    data = catalog.load(str(write("user_id,user,item,rating\n1,7,2,3\n2,8,3,4\n")))
    assert data.user_ids.tolist() == [7, 8]
    assert data.reading is not None
    assert data.reading.notes == ("column 'user' is taken for the user, and not 'user_id'",)


@pytest.mark.parametrize("header", ["", "user;item;rating\n"])
def test_the_first_line_of_excel_names_the_delimiter(header: str, write: Write) -> None:
    data = catalog.load(str(write(f"sep=;\n{header}1;2;3\n2;3;4\n")))
    assert triples(data) == {(1, 2, 3), (2, 3, 4)}


def test_zeros_that_are_ratings(write: Write) -> None:
    path = write(HEAD + rows_of("1,2,0", "1,3,0", "2,2,8", "2,3,5"))
    assert len(catalog.load(str(path), Layout(zeros="ratings")).ratings) == 4
    few = HEAD + rows_of(*(f"{n},{n % 7},{n % 4 + 1}" for n in range(40)), "99,2,0")
    data = catalog.load(str(write(few)))
    assert data.reading is not None
    assert "--zeros missing leaves them out" in " ".join(data.reading.notes)


def test_an_unknown_column_is_named_with_those_there_are(write: Write) -> None:
    path = write(rows_of("account,song,plays", "6,4,1", "7,5,3"))
    with pytest.raises(DataError, match=r"no column rating=stars in account, song, plays"):
        catalog.load(str(path), Layout({"user": "account", "item": "song", "rating": "stars"}))
    with pytest.raises(DataError, match=r"leaves out item and rating"):
        catalog.load(str(path), Layout({"user": "account"}))
    with pytest.raises(DataError, match=r"no user and no item column.*--columns"):
        catalog.load(str(path))


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\x0b", "\x0c", "\x1c"])
def test_only_line_feeds_and_carriage_returns_end_a_line(character: str, write: Write) -> None:
    rows = rows_of(f"user,item{character},rating", f"a{character}b,1,2", "c,2,3")
    data = catalog.load(str(write(rows)))
    assert triples(data) == {(f"a{character}b", 1, 2), ("c", 2, 3)}


def test_a_nul_far_into_a_file_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r":20002: holds a NUL"):
        catalog.load(str(write(HEAD + "1,2,3\n2,3,4\n" * 10_000 + "1,\0,3\n")))


def test_an_id_of_any_length_is_no_trap(write: Write) -> None:
    with pytest.raises(
        DataError, match=r":2: the user id is longer than 1,000 characters"
    ) as raised:
        catalog.load(str(write(HEAD + f"{'x' * 500_000},2,3\n" + "1,2,3\n2,3,4\n" * 1000)))
    assert len(str(raised.value)) < 1000
    with pytest.raises(DataError, match="a line is longer than 1 MB"):
        catalog.load(str(write(HEAD + "x" * (9 << 20))))


def test_a_message_holds_no_control_characters(write: Write) -> None:
    with pytest.raises(DataError) as raised:
        catalog.load(str(write(HEAD + "1,2,\x1b[2J\x07\n", "odd\x1b name.csv")))
    assert str(raised.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_an_unreadable_archive_is_refused(write: Write) -> None:
    path = write(b"PK\3\4", "r.zip")
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        catalog.load(str(path))


def test_values_are_exact_float32(write: Write) -> None:
    data = catalog.load(str(write(HEAD + "1,1,0.1\n2,2,3.3\n1,2,1e-3\n")))
    assert data.ratings.values.tolist() == np.float32([0.1, 1e-3, 3.3]).tolist()
