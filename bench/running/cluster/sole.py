"""One run on a cluster at a time for a store: it decides what is recorded already as it begins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout

from bench.commands.terminal import UsageError
from bench.store import RecordStore

NAME = ".cluster.lock"


@contextlib.contextmanager
def sole_run(store: RecordStore) -> Iterator[None]:
    """Hold the store, whose folder exists. Raises UsageError where another run does."""
    lock = FileLock(store.folder / NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another run on a cluster writes to {store.folder}: wait for its end, or give --out"
        ) from None
    try:
        yield
    finally:
        lock.release()
