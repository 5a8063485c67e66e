"""Real workers in bubblewrap, that look for what they should not know: each finds it without."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench import machine
from bench.cell.execute import Outcome, ProcessExecutor
from bench.cell.job import Job, write_split
from bench.cell.sandbox import bubblewrap
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.executor import SandboxedExecutor, random_split
from bench.planning.rules import Rules
from tests.support import SUPPORT
from tests.support.curious import SOUGHT
from tests.support.running import LIMITS, seconds

CURIOUS, MISBEHAVING = SUPPORT / "curious.py", SUPPORT / "misbehaving.py"
Run = Callable[..., Outcome]

pytestmark = pytest.mark.skipif(bool(bubblewrap.problem()), reason=bubblewrap.problem())


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    job = Job("", {}, "cpu", 0, 1, str(tmp_path / "arrays"), 30, 20, (1, 5), Rules())
    Path(job.arrays).mkdir()
    write_split(random_split(dataclasses.replace(job, seed=1)), Path(job.arrays))
    return job


@pytest.fixture
def run(job: Job) -> Run:
    def run(
        name: str, *, contained: bool = True, file: Path = CURIOUS, hidden: Any = (), **changes: Any
    ) -> Outcome:
        executor = SandboxedExecutor(Sandbox(hidden)) if contained else ProcessExecutor()
        wanted = dataclasses.replace(job, class_path=f"{file}:{name}", **changes)
        return executor.execute(wanted, random_split(job).test, LIMITS, lambda _: None)

    return run


def well(outcome: Outcome) -> bool:
    assert outcome.reason == ""
    return (outcome.status, outcome.sandbox) == ("ok", bubblewrap.NAME)


def test_a_worker_is_alone_and_has_what_it_needs(run: Run) -> None:
    assert well(run("MeetsNoOne"))


def test_what_disturbs_a_fit_is_seen_in_a_sandbox_too(run: Run) -> None:
    outcome = run("Mean", file=MISBEHAVING)
    assert well(outcome)
    found = outcome.result.disturbance
    assert None not in (found.steal_s, found.wait_s)


def test_a_pinned_worker_is_on_one_core_in_a_sandbox_too(run: Run) -> None:
    core = machine.timing_core()
    assert run("NamesItsCores", file=MISBEHAVING, core=core).reason.endswith(f"on cores [{core}]")


def test_the_memory_of_the_harness_is_out_of_reach(run: Run) -> None:
    held = np.frombuffer(SOUGHT * 1000, np.uint8).copy()
    assert well(run("ReadsItsParent"))
    if os.geteuid() == 0:  # others may be forbidden to look, with or without
        assert "found in the memory" in run("ReadsItsParent", contained=False).reason
    assert held.any()


def test_arguments_of_other_processes_cannot_be_read(run: Run) -> None:
    words = [sys.executable, "-c", "input()", "--dataset", "ratings-of-ours.csv"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as harness:
        assert well(run("ReadsCommandLines"))
        assert "found in cmdline" in run("ReadsCommandLines", contained=False).reason
        harness.communicate(b"\n")


def test_ratings_cannot_be_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the folder of datasets, the cache and a file given by path, though they lie in the folder
    of the implementation, which is bound."""
    own = tmp_path / "own"
    files = [own / "data" / "u.data", own / "cache" / "columns", own / "ratings.csv"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1,1,5\n")
    script = own / "row.py"
    script.write_bytes(CURIOUS.read_bytes())
    monkeypatch.setenv("RATEBENCH_DATA", str(files[0].parent))
    monkeypatch.setenv("RATEBENCH_CACHE", str(files[1].parent))
    for file in files:
        looked = {
            "file": script,
            "hidden": (files[2], files[2].parent),
            "hyperparameters": {"paths": str(file)},
        }
        assert well(run("ReadsFiles", **looked))
        assert f"found {file}" in run("ReadsFiles", contained=False, **looked).reason


def test_ratings_beside_the_implementation_cannot_be_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    (data / "ml-100k").mkdir(parents=True)
    copies = [data / "copy.csv", data / "ml-100k" / "copy.csv"]
    for copy in copies:
        copy.write_text("1,1,5\n")
    script = data / "look.py"
    script.write_bytes(CURIOUS.read_bytes())
    monkeypatch.setenv("RATEBENCH_DATA", str(data))
    looked = {"file": script, "hyperparameters": {"paths": ":".join(map(str, copies))}}
    assert well(run("ReadsFiles", **looked))
    assert f"found {copies[0]}" in run("ReadsFiles", contained=False, **looked).reason


def test_nothing_can_be_changed_but_the_predictions(run: Run, job: Job, tmp_path: Path) -> None:
    script = tmp_path / "row.py"
    script.write_bytes(CURIOUS.read_bytes())
    paths = [SUPPORT / "note", script.with_name("note"), Path(job.arrays) / "learnt"]
    for path in paths:
        looked = {"file": script, "hyperparameters": {"paths": str(path)}}
        assert well(run("WritesFiles", **looked))
        assert not path.exists()
    assert "wrote" in run("WritesFiles", contained=False, **looked).reason
    path.unlink()


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_what_one_cell_leaves_the_next_does_not_find(run: Run, folder: str) -> None:
    path = f"{folder}/ratebench-test-{os.getpid()}"
    looked = {"hyperparameters": {"path": path}}
    for _ in range(2):
        assert well(run("LeavesForTheNext", **looked))
    assert run("LeavesForTheNext", contained=False, **looked).status == "ok"
    assert f"found {path}" in run("LeavesForTheNext", contained=False, **looked).reason


def test_the_session_keyring_is_not_the_harnesss(run: Run) -> None:
    add_key, session = {"x86_64": 248, "aarch64": 217}.get(platform.machine()), -3
    call = ctypes.CDLL(None).syscall
    key = (b"user", b"ratebench-test", b"learnt", 6)
    if add_key is None or call(add_key, *key, session) == -1:
        pytest.skip("no keys may be added here")
    assert well(run("SearchesItsKeyring"))
    assert "found a key" in run("SearchesItsKeyring", contained=False).reason


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_there_is_no_network(run: Run, port: int) -> None:
    looked = {"hyperparameters": {"port": port}}
    assert well(run("UsesTheNetwork", **looked))
    assert "connected" in run("UsesTheNetwork", contained=False, **looked).reason


def test_code_is_compiled_once_and_tells_the_next_cell_nothing(run: Run) -> None:
    first, second, third = (run("Compiles").log for _ in range(3))
    assert first != second == third
    assert second.startswith("compiled: ")


@pytest.mark.alone
def test_the_clocks_parts_sum_to_the_wall_time(run: Run) -> None:
    outcome = run("Mean", file=MISBEHAVING)
    assert seconds(outcome) + outcome.exit_s == pytest.approx(outcome.wall_s, rel=0.01)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("Raises", "failed", "ValueError: no such luck"),
        ("EatsMemory", "out of memory", "used more than the memory limit"),
        ("ExitsAtOnce", "failed", "ended with exit code 0 before it gave a result"),
        ("KilledFromOutside", "failed", "killed by SIGKILL"),
        ("InterruptedFromOutside", "failed", "killed by SIGINT"),
        ("LosesItsPipe", "failed", "closed or redirected the pipe that reports"),
        ("LeavesAChild", "failed", "process(es) running after it ended"),
        ("LeavesADaemon", "failed", "process(es) running after it ended"),
    ],
)
def test_what_goes_wrong_is_reported_as_without(
    run: Run, name: str, status: str, reason: str
) -> None:
    before = psutil.Process().children(recursive=True)
    outcome = run(name, file=MISBEHAVING)
    assert outcome.status == status
    assert reason in outcome.reason
    assert {*psutil.Process().children(recursive=True)} <= {*before}


