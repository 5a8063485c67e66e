"""`local:N`: machines that are started here, and of which nothing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from bench.running.cells import SHARES
from bench.running.cluster import local, worker
from bench.running.cluster.address import ClusterError
from bench.running.cluster.connecting import connect
from bench.running.cluster.local import IN_WORDS, LocalMachines
from datasets import cache
from tests.support.clusters import Heard, runs, until

pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder and a cache of the test's own."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    return place


def descendants() -> set[int]:
    children = psutil.Process().children(recursive=True)
    return {each.pid for each in children if runs(each.pid)}


def test_workers_are_machines_of_their_own_and_nothing_of_them_stays(folders: Path) -> None:
    before, heard = descendants(), Heard()
    with connect("local:2", heard) as connection:
        assert sorted(heard.joined) == ["local-1", "local-2"]
        found = list(connection.machines().values())
        assert len({each.environment.machine for each in found}) == 2
        [folder] = folders.iterdir()
        for name in ("local-1", "local-2"):
            shared = folder / name / "cache" / "columns"
            assert shared.resolve() == (cache.folder() / "columns").resolve()
            assert (folder / name / "lock").is_dir()
        workers = connection.local._processes[1:]
        seen = {psutil.Process(each.running.pid).environ()[SHARES] for each in workers}
        assert seen == {"on one machine with other workers: --cluster local:2"}
    assert heard.notes == [IN_WORDS]
    assert descendants() <= before
    assert [*folders.iterdir()] == []


def test_a_worker_that_ends_early_is_an_error_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, folders: Path
) -> None:
    script = "print('no such luck'); raise SystemExit(3)"
    monkeypatch.setattr(worker, "command", lambda *_: [sys.executable, "-c", script])
    with pytest.raises(ClusterError) as raised, connect("local:2", Heard()):
        pass
    assert str(raised.value).endswith("ended with exit code 3:\nno such luck")
    assert [*folders.iterdir()] == []


def test_a_scheduler_that_does_not_start_is_an_error_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "HOST", "no-such-host.invalid")
    with pytest.raises(ClusterError, match="on this machine, scheduler ended with exit code"):
        LocalMachines(1).__enter__()


def test_the_end_of_one_is_borne_and_that_of_all_is_not() -> None:
    heard = Heard()
    with connect("local:2", heard) as connection:
        first, second = (each.running.pid for each in connection.local._processes[1:])
        os.kill(first, signal.SIGKILL)
        until(lambda: connection.poll() or heard.left, "that one left")
        assert heard.left == ["local-1"]
        os.kill(second, signal.SIGKILL)
        with pytest.raises(ClusterError, match="no local worker is left; local-2 killed by"):
            until(connection.poll, "that no worker is left")


HOLDS = """
import sys
from bench.running.cluster.local import LocalMachines
with LocalMachines(1) as machines:
    print(machines._folder, *(each.running.pid for each in machines._processes), flush=True)
    sys.stdin.read()
"""


def test_they_end_with_a_process_that_is_killed(folders: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdin=pipe, stdout=pipe) as process:
        folder, *pids = process.stdout.readline().decode().split()
        assert Path(folder).is_dir()
        process.kill()
        process.wait()
    until(lambda: not any(map(runs, map(int, pids))), "the end of all processes")
    until(lambda: not Path(folder).exists(), "the end of the folder")
