"""`local:N`: a scheduler and N workers on this machine, for a try, which end with this process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench import machine
from bench.cell import locks
from bench.planning.lifeline import Lifeline, killed_by
from bench.running.cells import SHARES
from bench.running.cluster import worker
from bench.running.cluster.address import ClusterError
from bench.running.cluster.greeting import SCHEDULER_VARIABLES
from datasets import cache
from datasets.temporary import TemporaryFolder

HOST = "127.0.0.1"
START_S = 60.0
"""How long a scheduler may take to start: it imports for some seconds."""
BETWEEN_S = 0.05
LOG_LINES = 5
"""Of the end of what a process printed."""
SHARED = ("downloads", "columns")
"""Folders of the cache that hold data, and nothing of a machine."""

REMOVE = 'cat; for n in 1 2 3; do rm -rf -- "$1" && exit; done'
"""Waits for the end of its input, which comes with the end of this process, however it ends."""

IN_WORDS = (
    "local workers share this machine and disturb each other: a try of the commands, whose seconds "
    "are not to be believed"
)


@dataclass
class _Process:
    """A process and all that it starts in its group.

    name  of the worker, "scheduler" for the other one
    """

    name: str
    running: subprocess.Popen[bytes]
    log: Path

    @property
    def ending(self) -> str:
        """How it ended and the end of what it printed; "" while it runs."""
        if (code := self.running.poll()) is None:
            return ""
        how = killed_by(-code) if code < 0 else f"ended with exit code {code}"
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return "\n".join([f"{self.name} {how}{':' * bool(lines)}", *lines[-LOG_LINES:]])


class LocalMachines:
    """Started in a `with` block, at whose end nothing of them is left. Raises ClusterError.

    uri  of the scheduler
    """

    def __init__(self, workers: int) -> None:
        self.count = workers
        self.uri = ""
        self._processes: list[_Process] = []
        self._joined: set[str] = set()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as held:
            folder = held.enter_context(TemporaryFolder())
            self._folder = Path(folder.name)
            held.enter_context(_removed_by_another(self._folder))
            self._held = held
            self._start()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def check(self, joined: Sequence[str]) -> None:
        """Raises ClusterError where the scheduler or every worker has ended, or one that has not
        joined yet: nobody would start it again.

        joined  names of workers that are there now
        """
        self._joined |= {*joined}
        scheduler, *workers = self._processes
        ended = [each for each in workers if each.ending]
        early = [each for each in ended if each.name not in self._joined]
        for each in [scheduler] * bool(scheduler.ending) + early:
            raise ClusterError(f"on this machine, {each.ending}")
        if len(ended) == len(workers):
            raise ClusterError(f"no local worker is left; {ended[-1].ending}")

    def _start(self) -> None:
        file = self._folder / "scheduler.json"
        words = [
            *(sys.executable, "-P", "-m", "distributed.cli.dask_scheduler", "--host", HOST),
            *("--port", "0", "--dashboard-address", f"{HOST}:0", "--scheduler-file", str(file)),
        ]
        variables = {**os.environ, **SCHEDULER_VARIABLES, "TMPDIR": str(self._folder)}
        self._run("scheduler", words, variables)
        self.uri = self._uri(file)
        for number in range(1, self.count + 1):
            name = f"local-{number}"
            place = self._folder / name
            words = [*worker.command(self.uri, name), "--host", HOST]
            words += ["--local-directory", str(place / "dask")]
            shares = f"on one machine with other workers: --cluster local:{self.count}"
            variables = {**_own(place, number), SHARES: shares * (self.count > 1)}
            self._run(name, words, worker.environment(variables))

    def _run(self, name: str, words: Sequence[str], variables: Mapping[str, str]) -> None:
        log = self._folder / f"{name}.log"
        lifeline = self._held.enter_context(Lifeline())
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lifeline.read,),
                start_new_session=True,
                env=variables,
            )
        self._held.callback(_end, process)
        lifeline.hold(process.pid)
        self._processes.append(_Process(name, process, log))

    def _uri(self, file: Path) -> str:
        """The scheduler's, from the file that it writes."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError, LookupError):
                return str(json.loads(file.read_text(encoding="utf-8"))["address"])
            if ending := self._processes[0].ending:
                raise ClusterError(f"on this machine, {ending}")
            time.sleep(BETWEEN_S)
        raise ClusterError(f"the local scheduler has not started within {START_S:g} s")


def _own(place: Path, number: int) -> dict[str, str]:
    """Variables of a worker that is to be a machine of its own; the folders that they name.

    Its id is the same in every run, so that a run goes on where another one ended.
    """
    own = place / "cache"
    for folder in (own, place / "temporary", place / "lock"):
        folder.mkdir(parents=True)
    identity = f"{machine.environment().machine} local {number}"
    (own / "machine-id").write_text(identity, encoding="utf-8")
    for name in SHARED:
        shared = cache.folder().absolute() / name
        with contextlib.suppress(OSError):  # a cache that cannot be written: each reads for itself
            shared.mkdir(parents=True, exist_ok=True)
            (own / name).symlink_to(shared)
    return {
        **os.environ,
        "RATEBENCH_CACHE": str(own),
        "TMPDIR": str(place / "temporary"),
        locks.APART: str(place / "lock"),
    }


@contextlib.contextmanager
def _removed_by_another(folder: Path) -> Iterator[None]:
    """A process that removes the folder where this one is killed."""
    process = subprocess.Popen(
        ["sh", "-c", REMOVE, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """With its group. Cells are in groups of their own, which end with their worker."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
