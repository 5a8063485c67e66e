"""Temporary folders that outlive no owner: one that was killed leaves them to the next run."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "ratebench-held-"
"""Of folders whose owner holds a lock on them. A version that did not lock them had another."""


class TemporaryFolder:
    """A new folder, gone after the `with` block, after `cleanup`, or with the object.

    The process holds a lock on the folder itself, which ends with it however it ends: so another
    process can tell that nobody owns a folder, and the first one that a process makes removes what
    others left. Only folders of this user's are looked at, and no links are followed.
    """

    def __init__(self) -> None:
        _remove_left_once()
        self.name, lock = _new()
        self._finalize = weakref.finalize(self, _remove, self.name, lock)

    def cleanup(self) -> None:
        """Remove it now."""
        self._finalize()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cleanup()


def remove_left() -> list[Path]:
    """Remove the folders whose owner has ended; returns them."""
    removed = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
            lock = _lock(path)
            if lock is not None:
                _remove(str(path), lock)
                removed.append(path)
    return removed


@functools.cache
def _remove_left_once() -> None:
    remove_left()


def _new() -> tuple[str, int]:
    """A new folder, and the descriptor that holds its lock."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        # Before it is locked, another process may take it for one that was left.
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with contextlib.suppress(OSError):  # a file system without locks: nobody can remove it
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.is_dir():
            return str(path), descriptor
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock of a folder that was left; None where it has an owner, is
    another user's, or is no folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _remove(name: str, lock: int) -> None:
    """Remove what is in its place and, where that was moved away, the folder itself."""
    for path in {name, _place(name, lock)}:
        with contextlib.suppress(OSError):  # a link or a file that came in its place
            os.unlink(path)  # noqa: PTH108
        with contextlib.suppress(RecursionError):
            shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):  # too deep for Python, or without the right to list a folder
            for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
                subprocess.run([*command, "--", path], stderr=subprocess.DEVNULL)
    os.close(lock)


def _place(name: str, lock: int) -> str:
    """Where the folder is now, as Linux reports it."""
    with contextlib.suppress(OSError):
        place = os.readlink(f"/proc/self/fd/{lock}")  # noqa: PTH115
        if os.path.samestat(os.stat(place), os.fstat(lock)):  # noqa: PTH116
            return place
    return name
