"""Who may write to a store at the same time: one run on a cluster, or any number of other runs.

A run on a cluster decides as it begins what is recorded already. Runs on one machine look again
before each cell, under the lock of that machine, so they may share a folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from bench.commands.terminal import UsageError
from bench.store import RecordStore

NAME = ".cluster.lock"


def sole_run(store: RecordStore) -> contextlib.AbstractContextManager[None]:
    """Hold the store for a run on a cluster. Raises UsageError where any
    other run writes there."""
    return _held(store, fcntl.LOCK_EX, "another run")


def shared_run(store: RecordStore) -> contextlib.AbstractContextManager[None]:
    """Hold the store beside others on one machine. Raises UsageError where a
    run on a cluster writes there."""
    return _held(store, fcntl.LOCK_SH, "a run on a cluster")


@contextlib.contextmanager
def _held(store: RecordStore, how: int, other: str) -> Iterator[None]:
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
        file = os.open(store.folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _unlockable(store, error) from None
    try:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{other} writes to {store.folder}: wait for its end, or give another --out"
            ) from None
        except OSError as error:
            raise _unlockable(store, error) from None
        yield
    finally:
        os.close(file)


def _unlockable(store: RecordStore, error: OSError) -> UsageError:
    return UsageError(f"{store.folder / NAME} cannot be locked: {error.strerror}; give --out")
