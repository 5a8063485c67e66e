"""The first process of a sandbox: it starts the worker, and sees what that leaves behind.

`python -m bench.cell.sandbox.first CONTROL_FD EVENTS_FD SPAWNED_NS`. When it ends, the kernel ends
every process of the sandbox.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import runpy
import signal
import sys
import time
from pathlib import Path

LEFT_BEHIND = 100
"""Exit code of a sandbox whose worker ended well and left processes: this, and how many."""
MOST_LEFT = 27
BY_SIGNAL = 128
"""Exit code of one whose worker was killed by a signal: this, and its number."""

PATIENCE_S = 1.0
"""How long helpers may run that end by themselves just after the worker."""

KEYCTL = {"x86_64": 250, "aarch64": 219}
"""Numbers of that system call."""
JOIN_SESSION_KEYRING = 1


def main() -> None:
    _leave_keyring()
    with contextlib.suppress(OSError):  # let the kernel take the worker, not the harness
        Path("/proc/self/oom_score_adj").write_text("800", encoding="utf-8")
    worker = os.fork()
    if not worker:
        runpy.run_module("bench.cell.worker", run_name="__main__", alter_sys=True)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for descriptor in map(int, sys.argv[1:3]):  # or their ends would not be noticed
        os.close(descriptor)
    pid = code = 0
    while pid != worker:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
    left = _left_behind()
    if code < 0:
        code = BY_SIGNAL - code
    elif left and not code:
        code = LEFT_BEHIND + min(left, MOST_LEFT)
    os._exit(code)


def _leave_keyring() -> None:
    """A session keyring is inherited, in a sandbox too, and would take what one cell learnt to the
    next: this process and the worker get a new one, where the kernel has them and permits that."""
    if number := KEYCTL.get(platform.machine()):
        ctypes.CDLL(None).syscall(number, JOIN_SESSION_KEYRING, None)


def _left_behind() -> int:
    """How many processes are still there after a moment. Orphans come to this one."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if not ended:
            time.sleep(0.005)
    return sum(path.name.isdecimal() for path in Path("/proc").iterdir()) - 1


if __name__ == "__main__":
    main()
