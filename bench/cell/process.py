"""A worker process and everything it may leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from bench.cell.events import MAX_LINE_BYTES, Event, Failed, NotAnEventError, parse
from bench.cell.job import LOST_PIPE, HarnessError
from bench.cell.sandbox.first import BY_SIGNAL, LEFT_BEHIND, MOST_LEFT
from bench.planning.describing import PRINTS_ANYTHING
from bench.planning.lifeline import Lifeline, killed_by

LOG_BYTES = 8_000
"""How much of the end of a worker's output is stored."""

CLOSING_S = 2.0
"""How long after the end of its pipe a worker that ends may still be there."""

LAST_PIECES = 16
"""How many pieces of a pipe are read after the end of its worker: more than it can hold, for a
process that the worker left may go on to write to it."""

LOST = "closed or redirected the pipe that reports to the harness"

_RUNNING: set[int] = set()
"""Ids of this process's workers: none of them is what another one left."""

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(frozen=True)
class Launch:
    """How a worker is started.

    before       words before the command that put it into a sandbox; () for none
    module       that is run, of the worker or of what starts it in the sandbox
    environment  its variables, to which the harness adds its own
    """

    before: Sequence[str] = ()
    module: str = "bench.cell.worker"
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


class Use(NamedTuple):
    """Of a worker and its descendants: resident memory, and what they used of a processor; None
    where that is not known."""

    memory_bytes: int
    cpu_s: float | None


class StartError(HarnessError):
    """No worker could be started: nothing of a row has run."""


