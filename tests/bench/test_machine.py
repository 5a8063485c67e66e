"""One timed cell at a time, and a machine that keeps its name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench import locks, machine
from bench.planning import availability

WAITER = """
from bench.locks import exclusive
with exclusive(lambda: print("waiting", flush=True)):
    print("in", flush=True)
"""


@pytest.fixture
def fresh_environment() -> Iterator[None]:
    machine.environment.cache_clear()
    yield
    machine.environment.cache_clear()


@pytest.mark.alone
def test_a_second_run_waits_for_the_first_ones_cell() -> None:
    with locks.exclusive(lambda: None):
        second = subprocess.Popen([sys.executable, "-c", WAITER], stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert second.stdout.readline() == "waiting\n"
    assert second.stdout.readline() == "in\n"
    second.stdout.close()
    assert second.wait(timeout=10) == 0


@pytest.mark.usefixtures("fresh_environment")
def test_a_machine_keeps_its_name_and_another_has_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = []
    for cache in ("here", "here", "elsewhere"):
        monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / cache))
        machine.environment.cache_clear()
        names.append(machine.environment().machine)
    assert names[0] == names[1] != names[2]


@pytest.mark.usefixtures("fresh_environment")
def test_a_cache_that_cannot_be_written_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert machine.environment().machine


def test_the_cpu_is_always_there_and_a_device_without_driver_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(availability, "has_cuda_driver", lambda: False)
    availability.device_problem.cache_clear()
    assert availability.device_problem("cpu") is None
    assert availability.device_problem("cuda") == "no CUDA device"
    availability.device_problem.cache_clear()


def test_a_device_is_asked_for_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "has_cuda_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    availability.device_problem.cache_clear()
    problems = [availability.device_problem(each) for each in ("cuda", "cuda:1", "cuda:2")]
    assert problems == [None, None, "no CUDA device 2, there are 2"]
    availability.device_problem.cache_clear()
