"""Child processes that cannot outlive this one, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Self

CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS")
"""Signals that a process gets for what it does itself."""


class Lifeline:
    """A pipe that nobody writes to: where this process ends, even by SIGKILL, the kernel closes it
    and, on Linux, sends SIGKILL to a whole process group. So it reaches children that are stopped,
    that hold Python's lock for ever, or whose own parent has ended.

    PR_SET_PDEATHSIG would reach one process alone, and when a thread ends rather than a process.

    read  the end that the group is to inherit: it lasts as long as one of the two has it
    """

    def __init__(self) -> None:
        self.read, self._write = os.pipe()

    def hold(self, group: int) -> None:
        """Let it be this process group, which exists."""
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # it has ended already
                fcntl.fcntl(self.read, fcntl.F_SETOWN, -group)
                fcntl.fcntl(self.read, fcntl.F_SETSIG, signal.SIGKILL)
                flags = fcntl.fcntl(self.read, fcntl.F_GETFL)
                fcntl.fcntl(self.read, fcntl.F_SETFL, flags | os.O_ASYNC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go: the group is over, and the kernel would kill what is left of it."""
        os.close(self.read)
        os.close(self._write)


def held_call(command: Sequence[str], timeout_s: float, environment: Mapping[str, str]) -> int:
    """Run a command without input or output in a session of its own; returns its exit code, as
    subprocess has it. What it leaves in its group is ended.

    Raises OSError, and TimeoutExpired where it has not ended in time.
    """
    with Lifeline() as lifeline:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lifeline.read,),
            start_new_session=True,
            env=environment,
        )
        try:
            lifeline.hold(process.pid)
            return process.wait(timeout_s)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def killed_by(number: int) -> str:
    """What a signal means that ended a process."""
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time one
        return f"killed by signal {number} from outside"
    if name in CRASHES:
        return f"crashed with {name} ({signal.strsignal(number)})"
    if number == signal.SIGXCPU:
        return f"killed by {name}: the limit on CPU time that `ulimit -t` shows"
    by_kernel = " (or by the kernel, because memory ran out)" * (number == signal.SIGKILL)
    return f"killed by {name} from outside{by_kernel}"
