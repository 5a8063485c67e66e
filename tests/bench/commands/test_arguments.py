"""`--impl a b`, names that no record can hold, and what is said of the layout of a file."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.commands.arguments import (
    layout,
    overrides,
    parse_columns,
    refuse_undecodable,
    refuse_unused,
    split_of,
    spread,
)
from bench.commands.terminal import UsageError
from bench.planning.presets import SettingError
from datasets.reading.layout import AS_DETECTED, ROLES, Layout

NAMES = st.text(st.characters(exclude_characters=",", exclude_categories=["C"]), min_size=1).filter(
    lambda name: name == name.strip() and not re.fullmatch("-[0-9]+|0+", name)
)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("run --impl a b --seeds 3", "run --impl a --impl b --seeds 3"),
        ("run --impl a --impl b", "run --impl a --impl b"),
        ("run --dataset x y --impl a", "run --dataset x --dataset y --impl a"),
        ("run --set a.b=-1 a.c=2 --fresh", "run --set a.b=-1 --set a.c=2 --fresh"),
        ("run --missing 99 -99 --fresh", "run --missing 99 --missing -99 --fresh"),
        ("run --impl", "run --impl"),
        ("choose r.csv --impl a b --seeds 3", "choose r.csv --impl a --impl b --seeds 3"),
        ("choose --impl a r.csv", "choose --impl a r.csv"),
        ("tune a b --missing 99 0", "tune a b --missing 99 --missing 0"),
        ("predict --set a.b=1 a.c=2", "predict --set a.b=1 --set a.c=2"),
        ("choose", "choose"),
        ("compare a b", "compare a b"),
        ("run --seeds 3 stray", "run --seeds 3 stray"),
    ],
)
def test_values_are_spread(typed: str, read: str) -> None:
    assert spread(typed.split()) == read.split()


@pytest.mark.parametrize(
    "words",
    [
        {"dataset": ["a\udcff.csv"]},
        {"impl": ["a\udcff.py:A"]},
        {"set_": ["als.note=\udcff"]},
        {"block": {"preset": "\udcff"}},
    ],
)
def test_a_name_that_is_no_text_is_refused(words: dict[str, Any]) -> None:
    """A record is JSON in UTF-8, and could not hold it."""
    none: dict[str, Any] = {"impl": None, "dataset": None, "set_": None, "block": {}}
    with pytest.raises(SettingError, match="is not text in utf-8: where it is the name of a file"):
        overrides(**(none | words))


def test_an_option_of_a_file_is_text() -> None:
    with pytest.raises(SettingError, match="is not text"):
        layout(missing=["\udcff"])
    with pytest.raises(SettingError, match="is not text"):
        split_of(None, "\udcff.csv", ["train.csv"])


def test_in_another_encoding_the_locale_is_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(SettingError, match=r"set LC_ALL=C\.UTF-8, for this locale's encoding is"):
        refuse_undecodable(["kan\udce6.csv"])


@given(st.dictionaries(st.sampled_from(ROLES), NAMES, min_size=1))
def test_columns_come_back_as_they_were_written(columns: dict[str, str]) -> None:
    """Whatever the names: with equals signs, quotes and blanks in them; in any order of roles."""
    text = ", ".join(f"{role} = {name}" for role, name in columns.items())
    if len(set(columns.values())) < len(columns):
        with pytest.raises(UsageError, match="given twice"):
            parse_columns(text)
        return
    assert parse_columns(text) == columns
    assert parse_columns(layout(text).options()["columns"]) == columns


@given(st.text())
def test_any_other_text_is_columns_or_an_error_that_names_the_option(text: str) -> None:
    with contextlib.suppress(UsageError):
        columns = parse_columns(text)
        assert set(columns) <= set(ROLES)
        assert all(columns.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ""}, "write it as user=account,item=song"),
        ({"columns": "user"}, "write it as user=account,item=song"),
        ({"columns": "user=a,"}, "write it as user=account,item=song"),
        ({"columns": "user="}, "write it as user=account,item=song"),
        ({"columns": "person=a"}, "'person' is no role of a column; use user, item, rating, time"),
        ({"columns": "user=a,user=b"}, "user is given twice"),
        ({"columns": "user=a,item=a"}, "column 'a' is given twice"),
        ({"columns": "user=0"}, "positions count from 1"),
        ({"columns": "user=-2"}, "positions count from 1"),
        ({"columns": "user=name", "no_header": True}, "with --no-header no column has a name"),
        ({"delimiter": ""}, "--delimiter ''"),
        ({"delimiter": "tabs"}, "--delimiter 'tabs': one character"),
        ({"delimiter": "x"}, "cannot be between two fields"),
        ({"delimiter": '"'}, "cannot be between two fields"),
        ({"delimiter": "\n"}, "cannot be between two fields"),
        ({"zeros": "maybe"}, "--zeros 'maybe': 'missing' where"),
        ({"date_format": ""}, "--date-format '' has no year"),
        ({"date_format": "%d/%m"}, "'%d/%m' has no year"),
        ({"date_format": "%Q/%Y"}, "bad directive"),
        ({"date_format": "%d/%d/%Y"}, "--date-format '%d/%d/%Y'"),
        ({"date_format": "%Y-%"}, "--date-format '%Y-%'"),
        ({"date_format": "%Y\0"}, "--date-format"),
    ],
)
def test_a_wrong_value_gets_one_clear_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        layout(**options)


def test_what_is_left_out_is_detected() -> None:
    assert layout() == AS_DETECTED
    assert layout().options() == {}


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({"columns": "user=2,item=3", "no_header": True}, {"header": False}),
        ({"delimiter": "tab"}, {"delimiter": "\t"}),
        ({"delimiter": "TAB"}, {"delimiter": "\t"}),
        ({"delimiter": "\\t"}, {"delimiter": "\t"}),
        ({"delimiter": "\t"}, {"delimiter": "\t"}),
        ({"delimiter": "space"}, {"delimiter": " "}),
        ({"delimiter": "::"}, {"delimiter": "::"}),
        ({"delimiter": "|"}, {"delimiter": "|"}),
        ({"missing": ["99", "-99,99"]}, {"missing": ("99", "-99")}),
        ({"missing": [""]}, {"missing": ("",)}),
        ({"missing": ["", "99"]}, {"missing": ("", "99")}),
        ({"zeros": "missing"}, {"zeros": "missing"}),
        ({"date_format": "%d.%m.%y %H:%M"}, {"date_format": "%d.%m.%y %H:%M"}),
        ({"date_format": "%d/%m/%Y %H:%M %z"}, {"date_format": "%d/%m/%Y %H:%M %z"}),
    ],
)
def test_options_become_a_layout_and_are_recorded_as_they_may_be_typed_again(
    options: dict[str, Any], read: dict[str, Any]
) -> None:
    found = layout(**options)
    assert {name: getattr(found, name) for name in read} == read
    again = {name.replace("-", "_"): value for name, value in found.options().items()}
    if "missing" in again:
        again["missing"] = [again["missing"]]
    assert layout(**{**again, "no_header": "no_header" in again}) == found


def test_a_layout_without_a_file_is_refused() -> None:
    refuse_unused(Layout(delimiter=","), ["ml-100k", "mine.csv"])
    refuse_unused(AS_DETECTED, ["ml-100k"])
    with pytest.raises(UsageError, match="--delimiter says how a file is read, but ml-100k is a"):
        refuse_unused(Layout(delimiter=","), ["ml-100k", "ml-100k"])
    with pytest.raises(UsageError, match="but ml-100k, ml-1m are datasets of the catalog"):
        refuse_unused(Layout(delimiter=","), ["ml-100k", "ml-1m"])


@pytest.mark.parametrize(
    ("split", "test", "datasets", "chosen"),
    [
        (None, None, None, None),
        ("time:80/20", None, ["a.csv", "b.csv"], "time:80/20"),
        (None, "test.csv", ["train.csv"], "given"),
        ("given", "test.csv", ["train.csv"], "given"),
        ("given:90/10", "test.csv", ["train.csv"], "given:90/10"),
    ],
)
def test_a_test_file_is_the_split(
    split: str | None, test: str | None, datasets: list[str] | None, chosen: str | None
) -> None:
    assert split_of(split, test, datasets) == chosen


@pytest.mark.parametrize(
    ("split", "datasets", "message"),
    [
        (None, None, "name the file to train on, too, --dataset train.csv"),
        (None, ["a.csv", "b.csv"], "is the test part of one file"),
        (None, ["ml-100k"], "is the test part of one file"),
        ("random:80/20", ["a.csv"], "--split random:80/20 chooses test ratings, and --test"),
        ("givens", ["a.csv"], "use --split given:90/10, which takes a validation part"),
    ],
)
def test_a_test_file_without_its_place_is_refused(
    split: str | None, datasets: list[str] | None, message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        split_of(split, "test.csv", datasets)
