"""Files of pairs: columns by header or position, whatever else is beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.errors import DataError
from datasets.reading.layout import AS_DETECTED, Layout
from datasets.reading.sources import Source
from datasets.reading.table import read, read_pairs

BY_POSITION = Layout(columns={"user": "2", "item": "1"})


@pytest.mark.parametrize(
    ("text", "layout", "pairs"),
    [
        ("user,item\n1,2\n", AS_DETECTED, [("1", "2")]),
        ("item,user\n1,2\n", AS_DETECTED, [("2", "1")]),
        ("user,item,note\n1,2,3\n", AS_DETECTED, [("1", "2")]),
        ("1,2\n3,4\n", AS_DETECTED, [("1", "2"), ("3", "4")]),
        ("1,2\n3,4\n", BY_POSITION, [("2", "1"), ("4", "3")]),
        ("ann,low\nbob,low\n", BY_POSITION, [("low", "ann"), ("low", "bob")]),
        ("item,user\n1,2\n", BY_POSITION, [("2", "1")]),
        ("song,who\n1,2\n", Layout(columns={"user": "who", "item": "song"}), [("2", "1")]),
        ("1;2\n", Layout(delimiter=";", header=False), [("1", "2")]),
    ],
)
def test_no_pair_is_lost_and_none_is_the_wrong_way_round(
    text: str, layout: Layout, pairs: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    users, items, *_ = read_pairs(path, layout)
    assert list(zip(users, items, strict=True)) == pairs


def test_a_position_is_no_id_of_the_first_line(tmp_path: Path) -> None:
    """Which has 2, 3 and 4 among its ids, and is no header."""
    path = tmp_path / "ratings.csv"
    path.write_text("0,4,2,3\n1,5,3,1\n2,4,3,5\n")
    layout = Layout(columns={"user": "2", "item": "3", "rating": "4"})
    table = read(Source(path), layout)
    assert table.user_ids[table.users].tolist() == [4, 5, 4]
    assert table.values.tolist() == [3, 1, 5]


def test_a_column_beside_a_pair_is_reported_and_is_no_rating(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("user,note,item\n1,2,3\n")
    [note] = read_pairs(path).notes
    assert note == "columns that are neither user nor item: note"


def test_a_name_that_the_header_lacks_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("user,item\n1,2\n")
    with pytest.raises(DataError, match="no column user=who in user, item"):
        read_pairs(path, Layout(columns={"user": "who"}))
