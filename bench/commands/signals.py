"""Signals that end a verb: it unwinds as after Ctrl-C, so that nothing of it is left."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

UNWINDING_S = 10.0
"""How long further signals are ignored: `timeout` sends two, and whoever is impatient more. Later
ones unwind again, for code under test may have swallowed the first."""


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
