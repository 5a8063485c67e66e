"""`--impl a b`, and names that no record can hold."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from bench.commands.arguments import overrides, refuse_undecodable, spread
from bench.planning.hyperparameters import SettingError


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("run --impl a b --seeds 3", "run --impl a --impl b --seeds 3"),
        ("run --impl a --impl b", "run --impl a --impl b"),
        ("run --dataset x y --impl a", "run --dataset x --dataset y --impl a"),
        ("run --set a.b=-1 a.c=2 --fresh", "run --set a.b=-1 --set a.c=2 --fresh"),
        ("run --impl", "run --impl"),
        ("compare a b", "compare a b"),
        ("run --seeds 3 stray", "run --seeds 3 stray"),
    ],
)
def test_values_are_spread(typed: str, read: str) -> None:
    assert spread(typed.split()) == read.split()


@pytest.mark.parametrize(
    "given",
    [
        {"dataset": ["a\udcff.csv"]},
        {"impl": ["a\udcff.py:A"]},
        {"set_": ["als.note=\udcff"]},
        {"block": {"preset": "\udcff"}},
    ],
)
def test_a_name_that_is_no_text_is_refused(given: dict[str, Any]) -> None:
    """A record is JSON in UTF-8, and could not hold it."""
    words: dict[str, Any] = {"impl": None, "dataset": None, "set_": None, "block": {}}
    with pytest.raises(SettingError, match="is not text in utf-8; rename the file"):
        overrides(**(words | given))


def test_in_another_encoding_the_locale_is_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(SettingError, match=r"set LC_ALL=C\.UTF-8, for this locale's encoding is"):
        refuse_undecodable(["kan\udce6.csv"])
