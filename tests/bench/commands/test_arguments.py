"""`--impl a b`."""

from __future__ import annotations

import pytest

from bench.commands.arguments import spread


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
