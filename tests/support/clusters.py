"""A scheduler, workers and clients that are processes of a test, and end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.planning.lifeline import Lifeline
from bench.running.cluster import address, worker
from bench.running.cluster.greeting import SCHEDULER_VARIABLES
from tests.support.command_line import BENCH

HOST = "127.0.0.1"

BETWEEN_S = 0.05
"""From one look to the next, which may read a log."""


def until(condition: Callable[[], Any], what: str, longest_s: float = 60.0) -> Any:
    """The first true value of `condition`; fails where it does not come."""
    end = time.monotonic() + longest_s
    while not (value := condition()):
        assert time.monotonic() < end, f"{what} did not come within {longest_s:g} s"
        time.sleep(BETWEEN_S)
    return value


def runs(pid: int) -> bool:
    """Whether the process still runs. One that has ended may stay listed: a test process that ran
    cells adopts the orphans of others, and waits for none."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Heard:
    """An observer of a connection, that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.joined: list[str] = []
        self.refused: dict[str, str] = {}
        self.left: list[str] = []

    def on_note(self, text: str) -> None:
        self.notes.append(text)

    def on_joined(self, name: str) -> None:
        self.joined.append(name)

    def on_refused(self, name: str, reason: str) -> None:
        self.refused[name] = reason

    def on_left(self, name: str) -> None:
        self.left.append(name)


@dataclass
class Processes:
    """Starts processes in sessions of their own, whose output is in files of `folder`.

    variables  of all of them
    """

    folder: Path
    variables: Mapping[str, str]
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _schedulers: int = 0

    def start(self, name: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """Run a command; it is killed with its group at the end."""
        lifeline = self._held.enter_context(Lifeline())
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lifeline.read,),
                start_new_session=True,
                cwd=self.folder,
                env={**self.variables, **variables},
            )
        lifeline.hold(process.pid)
        self._held.callback(end, process)
        return process

    def log(self, name: str) -> str:
        """What it printed up to now."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def scheduler(
        self, settings: Mapping[str, str] = SCHEDULER_VARIABLES
    ) -> tuple[subprocess.Popen[bytes], str]:
        """A scheduler that listens, and its address."""
        self._schedulers += 1
        name = f"scheduler-{self._schedulers}"
        file = self.folder / f"{name}.json"
        words = (sys.executable, "-P", "-m", "distributed.cli.dask_scheduler", "--host", HOST)
        more = ("--port", "0", "--dashboard-address", f"{HOST}:0", "--scheduler-file", str(file))
        process = self.start(name, *words, *more, **settings)
        until(lambda: file.exists() or process.poll() is not None, "a scheduler")
        assert process.poll() is None, self.log(name)
        return process, address.reached(address.SchedulerFile(file)).uri

    def worker(
        self, uri: str, name: str, *words: str, before: Sequence[str] = (), **variables: str
    ) -> subprocess.Popen[bytes]:
        """A worker with a machine of its own; `before`: words that its command is started by."""
        own = self.folder / name
        for each in ("cache", "lock", "temporary"):
            (own / each).mkdir(parents=True, exist_ok=True)
        apart = {
            "RATEBENCH_CACHE": str(own / "cache"),
            "RATEBENCH_LOCK": str(own / "lock"),
            "TMPDIR": str(own / "temporary"),
        }
        command = [*worker.command(uri, name), "--host", HOST, "--local-directory", str(own)]
        return self.start(
            name, *before, *command, *words, **worker.environment({**apart, **variables})
        )

    def bench(self, name: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """The command `bench`."""
        return self.start(name, *BENCH, *words, **variables)

    def close(self) -> None:
        self._held.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it with its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def processes(folder: Path, variables: Mapping[str, str] = os.environ) -> Iterator[Processes]:
    """All have ended at the end of the block."""
    started = Processes(folder, variables)
    try:
        yield started
    finally:
        started.close()
