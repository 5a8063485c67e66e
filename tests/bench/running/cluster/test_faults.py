"""What dies, hangs, leaves or is not alike, in processes of the test: every cell ends in a record
or is tried again, none is recorded twice, and nothing is left running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.cell.sandbox import bubblewrap
from bench.records import Record
from bench.running.cluster.greeting import PACKAGES, ROOT, SCHEDULER_VARIABLES
from bench.store import RecordStore
from tests.support.clusters import Processes, processes, until
from tests.support.command_line import write

pytest.importorskip("distributed")

ROW = '''
"""Its fit waits for a file beside this one; its warm-up does not."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from impls.protocol import Training

HERE = Path(__file__).parent
FITS = []


@dataclass
class Waits:
    epochs: int = 1
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.mean_ = float(train.values.mean())
        FITS.append(self)
        for _ in training.epochs(self.epochs):
            if len(FITS) == 2:
                (HERE / f"cell-{os.getpid()}").touch()
                while not (HERE / "go").exists():
                    time.sleep(0.01)
        return self

    def predict(self, users, items):
        return np.full(len(users), self.mean_, np.float32)
'''


class Place:
    """A folder with a row, its ratings, and what cells and records come of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.row = folder / "row.py"
        self.row.write_text(ROW, encoding="utf-8")
        self.ratings = write(folder / "ratings.csv")
        self._seen: set[int] = set()

    def words(self, uri: str) -> list[str]:
        """Of the command: one cell."""
        row, ratings = ["--impl", f"{self.row}:Waits"], ["--dataset", str(self.ratings)]
        common = ["--cluster", uri, "--sandbox", "off", "--out", str(self.out)]
        return ["run", *row, *ratings, *common, "--seeds", "1"]

    def next_cell(self) -> int:
        """The process of a cell that is in the midst of its fit, once there is another one."""

        def new() -> int | None:
            found = {int(path.name.partition("-")[2]) for path in self.folder.glob("cell-*")}
            return next(iter(found - self._seen), None)

        pid = int(until(new, "a cell"))
        self._seen.add(pid)
        return pid

    def go(self) -> None:
        """Let cells go on."""
        (self.folder / "go").touch()

    def records(self) -> list[Record]:
        records, bad = RecordStore(self.out).read()
        assert not bad
        return records

    def counts(self) -> Counter[Any]:
        """Seed and status of each record."""
        return Counter((each.cell.seed, each.status) for each in self.records())

    def all_cells_end(self) -> None:
        """Nothing of any cell is running, sooner or later."""
        self._seen |= {int(path.name.partition("-")[2]) for path in self.folder.glob("cell-*")}
        until(lambda: not any(map(runs, self._seen)), "the end of all cells")


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    with processes(tmp_path, {**os.environ, "RATEBENCH_CACHE": str(tmp_path / "cache")}) as started:
        yield started


def says(started: Processes, name: str, text: str) -> None:
    until(lambda: text in started.log(name), f"{text!r} of {name}")


TTL = "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"


def test_a_cell_whose_worker_is_killed_leaves_or_hangs_runs_on_another_until_the_third_loss(
    started: Processes, place: Place
) -> None:
    """One run, which begins without any worker. Dask gives one up that shows no sign of life, by
    default after five minutes; here it looks each second, and waits five at least."""
    _, uri = started.scheduler({**SCHEDULER_VARIABLES, TTL: "1s"})
    client = started.bench("client", *place.words(uri))

    workers = {name: started.worker(uri, name) for name in ("kiwi", "pear", "plum", "fig")}
    for name in workers:
        says(started, "client", f"{name}: ")

    def next_loss() -> tuple[int, subprocess.Popen[bytes]]:
        """The process of the next cell, and the worker that started it."""
        cell = place.next_cell()
        parent = psutil.Process(cell).ppid()
        name = next(name for name, worker in workers.items() if worker.pid == parent)
        lost.append(name)
        return cell, workers[name]

    lost: list[str] = []
    cell, killed = next_loss()
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not runs(cell), "the end of its cell")

    cell, leaves = next_loss()
    leaves.terminate()
    leaves.wait(60)
    until(lambda: not runs(cell), "the end of its cell")

    cell, hangs = next_loss()
    os.kill(hangs.pid, signal.SIGSTOP)
    assert client.wait(60) == 1, started.log("client")
    assert "3 machines were lost with" in started.log("client")
    assert len(set(lost)) == 3
    reasons = {each.reason for each in place.records() if each.status == "lost"}
    assert reasons == {f"its machine {name} was lost while it ran" for name in lost}
    assert place.counts() == {(0, "lost"): 3}

    os.kill(hangs.pid, signal.SIGCONT)
    hangs.wait(60)
    until(lambda: not runs(cell), "the end of its cell")
    assert place.counts().total() == 3


def test_after_the_death_of_the_client_or_the_scheduler_the_same_command_goes_on(
    started: Processes, place: Place
) -> None:
    scheduler, uri = started.scheduler()
    worker = started.worker(uri, "kiwi")
    client = started.bench("killed", *place.words(uri))
    cell = place.next_cell()
    os.kill(client.pid, signal.SIGKILL)
    until(lambda: not runs(cell), "the end of the client's cell")
    assert runs(worker.pid)
    assert place.records() == []

    client = started.bench("bereft", *place.words(uri))
    cell = place.next_cell()
    os.kill(scheduler.pid, signal.SIGKILL)
    assert client.wait(60) == 2
    log = started.log("bereft")
    assert f"error: the scheduler at {uri} has ended, or the network to it" in log
    assert "the same command goes on from here" in log
    assert "Traceback" not in log
    worker.wait(60)
    until(lambda: not runs(cell), "the end of the cell")

    _, uri = started.scheduler()
    started.worker(uri, "kiwi")
    place.go()
    assert started.bench("goes-on", *place.words(uri)).wait(60) == 0, started.log("goes-on")
    assert place.counts() == {(0, "ok"): 1}
    place.all_cells_end()


def test_workers_that_are_not_alike_get_no_cell(started: Processes, place: Place, uri: str) -> None:
    copy = place.folder / "copy"
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, copy / package, ignore=ignored)
    with (copy / "impls" / "als.py").open("a", encoding="utf-8") as file:
        file.write("\nMORE = 1\n")
    started.worker(uri, "other-source", PYTHONPATH=str(copy))

    about = place.folder / "numba" / "numba-0.1.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: numba\nVersion: 0.1\n", encoding="utf-8")
    paths = [str(about.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    started.worker(uri, "other-numba", PYTHONPATH=os.pathsep.join(paths))

    started.worker(uri, "alike")
    client = started.bench("client", *place.words(uri))
    place.next_cell()
    for reason in (
        "other-source gets no cell: it has another impls/als.py: check out the same commit there",
        "other-numba gets no cell: numba is 0.1 there and ",
    ):
        says(started, "client", reason)
    place.go()
    assert client.wait(60) == 0
    assert place.counts() == {(0, "ok"): 1}
    place.all_cells_end()


@pytest.mark.skipif(bool(bubblewrap.problem()), reason="no bubblewrap, which shows it that file")
def test_another_row_under_the_same_name_does_not_run_as_the_planned_one(
    started: Processes, place: Place, uri: str
) -> None:
    """The worker's machine has another file at the path."""
    other = place.folder / "other.py"
    other.write_text(ROW.replace("values.mean()", "values.max()"), encoding="utf-8")
    seen = ("bwrap", "--dev-bind", "/", "/", "--ro-bind", str(other), str(place.row))
    started.worker(uri, "there", before=seen)
    place.go()
    assert started.bench("client", *place.words(uri)).wait(60) == 1
    [record] = place.records()
    assert record.status == "skipped"
    assert "its source on this machine is another one" in record.reason
