"""Lines of a worker's pipe: what is an event, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.cell.events import Checkpoint, NotAnEventError, Phase, parse

CHECKPOINT = {
    "event": "checkpoint",
    "epoch": 1,
    "seconds": 0.5,
    "rmse": 0.9,
    "mae": 0.7,
    "planned": 3,
    "evaluation_s": 0.1,
}


def test_an_event_is_parsed_to_its_type() -> None:
    assert parse(b'{"event": "phase", "name": "fit"}') == Phase(name="fit")
    event = parse(json.dumps(CHECKPOINT).encode())
    assert isinstance(event, Checkpoint)
    assert event.point is not None
    assert parse(json.dumps(CHECKPOINT | {"rmse": None, "mae": None}).encode()).point is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change",
    [
        {"event": "else"},
        {"seconds": float("nan")},
        {"seconds": 1e308},
        {"seconds": -5.0},
        {"rmse": float("inf")},
        {"epoch": -1},
        {"planned": 10**400},
        {"planned": 1 << 60},
        {"more": 1},
    ],
)
def test_a_number_that_no_cell_can_have_is_no_event(change: dict[str, Any]) -> None:
    with pytest.raises(NotAnEventError):
        parse(json.dumps(CHECKPOINT | change).encode())


@pytest.mark.parametrize("line", [b"", b"no JSON", b"[]", b"\xff\xfe", b"1" * 70_000])
def test_what_is_no_event_is_shown_by_its_start(line: bytes) -> None:
    with pytest.raises(NotAnEventError) as error:
        parse(line)
    assert len(str(error.value)) < 300
