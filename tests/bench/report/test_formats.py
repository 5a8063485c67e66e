"""Figures and names as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import formats
from bench.report.files import slug
from bench.report.markdown import escaped
from bench.stats import Interval, mean_interval, median_interval


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0001234, "0.000123"),
        (0.05, "0.0500"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (12.34, "12.3"),
        (999.7, "1,000"),
        (123456.7, "123,457"),
    ],
)
def test_three_significant_digits_in_plain_notation(value: float, shown: str) -> None:
    assert formats.significant(value) == shown


@given(st.floats(1e-9, 1e9))
def test_significant_is_within_half_a_unit_of_its_third_digit(value: float) -> None:
    shown = float(formats.significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.00501)
    assert "e" not in formats.significant(value)


def test_errors_have_four_decimals_and_an_interval_where_there_is_one() -> None:
    assert formats.error(mean_interval([0.92])) == "0.9200"
    assert formats.error(mean_interval([0.92, 0.94])) == "0.9300 ± 0.1271"


def test_a_noun_is_plural_beside_all_but_one() -> None:
    counted = [formats.plural(n, "minute") for n in (0, 1, 1.0, 0.5, 10.0, 2000)]
    of = "0 minutes", "1 minute", "1 minute", "0.5 minutes", "10 minutes", "2,000 minutes"
    assert counted == [*of]


def test_times_have_their_range_in_brackets() -> None:
    assert formats.seconds(median_interval([12.34])) == "12.3"
    assert formats.seconds(median_interval([12.34, 10, 14])) == "12.3 (10.0–14.0)"
    assert [formats.signed(it) for it in (0.01234, -0.5, -1e-9)] == [
        "+0.0123",
        "−0.5000",
        "+0.0000",
    ]
    once = (Interval(it, it, it, 1, None) for it in (0.0691, 3.21, 99.9, 40_513))
    assert [formats.times(it) for it in once] == ["0.069×", "3.2×", "100×", "41,000×"]
    assert formats.times(Interval(3.21, 2.88, 3.59, 3, 0.95)) == "3.2× (2.9–3.6)"
    assert formats.times(Interval(1, 1, 1, 3, 0.95)) == "1.0×"
    assert [formats.goal_rmse(goal) for goal in (0.9, 0.946, 0.93127)] == [
        "0.900",
        "0.946",
        "0.9313",
    ]


@given(st.text())
def test_no_name_can_break_out_of_its_table_cell(name: str) -> None:
    shown = escaped(name)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*\[\]~]", shown)
    assert "<" not in shown


def test_ordinary_names_stay_as_they_are() -> None:
    assert escaped("sparse_embedding_mf:published") == "sparse_embedding_mf:published"
    assert escaped("a|b.py:_Own") == r"a\|b.py:\_Own"
    assert escaped("Größe ≤ 3") == "Größe ≤ 3"


@given(st.text())
def test_a_slug_is_one_safe_file_name(name: str) -> None:
    part = slug(name)
    assert re.fullmatch(r"[\w.-]+", part)
    assert not part.startswith((".", "-"))
    assert len(part) <= 80


def test_a_dataset_given_by_path_is_called_by_its_last_part() -> None:
    assert formats.title("/home/me/my ratings.csv") == "my ratings.csv"
    assert formats.title("ml-100k") == "ml-100k"
    assert slug("random:80/10/10") == "random-80-10-10"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "1970-01-01"), (1377986399, "2013-08-31"), (-1, "1969-12-31"), (2**60, str(2**60))],
)
def test_a_day_of_a_timestamp(seconds: int, shown: str) -> None:
    assert formats.day(seconds) == shown


def test_an_end_that_would_be_rounded_to_zero_keeps_its_sign() -> None:
    assert formats.ends(Interval(0.001, 0.00003, 0.0021, 3, 0.99)) == "+0.00003 to +0.0021"
    assert formats.ends(Interval(0.0, -0.00002, 0.0, 3, 0.99)) == "−0.00002 to +0.0000"
