"""The parent's end of one side: starts its process and waits for its answers, not for ever."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bench.cell.process import LOG_BYTES, THREAD_VARIABLES
from bench.gate import worker
from bench.gate.errors import ForeignError, SideError
from bench.gate.statistics import Timing

Name = Literal["base", "head", "copy"]
"""The copy is base again, for the A/A control. Names of one length, for they are in paths."""
LABELS: dict[Name, str] = {"base": "base", "head": "head", "copy": "the copy of base"}

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""glibc keeps the memory it has. Else large arrays go back to the system after each call and cost
page faults in the next, more in one process than in another by the luck of their layout."""

PATIENCE_S = 120.0
"""How long an import, an untimed call or a timed stretch may take before it hangs."""


@dataclass(frozen=True)
class Ready:
    """A workload has made its untimed call and waits to be timed."""

    digest: str


@dataclass(frozen=True)
class Ended:
    """A workload is over: as it should be, unless there is a reason here."""

    failed: str = ""
    skipped: str = ""


class Side(Protocol):
    """What a round needs of a side; the tests have one on a fake clock."""

    def names(self) -> list[str]: ...
    def begin(self, order: list[str]) -> None: ...
    def ready(self) -> Ready | Ended: ...
    def time(self, loops: int) -> Timing: ...
    def finish(self) -> Ended: ...


@dataclass(frozen=True)
class Checkout:
    """A revision on disk and the interpreter of its environment."""

    python: Path
    tree: Path


def cores() -> set[int]:
    """Those that this process may use; {0} where the system does not report them."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else {0}


def timing_core() -> int:
    """The core on which all sides are timed: the last one, for the first has the interrupts."""
    return max(cores())


class Process(AbstractContextManager["Process"]):
    """A side in a process of its own, on one thread, timed on `core`; killed after the block."""

    def __init__(
        self,
        name: Name,
        checkout: Checkout,
        hash_seed: int,
        core: int,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._label, self.patience_s = LABELS[name], patience_s
        self._log = checkout.tree.with_name(f"{name}.log")
        self._pipe, theirs = multiprocessing.Pipe()
        environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, "1"),
            **ALLOCATOR,
            "PYTHONHASHSEED": str(hash_seed),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        for dropped in ("PYTHONPATH", "PYTEST_ADDOPTS", "PYTHONIOENCODING"):
            environment.pop(dropped, None)
        arguments = (str(theirs.fileno()), checkout.tree, str(core))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [checkout.python, "-P", worker.__file__, *arguments],
                cwd=checkout.tree,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )
        theirs.close()

    @property
    def pid(self) -> int:
        """Of the process, which is also its group."""
        return self._process.pid

    def names(self) -> list[str]:
        """The workloads that its tree has."""
        answer = self._receive()
        if answer["clashes"]:
            raise SideError(f"{self._label}: two workloads in {worker.WORKLOADS} have one name")
        names: list[str] = answer["names"]
        return names

    def begin(self, order: list[str]) -> None:
        """Send it the workloads to run."""
        self._send(order=order)

    def ready(self) -> Ready | Ended:
        """Wait for the next workload. Raises ForeignError where it imported another tree."""
        answer = self._receive()
        if "ended" in answer:
            return Ended(**answer["ended"])
        if answer["foreign"]:
            raise ForeignError(
                f"{self._label} imported a module from outside its tree: {answer['foreign'][0]}"
            )
        return Ready(answer["digest"])

    def time(self, loops: int) -> Timing:
        """Call the workload `loops` times."""
        self._send(loops=loops)
        answer = self._receive()
        if "ended" in answer:
            raise SideError(f"{self._label} ended while timed: {answer['ended'].get('failed', '')}")
        return Timing(**answer)

    def finish(self) -> Ended:
        """Let the workload end."""
        self._send(loops=0)
        answer = self._receive()
        if "ended" not in answer:
            raise SideError(f"{self._label} calls benchmark twice in one workload")
        return Ended(**answer["ended"])

    def __exit__(self, *_: object) -> None:
        """End it and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()

    def _send(self, **fields: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # the next `_receive` reports its death
            self._pipe.send_bytes(json.dumps(fields).encode())

    def _receive(self) -> Any:
        if not self._pipe.poll(self.patience_s):
            raise SideError(f"{self._label} hangs: no answer for {self.patience_s:g} s")
        try:
            answer = json.loads(self._pipe.recv_bytes())
        except (EOFError, ConnectionResetError):
            code = self._exit_code()
            end = self._log.read_bytes()[-LOG_BYTES:].decode(errors="replace")
            raise SideError(f"{self._label} died with exit code {code}:\n{end}") from None
        if "fault" in answer:
            raise SideError(f"{self._label} {answer['fault']}")
        return answer

    def _exit_code(self) -> int:
        """Of a process that has closed its pipe, which is not yet to have ended."""
        try:
            return self._process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            raise SideError(
                f"{self._label} hangs: its pipe is closed, but it has not ended in "
                f"{self.patience_s:g} s"
            ) from None
