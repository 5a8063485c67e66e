"""Ratings that stand for "not rated": said aloud where the user does not say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.reading.layout import AS_DETECTED, Layout
from datasets.reading.sources import Source
from datasets.reading.table import Table, read

STARS = [1, 2, 3, 4, 5]


def read_values(folder: Path, values: list[float], layout: Layout = AS_DETECTED) -> Table:
    path = folder / "ratings.csv"
    rows = (f"{n % 9},{n // 9},{value}\n" for n, value in enumerate(values))
    path.write_text("user,item,rating\n" + "".join(rows))
    return read(Source(path), layout)


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ([*STARS * 4, 99, 99, 99], "3 of the ratings are 99, the others 1 to 5: "),
        ([-9.5, -3, 0, 4, 9.5, 99, 99, 99], "--missing 99 "),
        ([-999, -999, -999, -2, -1, 0, 1, 2], "--missing -999 "),
        ([1, 2, 99, 99, 99], "3 of the ratings are 99, the others 1 to 2: "),
        ([*STARS * 4, 99], "1 of the ratings are 99, the others 1 to 5: "),
        ([*STARS * 4, -1], "1 of the ratings are -1, the others 1 to 5: "),
        ([*STARS * 4, 0, 0, -1], "the others 0 to 5: "),
    ],
)
def test_a_rating_that_stands_apart_is_reported_with_the_option_that_settles_it(
    values: list[float], option: str, tmp_path: Path
) -> None:
    table = read_values(tmp_path, values)
    assert table.reading is not None
    assert len(table.values) == len(values)
    assert any(option in note for note in table.reading.notes), table.reading.notes
    missing = table.reading.notes[-1].partition("--missing ")[2].split()[0]
    settled = read_values(tmp_path, values, Layout(missing=(missing,)))
    assert settled.reading is not None
    assert not any("--missing" in note for note in settled.reading.notes)
    assert len(settled.values) == len(values) - values.count(float(missing))


def test_few_zeros_are_counted(tmp_path: Path) -> None:
    table = read_values(tmp_path, [*STARS * 400, 0, 0])
    assert table.reading is not None
    [note] = table.reading.notes
    assert note.startswith("2 of the ratings are 0, the others 1 to 5: they are read as ratings")


@pytest.mark.parametrize(
    "values",
    [
        [*STARS * 4],
        [-1, 0, 1] * 5,
        [-1, 1] * 5,
        [-2, -1, 0, 1, 2] * 4,
        [1, 2, 3, 4, 5, 6, 7, 900],  # a count of plays
    ],
)
def test_an_odd_rating_and_votes_are_left_alone(values: list[float], tmp_path: Path) -> None:
    table = read_values(tmp_path, values)
    assert table.reading is not None
    assert table.reading.notes == ()