def test_all_ends_with_a_harness_that_is_killed(job: Job) -> None:
    """Also a worker that is stopped, and what it started in a session of its own."""
    wanted = dataclasses.replace(job, class_path=f"{CURIOUS}:StaysBehind")
    script = f"""
from bench.cell.job import Job
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.executor import SandboxedExecutor, random_split
from bench.cell.watch import Limits
job = Job.from_json({wanted.to_json()!r})
limits = Limits(60, 10**9)
SandboxedExecutor(Sandbox()).execute(job, random_split(job).test, limits, lambda _: None)
"""
    with subprocess.Popen([sys.executable, "-c", script]) as harness:
        below: list[psutil.Process] = []
        until = time.monotonic() + 60
        while psutil.STATUS_STOPPED not in states(below) and time.monotonic() < until:
            below = psutil.Process(harness.pid).children(recursive=True)
        assert len(below) >= 3
        harness.kill()
    assert psutil.wait_procs(below, timeout=20)[1] == []


def states(processes: list[psutil.Process]) -> set[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return {process.status() for process in processes}
    return set()


def test_the_problem_names_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install bubblewrap" in bubblewrap.problem.__wrapped__()
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n"
    )
    broken.chmod(0o755)
    assert "No permissions to create new namespace" in bubblewrap.problem.__wrapped__()
