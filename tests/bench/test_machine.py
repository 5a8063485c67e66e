"""A machine that keeps its name, its cores, and the commit of its checkout."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench import cli, machine
from bench.commands import doctor
from bench.planning import availability
from bench.records import digest
from bench.report.sentences import cores as cores_in_words


@pytest.fixture
def fresh_environment() -> Iterator[None]:
    machine.environment.cache_clear()
    yield
    machine.environment.cache_clear()


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


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V1 = "4:memory:/a\n3:cpu,cpuacct:/a/b\n0::/\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/host/only\n", {"cpu.max": "100000 100000"}, 1),  # a container, seen from its host
        ("0::/../../x\n", {"cpu.max": "100000 100000"}, 1),
        ("0::/a\n", {"unified/a/cpu.max": "100000 100000"}, 1),
        (V1, {"cpu,cpuacct/a/cpu.cfs_quota_us": "-1"}, None),
        (
            V1,
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "250000",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000",
            },
            2.5,
        ),
        (V1, {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "50000"}, 1),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("0::/\n", {"cpu.max": "100000 0"}, None),
        ("", {}, None),
        ("torn", {"cpu.max": ""}, None),
    ],
)
def test_the_least_quota_of_the_cgroups_counts(
    tmp_path: Path, cgroup: str, files: dict[str, str], quota: float | None
) -> None:
    mounted = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    root = tree(tmp_path, {"proc/self/cgroup": cgroup, **mounted})
    assert machine.cpu_quota(root) == quota


def test_two_logical_processors_of_one_core_are_one_core(tmp_path: Path) -> None:
    topology = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    siblings = {topology.format(n): f"{n % 2},{n % 2 + 2}\n" for n in range(4)}
    root = tree(tmp_path, siblings)
    assert machine.physical_cores({0, 2}, root) == 1
    assert machine.physical_cores({0, 1}, root) == 2
    assert machine.physical_cores({7, 8, 9}, root) == 3  # of which nothing is known


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [
        (range(8), None, machine.Cores(4, 4, 8, "")),
        ([0], None, machine.Cores(1, 4, 1, "CPU affinity")),
        ([0, 4], None, machine.Cores(1, 4, 2, "CPU affinity")),
        ([0, 1, 2, 3], None, machine.Cores(4, 4, 4, "")),
        (range(8), 1.5, machine.Cores(1, 4, 1.5, "CPU quota 1.5")),
        (range(8), 0.5, machine.Cores(1, 4, 0.5, "CPU quota 0.5")),
        (range(8), 64.0, machine.Cores(4, 4, 8, "")),
        ([0, 1], 1.0, machine.Cores(1, 4, 1, "CPU quota 1")),
        ([0], 2.0, machine.Cores(1, 4, 1, "CPU affinity")),
    ],
)
def test_the_cores_are_those_that_affinity_and_quota_leave(
    monkeypatch: pytest.MonkeyPatch,
    affinity: list[int],
    quota: float | None,
    expected: machine.Cores,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda **_: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(affinity))
    monkeypatch.setattr(machine, "cpu_quota", lambda: quota)
    monkeypatch.setattr(machine, "physical_cores", lambda cpus: len({cpu % 4 for cpu in cpus}))
    assert machine.usable_cores() == expected


@pytest.mark.usefixtures("fresh_environment")
def test_fewer_cores_are_another_machine_and_the_record_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path))
    found = []
    for cores in (machine.Cores(2, 2, 2, ""), machine.Cores(1, 2, 1, "CPU affinity")):
        monkeypatch.setattr(machine, "usable_cores", lambda cores=cores: cores)
        machine.environment.cache_clear()
        found.append(machine.environment())
    whole, part = found
    assert "-2c-" in whole.machine
    assert "-1c-" in part.machine
    assert (whole.cores, whole.of_cores, whole.limited_by) == (2, None, "")
    assert (part.cores, part.of_cores, part.limited_by) == (1, 2, "CPU affinity")
    assert cores_in_words(part) == "1 of 2 cores (CPU affinity)"
    assert cores_in_words(whole) == "2 cores"


def test_doctor_counts_load_on_the_processors_that_it_may_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 0.0, 0.0))
    for cpus, loud in ((8, False), (1, True)):
        monkeypatch.setattr(
            machine, "usable_cores", lambda cpus=cpus: machine.Cores(1, 8, cpus, "CPU affinity")
        )
        doctor.doctor()
        assert ("load average 1: timings will be high" in capsys.readouterr().out) == loud


def git(monkeypatch: pytest.MonkeyPatch, root: Path, script: str = "") -> None:
    """A checkout at `root`, with a git that does what `script` says."""
    (root / "bench").mkdir()
    monkeypatch.setattr(machine, "__file__", str(root / "bench" / "machine.py"))
    program = root / "bin" / "git"
    program.parent.mkdir()
    if script:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    machine._checkout.cache_clear()


@pytest.fixture
def fresh_checkout() -> Iterator[None]:
    yield
    machine._checkout.cache_clear()


HANGS = "while :; do :; done"
DUBIOUS = "echo \"fatal: detected dubious ownership in repository at '/x'\" >&2; exit 128"


@pytest.mark.usefixtures("fresh_checkout")
@pytest.mark.parametrize(
    ("checkout", "script", "problem"),
    [
        (False, "echo 1", "ratebench does not run from a git checkout"),
        (True, "", "git is not installed"),
        (True, DUBIOUS, "git answers: fatal: detected dubious ownership in repository at '/x'; "),
        (True, "echo 'fatal: not a git repository' >&2; exit 128", "git answers: fatal: not a git"),
        (True, "exit 1", "git answers: git ended with 1"),
        (True, HANGS, "git does not answer within 0.1 s"),
        (True, "printf '\\377' >&2; exit 1", "git answers: \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_why_records_name_no_commit_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkout: bool, script: str, problem: str
) -> None:
    git(monkeypatch, tmp_path, script)
    if checkout:
        (tmp_path / ".git").mkdir()
    if script == HANGS:
        monkeypatch.setattr(machine, "GIT_LIMIT_S", 0.1)
    assert machine.source_state() == (None, None)
    assert machine.source_problem().startswith(problem)
    if script == DUBIOUS:
        assert f"git config --global --add safe.directory {tmp_path}" in machine.source_problem()


@pytest.mark.usefixtures("fresh_checkout")
def test_a_hooks_variables_lead_git_to_no_other_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git(monkeypatch, tmp_path, '[ -z "$GIT_DIR$GIT_INDEX_FILE" ] || exit 1; echo "$2"')
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("GIT_DIR", "/elsewhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/index")
    assert machine.source_state() == (str(tmp_path), True)
    assert machine.source_problem() == ""


def test_folders_of_this_machine_have_names_that_others_know(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "home" / "env"))
    monkeypatch.chdir(tmp_path)
    said = f"{sys.prefix}/lib/a.py:1: {Path.home()}/b {tmp_path}/c {tmp_path}2/d /usr/lib/e"
    expected = f"<environment>/lib/a.py:1: ~/b ./c {tmp_path}2/d /usr/lib/e"
    assert machine.without_places(said) == expected
    assert machine.without_places(f"in {machine.__file__}:7") == "in <ratebench>/bench/machine.py:7"


def test_at_the_root_of_the_file_system_other_paths_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    monkeypatch.chdir("/")
    assert machine.without_places("/usr/lib/e and / and a/b") == "/usr/lib/e and / and a/b"


def test_no_committed_record_names_a_folder_of_its_machine() -> None:
    place = re.compile(r"(?<![\w>.~-])/(?:work|home|root|Users|mnt|tmp|[\w./-]*site-packages)/")
    records = [*(Path(__file__).parents[2] / "results").rglob("*.jsonl")]
    assert records
    for path in records:
        assert place.findall(path.read_text(encoding="utf-8")) == [], path
