"""One timed cell at a time, and a machine that keeps its name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench import cli, locks, machine
from bench.planning import availability
from bench.records import digest

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


def spelled(monkeypatch: pytest.MonkeyPatch, cpu: str) -> str:
    """The id of this machine where cpuinfo names its CPU so."""
    monkeypatch.setitem(
        sys.modules, "cpuinfo", SimpleNamespace(get_cpu_info=lambda: {"brand_raw": cpu})
    )
    machine.environment.cache_clear()
    return machine.environment().machine


@pytest.mark.usefixtures("fresh_environment")
def test_an_id_stays_when_cpuinfo_spells_the_cpu_in_another_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also that of a machine whose random name was stored before ids were."""
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda **_: 2)
    (tmp_path / "machine-id").write_text("4a3bc404011f4b81b69147bad9bed859")
    first = spelled(monkeypatch, "AMD EPYC")
    assert first == f"amd-epyc-2c-{digest('4a3bc404011f4b81b69147bad9bed859', 'AMD EPYC', 2)[:6]}"
    assert spelled(monkeypatch, "AMD EPYC (R) Processor") == first
    assert machine.environment().cpu == "AMD EPYC"
    monkeypatch.setattr(machine, "_cpu_model", lambda: "another node's")
    assert spelled(monkeypatch, "Another CPU").startswith("another-cpu-2c-")


@pytest.mark.usefixtures("fresh_environment")
def test_a_stored_id_that_cannot_be_read_is_computed_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path))
    first = spelled(monkeypatch, "AMD EPYC")
    for text in ("", "[1]", "{}", '{"a": 1}', "\udcff"):
        content = text.encode(errors="surrogateescape")
        (tmp_path / "machines.json").write_bytes(content)
        assert spelled(monkeypatch, "AMD EPYC") == first
    for name in ("machines.json", "machine-id"):
        (tmp_path / name).write_bytes(b"\xff")
    assert spelled(monkeypatch, "AMD EPYC") != first
    assert len((tmp_path / "machine-id").read_bytes()) == 32


def test_on_another_system_bench_says_which_are_supported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == (
        "error: ratebench runs on Linux, and on macOS for rows on the CPU; this is win32"
    )


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


def test_a_device_is_chosen_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "has_cuda_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    availability.device_problem.cache_clear()
    problems = [availability.device_problem(each) for each in ("cuda", "cuda:1", "cuda:2")]
    assert problems == [None, None, "no CUDA device 2, there are 2"]
    availability.device_problem.cache_clear()
