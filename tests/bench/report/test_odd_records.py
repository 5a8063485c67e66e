"""Records that were edited, or hold hostile text: shown or named, and none stops a report."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.records import Roof
from bench.report.comparison import compare
from bench.report.formats import significant
from bench.report.grouping import tables
from bench.report.pages.dataset import page
from bench.report.writing import write
from bench.store import RecordStore
from tests.support.records import record

Place = tuple[str | int, ...]
HOSTILE = "\x1b[31m\u202e$x_`|\n漢"


def lines() -> list[dict[str, Any]]:
    """A row with every part, and two beside it."""
    roofs = [Roof(threads=2, flops_per_s=1e10, bandwidth={1024: 1e10})]
    hyperparameters = {"epochs": 30, "factors": 8}
    full = record("numpy_sgd", hyperparameters=hyperparameters)
    full.environment.roofs = roofs
    others = record("bias", rmse=0.95), record("als", status="failed", reason="broke")
    return [json.loads(each.to_line()) for each in (full, *others)]


def leaves(part: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """The place and value of each number and text, of a list in its first entry."""
    entries = part.items() if isinstance(part, dict) else enumerate(part[:1])
    for name, value in entries:
        if isinstance(value, dict | list):
            yield from leaves(value, (*place, name))
        else:
            yield (*place, name), value


NUMBERS = [
    place for place, value in leaves(lines()[0]) if isinstance(value, int | float) and place[1:]
]
TEXTS = [place for place, value in leaves(lines()[0]) if isinstance(value, str) and value]


def store(out: Path, changed: dict[Place, Any]) -> RecordStore:
    """A store of the lines, the first of them changed."""
    some = lines()
    for place, value in changed.items():
        part: Any = some[0]
        for name in place[:-1]:
            part = part[name]
        part[place[-1]] = value
    (out / "records").mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(line)}\n" for line in some)
    (out / "records" / "box-1.jsonl").write_text(text, encoding="utf-8")
    return RecordStore(out)


@pytest.mark.parametrize("place", NUMBERS, ids=str)
def test_no_number_stops_a_page(tmp_path: Path, place: Place) -> None:
    nothing: tuple[Any, ...] = (float("nan"), float("inf"), -float("inf"), "NaN")
    for value in (*nothing, -1, 0, -1e308, 1e308, 1e-300, None, [], HOSTILE):
        records, bad = store(tmp_path, {place: value}).read()
        assert len(records) + len(bad) == 3
        if value in nothing and "hyperparameters" not in place:
            assert len(bad) == 1
        for table in tables(records):
            assert "\x1b" not in page([table])
        with contextlib.suppress(ValueError):  # which `bench compare` shows
            compare(records, "numpy_sgd", "bias", None, None, "box-1")


def test_no_text_reaches_a_page_raw(tmp_path: Path) -> None:
    """Nor a file name, nor stops a plot."""
    for texts in (TEXTS, [("cell", "dataset")], [("cell", "implementation")]):
        out = tmp_path / str(len(texts)) / str(texts[-1][-1])
        changes = {it: HOSTILE for it in texts if it not in (("status",), ("started_at",))}
        store(out, changes)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write(out)
        assert all(path.name.isprintable() for path in out.rglob("*"))
        pages = "".join(path.read_text(encoding="utf-8") for path in out.glob("*.md"))
        assert not set(pages) & {"\x1b", "\u202e"}
        assert "\\\\x1b" in pages


@pytest.mark.parametrize(
    ("value", "shown"), [(-1.5, "−1.50"), (float("inf"), "∞"), (float("nan"), "—"), (1e-300, None)]
)
def test_any_number_is_shown(value: float, shown: str | None) -> None:
    assert shown is None or significant(value) == shown