class WorkerProcess:
    """`python -m bench.cell.worker` in a session of its own, its threads pinned before any import.

    The first order is a secret that begins each of its events, the second one the job.
    Its output is read and only the end stored; at the end of the `with` block nothing that
    it started is left running, and it does not outlive this process. With `core` it starts on that
    one and stays there. Raises StartError.
    """

    def __init__(
        self, job_line: str, threads: int, launch: Launch = Launch(), core: int | None = None
    ) -> None:
        self._launch = launch
        _adopt_orphans()
        self._other_children = {child.pid for child in psutil.Process().children()}
        self._secret = secrets.token_hex(16)
        self._log = b""
        self._partial = b""
        self.exited_ns = 0
        with ExitStack() as resources:
            try:
                self._start(resources, threads, launch, core)
            except (OSError, RuntimeError) as error:  # no file, no process or no thread is left
                problem = error.strerror if isinstance(error, OSError) else error
                raise StartError(
                    f"the harness cannot start a worker: {problem}; `ulimit -a` shows the limits"
                ) from error
            self.sent_after_ns = self._quiet_ns = self.spawned_ns
            self.order(self._secret)
            self.order(job_line)
            self._resources = resources.pop_all()

    def _start(self, resources: ExitStack, threads: int, launch: Launch, core: int | None) -> None:
        """Start it; what it takes is released with `resources`."""
        with ExitStack() as theirs:  # ends of pipes that are the worker's alone
            control_read, self._control = _pipe(theirs, resources)
            self._events, events_write = _pipe(resources, theirs)
            self._wake_read, self._wake_write = _pipe(resources, resources)
            lifeline = resources.enter_context(Lifeline())
            theirs.enter_context(_on_core(core))
            self.spawned_ns = time.perf_counter_ns()
            self._process = subprocess.Popen(
                [
                    # -P: a file in the user's folder may be called like a module that it needs.
                    *(*launch.before, sys.executable, "-P", "-m", launch.module),
                    *map(str, (control_read, events_write, self.spawned_ns)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(control_read, events_write, lifeline.read),
                start_new_session=True,
                env={
                    **launch.environment,
                    **dict.fromkeys(THREAD_VARIABLES, str(threads)),
                    **PRINTS_ANYTHING,
                    "PYTHONHASHSEED": "0",
                },
            )
            assert self._process.stdout is not None
            resources.callback(self._process.stdout.close)
            resources.callback(self._process.wait)
            resources.callback(self.kill)
            _RUNNING.add(self._process.pid)
            resources.callback(_RUNNING.discard, self._process.pid)
            lifeline.hold(self._process.pid)
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()
        with contextlib.suppress(OSError):  # let the kernel take the worker, not the harness
            Path(f"/proc/{self._process.pid}/oom_score_adj").write_text("800", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._resources:
            self.kill()
            self._waiter.join()
            self.kill_leftovers()

    def order(self, line: str) -> None:
        """Send one line down the control pipe; nothing happens where the worker has ended."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._control, line.encode() + b"\n")

    def events(self, tick_s: float) -> Iterator[Event | None]:
        """Events as they come, and None every `tick_s` seconds or so, until it has ended.

        A line that is no event ends the worker, and becomes a `Failed`; so does a pipe of events
        that is closed while the worker runs. `sent_after_ns` is a reading of the clock before which
        the event was not sent.
        """
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            for fd in (output, self._events, self._wake_read):
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_READ)
            ended, ticked = False, 0.0
            while not ended:
                waits_ns = time.perf_counter_ns()
                ready = [key.fd for key, _ in selector.select(tick_s)]
                if self._events not in ready:
                    self._quiet_ns = waits_ns
                ended = self._wake_read in ready
                for fd in (output, self._events) if ended else ready:
                    # A worker that has ended is read to the end, a live one a piece at a time.
                    reads_ns = time.perf_counter_ns()
                    for chunk in _chunks(fd, limit=LAST_PIECES if ended else 1):
                        if fd == self._events and not chunk and not ended:
                            yield from self._lost()
                        elif fd == self._events:
                            self.sent_after_ns, self._quiet_ns = self._quiet_ns, reads_ns
                            yield from self._parse(chunk)
                        else:
                            self._log = (self._log + chunk)[-LOG_BYTES:]
                        if not chunk and not ended:
                            selector.unregister(fd)
                if ended or time.monotonic() >= ticked + tick_s:
                    ticked = time.monotonic()
                    yield None

    def use(self) -> Use:
        """What the worker and its descendants use; no memory once it has ended."""
        try:
            worker = psutil.Process(self._process.pid)
            own = (worker, *worker.children(True))
            memory_bytes = sum(each.memory_info().rss for each in own)
            return Use(memory_bytes, sum(sum(each.cpu_times()[:4]) for each in own))
        except psutil.Error:
            return Use(0, None)

    def pause(self) -> None:
        """Let nothing of it run until `resume`; returns once it has stopped, or ended."""
        self._signal(signal.SIGSTOP)
        with contextlib.suppress(ChildProcessError):  # `_wait` takes one that ended
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def resume(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    @property
    def has_ended(self) -> bool:
        try:
            state = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # `_wait` has taken it
            return True
        return state is not None

    def kill(self) -> None:
        """Kill the worker's whole process group; nothing happens where it has ended."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def kill_leftovers(self, patience_s: float = 1.0) -> int:
        """End what the worker started and left; returns how many were still running.

        Helpers that end by themselves just after their parent are given `patience_s`. Whole
        process groups are killed, a few times over: what forks as it dies stays in its group.
        """
        _, left = psutil.wait_procs(self._descendants(), timeout=patience_s)
        found = len(left) + self._left_inside
        for _ in range(5):
            if not left:
                break
            for process in left:
                _kill_group_of(process)
            psutil.wait_procs(left, timeout=patience_s)
            left = self._descendants()
        return found

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._exit_code
        if code == LOST_PIPE:
            return LOST
        if code is not None and code < 0:
            return killed_by(-code)
        return f"ended with exit code {code} before it gave a result"

    @property
    def _exit_code(self) -> int | None:
        """Of the worker, negative where a signal ended it."""
        code = self._process.returncode
        by_signal = self._launch.before and code is not None and code > BY_SIGNAL
        return BY_SIGNAL - code if by_signal else code

    @property
    def _left_inside(self) -> int:
        """How many processes the worker left in its sandbox, which have ended with it."""
        left = (self._process.returncode or 0) - LEFT_BEHIND
        return left if self._launch.before and 0 < left <= MOST_LEFT else 0

    @property
    def log(self) -> str:
        """The end of what it printed."""
        return self._log.decode(errors="replace")

    def _wait(self) -> None:
        self._process.wait()
        self.exited_ns = time.perf_counter_ns()
        os.write(self._wake_write, b"!")

    def _parse(self, chunk: bytes) -> Iterator[Event]:
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        if len(self._partial) > MAX_LINE_BYTES:
            lines, self._partial = [*lines, self._partial], b""
        for line in lines:
            try:
                yield parse(line, self._secret)
            except NotAnEventError as error:
                self.kill()
                yield Failed(reason=f"wrote to the harness's pipe what is no event: {error}")
                return

    def _lost(self) -> Iterator[Event]:
        """What the end of the pipe of events means: that the worker ends, or that it closed it."""
        self._waiter.join(CLOSING_S)
        if self._waiter.is_alive():
            self.kill()
            yield Failed(reason=LOST)

    def _descendants(self) -> list[psutil.Process]:
        """Running processes that the worker left: orphans come to the harness (Linux)."""
        left = []
        for child in psutil.Process().children():
            if child.pid not in self._other_children | _RUNNING:
                with contextlib.suppress(psutil.Error):
                    left += [child, *child.children(recursive=True)]
        return left


@contextlib.contextmanager
def _on_core(core: int | None) -> Iterator[None]:
    """What this thread starts meanwhile stays on the core, a sandbox and all in it, too: to pin the
    worker once it runs would miss what it has started. None changes nothing."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed with these two."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write


def _chunks(fd: int, limit: int) -> Iterator[bytes]:
    """What is there to read, in at most `limit` pieces; an empty one is the end of the file."""
    for _ in range(limit):
        try:
            chunk = os.read(fd, 1 << 20)
        except BlockingIOError:
            return
        yield chunk
        if not chunk:
            return


def _kill_group_of(process: psutil.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        group = os.getpgid(process.pid)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Make this process the parent of orphaned descendants, even daemons (Linux only)."""
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
