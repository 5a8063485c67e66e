"""Child processes that cannot outlive this one, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from typing import Self


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
