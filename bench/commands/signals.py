"""Signals that end a verb: it unwinds as after Ctrl-C, so that nothing of it is left. And libraries
that cannot be imported, for nothing here imports one."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

UNWINDING_S = 10.0
"""How long further signals are ignored: `timeout` sends two, and whoever is impatient more. Later
ones unwind again, for code under test may have swallowed the first."""


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """End with a line and exit code 2 where a library cannot be imported; as after Ctrl-C where its
    import is interrupted, as OpenBLAS does itself where it can start no thread."""
    try:
        yield
    except ImportError as error:
        print(f"error: {import_problem(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


def import_problem(error: ImportError) -> str:
    """One line: NumPy's own message has the cause in the last of many."""
    *_, cause = str(error).strip().splitlines() or [""]
    return f"a library cannot be imported: {cause}"


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Raise KeyboardInterrupt for a signal that ends the process, and SystemExit at the end of the
    `with` block, whose code is the shell's: 128 and the signal's number.

    What was ignored, as SIGHUP is under nohup, still is. After the block the handlers stay and do
    nothing, for the process is about to clean up and end.
    """
    first, over = 0, False
    raised = float("-inf")

    def interrupt(number: int, _: object) -> None:
        nonlocal first, raised
        first = first or number
        if not over and time.monotonic() >= raised + UNWINDING_S:
            raised = time.monotonic()
            raise KeyboardInterrupt

    for each in ENDING:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, interrupt)
    try:
        yield
    finally:
        over = True
        if first:
            raise SystemExit(128 + first) from None
