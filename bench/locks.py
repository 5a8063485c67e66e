"""Locks between processes: of one file's writers, and of this machine's one timed cell."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout


def writing(folder: Path) -> FileLock:
    """In a `with` block: the right to change the files of `folder`, which exists."""
    return FileLock(folder / ".lock")


@contextlib.contextmanager
def exclusive(on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold this machine's one place for a timed cell; `on_wait` is called before waiting."""
    lock = FileLock(Path(tempfile.gettempdir()) / f"ratebench-{os.getuid()}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
