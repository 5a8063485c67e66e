"""Readings are taken once, for one thread and for all, and belong to one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import machine
from bench.records import Roof
from bench.roofline.stored import measured, stored
from tests.support.records import environment


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def reading(threads: int) -> Roof:
    return Roof(threads=threads, flops_per_s=1e9 * threads, bandwidth={1024: 2e9, 4096: 1e9})


@pytest.mark.parametrize(("cores", "threads"), [(1, [1]), (8, [1, 8])])
def test_one_thread_and_all_cores_are_measured_and_stored(cores: int, threads: list[int]) -> None:
    roofs = measured(environment("box", cores=cores), reading)
    assert [roof.threads for roof in roofs] == threads
    assert stored("box") == roofs
    assert stored("another box") == []
    measured(environment("another box", cores=1), reading)  # as the same one with fewer cores is
    assert stored("box") == roofs


@pytest.mark.parametrize("text", ["", "[]", '{"box": 3}', '{"box": [{"threads": 1}]}'])
def test_what_cannot_be_read_was_not_measured(cache: Path, text: str) -> None:
    cache.mkdir()
    (cache / "roofs.json").write_text(text)
    assert stored("box") == []


def test_a_cache_that_cannot_be_written_is_no_obstacle(cache: Path) -> None:
    cache.write_text("a file")
    assert measured(environment("box", cores=1), reading) == [reading(1)]
    assert stored("box") == []


def test_a_record_has_the_bounds_of_its_machine() -> None:
    assert machine.current_environment().roofs == []
    roofs = measured(machine.environment(), reading)
    assert machine.current_environment().roofs == roofs
