"""Locks between processes: of one file's writers, and of this machine's one timed cell."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

SHARED = (Path("/run/lock"), Path("/dev/shm"), Path("/tmp"))
"""Folders that all users of a machine can write, whatever TMPDIR says."""
APART = "RATEBENCH_LOCK"
"""A variable that names another folder: of runs that are on cores of their own, or are tests. It is
made where it is missing."""
NAME = "ratebench.lock"
LOOK_S = 0.2
"""From one look to the next of who waits in a thread, where no signal comes."""
ANYBODY = 0o666
STICKY_AND_OPEN = stat.S_ISVTX | stat.S_IRWXO


def writing(folder: Path) -> FileLock:
    """In a `with` block: the right to change the files of `folder`, which exists."""
    return FileLock(folder / ".lock")


@contextlib.contextmanager
def exclusive(
    on_wait: Callable[[], None], wanted: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold this machine's one place for a timed cell; `on_wait` is called before waiting.

    The place is the same for all users, unless `shortcoming` says otherwise.

    wanted  is called every `LOOK_S` of the wait, and ends it by raising; None where only a signal
            ends it
    """
    file = _locked(on_wait, wanted)
    try:
        yield
    finally:
        os.close(file)


def is_held() -> bool:
    """Whether a run times a cell on this machine now."""
    file, *_ = _opened()
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def shortcoming() -> str:
    """Why runs of other users would not wait for one of this user's; "" where they do."""
    file, reasons, shared = _opened()
    os.close(file)
    if shared and not reasons:
        return ""
    return "; ".join(reasons) or f"no folder of {', '.join(map(str, SHARED))} is open to all users"


def _locked(on_wait: Callable[[], None], wanted: Callable[[], None] | None) -> int:
    """A descriptor of the lock file, held until it is closed."""
    waited = False
    while True:
        file, *_ = _opened()
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    on_wait()
                    waited = True
                _wait_for(file, wanted)
        except BaseException:
            os.close(file)
            raise
        # Whoever cleans up a temporary folder may have removed the file meanwhile: the next run
        # would open another one, and not wait for this.
        if os.fstat(file).st_nlink:
            return file
        os.close(file)


def _wait_for(file: int, wanted: Callable[[], None] | None) -> None:
    if wanted is None:
        fcntl.flock(file, fcntl.LOCK_EX)
        return
    while True:
        wanted()
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOOK_S)


def _opened() -> tuple[int, list[str], bool]:
    """A descriptor of the lock file; why files before it cannot be had; whether all users share it.

    It is in the first folder that all users can write, so that all look for it in one place. Where
    there is none it is this user's own, and at the very last a device that is always there.
    """
    reasons: list[str] = []
    apart = os.environ.get(APART)
    for folder in (Path(apart),) if apart else SHARED:
        if not (apart or _open_to_all(folder)):
            continue
        try:
            if apart:
                folder.mkdir(parents=True, exist_ok=True)
            return _open(folder / NAME), reasons, True
        except OSError as error:
            reasons.append(f"{folder / NAME}: {error.strerror or error}")
    try:
        return _open(Path(tempfile.gettempdir()) / f"ratebench-{os.getuid()}.lock"), reasons, False
    except OSError as error:
        reasons.append(f"{error.filename or 'temporary folder'}: {error.strerror or error}")
        return os.open(os.devnull, os.O_RDONLY), reasons, False


def _open_to_all(folder: Path) -> bool:
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and mode & STICKY_AND_OPEN == STICKY_AND_OPEN


def _open(path: Path) -> int:
    """A descriptor of the regular file `path`, which is made for anybody where it is missing.

    It is never opened with O_CREAT: the kernel refuses that for another user's file in a sticky
    folder (fs.protected_regular), and it would follow what somebody put there in its place.
    Reading is enough to lock it.
    """
    for _ in range(3):  # it may vanish between the two steps
        with contextlib.suppress(FileNotFoundError):
            return _regular(path)
        _make(path)
    return _regular(path)


def _regular(path: Path) -> int:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(f"{path} is not a regular file")
    return file


def _make(path: Path) -> None:
    """An empty file that anybody may read and write, at once with that mode, whatever the umask;
    one that somebody else made meanwhile stays."""
    new, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        os.fchmod(new, ANYBODY)
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.close(new)
        os.unlink(name)  # noqa: PTH108
