"""One timed cell at a time on a machine, whoever runs it and wherever their TMPDIR is."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cell import locks
from bench.commands import doctor

WAITER = """
from pathlib import Path
import sys
from bench.cell import locks
locks.SHARED = tuple(map(Path, sys.argv[1:]))
with locks.exclusive(lambda: print("waiting", flush=True)):
    print("in", flush=True)
"""


def never() -> None:
    raise AssertionError("waited")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Two folders that all users can write, and a temporary folder of one's own."""
    folders = [tmp_path / "run-lock", tmp_path / "shm"]
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o1777)
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(locks, "SHARED", tuple(folders))
    monkeypatch.delenv(locks.APART, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "own"))
    return folders


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.usefixtures("narrow_umask")
def test_the_file_is_anybodys_whatever_the_umask(shared: list[Path]) -> None:
    lock = shared[0] / locks.NAME
    with locks.exclusive(never):
        assert held(lock)
        assert stat.S_IMODE(lock.stat().st_mode) == 0o666
    assert not held(lock)
    assert [path.name for path in shared[0].iterdir()] == [locks.NAME]
    assert locks.shortcoming() == ""


def test_a_run_with_another_tmpdir_waits(shared: list[Path], tmp_path: Path) -> None:
    with locks.exclusive(never):
        second = subprocess.Popen(
            [sys.executable, "-c", WAITER, *map(str, shared)],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert second.stdout is not None
        assert second.stdout.readline() == "waiting\n"
    assert second.stdout.readline() == "in\n"
    second.stdout.close()
    assert second.wait(timeout=10) == 0


def test_another_users_file_is_opened_without_creating_it(
    shared: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fs.protected_regular refuses O_CREAT there, and mode 0644 refuses writing."""
    (shared[0] / locks.NAME).touch(0o644)
    real = os.open

    def guarded(path: str, flags: int, *mode: int) -> int:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", guarded)
    with locks.exclusive(never):
        assert held(shared[0] / locks.NAME)
    assert locks.shortcoming() == ""


def test_a_folder_that_only_some_can_write_is_not_the_place(shared: list[Path]) -> None:
    for mode in (0o755, 0o777, 0o1775):
        shared[0].chmod(mode)
        with locks.exclusive(never):
            assert held(shared[1] / locks.NAME)
        assert not (shared[0] / locks.NAME).exists()
        assert locks.shortcoming() == ""  # it is nobody's place


def in_the_way(place: Path, what: str) -> None:
    match what:
        case "a link":
            place.symlink_to(place.parent / "victim")
        case "a link to a file":
            (place.parent / "victim").write_text("precious")
            place.symlink_to(place.parent / "victim")
        case "a folder":
            place.mkdir()
        case "a FIFO":
            os.mkfifo(place)


@pytest.mark.parametrize("what", ["a link", "a link to a file", "a folder", "a FIFO"])
def test_what_is_in_the_way_is_neither_followed_nor_waited_for(
    shared: list[Path], what: str
) -> None:
    in_the_way(shared[0] / locks.NAME, what)
    with locks.exclusive(never):
        assert held(shared[1] / locks.NAME)
    victim = shared[0] / "victim"
    assert victim.exists() == (what == "a link to a file")
    assert str(shared[0] / locks.NAME) in locks.shortcoming()


def test_a_file_that_is_removed_while_another_run_waits_is_made_anew(
    shared: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = shared[0] / locks.NAME
    real = fcntl.flock
    removed: list[bool] = []

    def flock(file: int, how: int) -> None:
        real(file, how)
        if not removed:
            lock.unlink()
            removed.append(True)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.exclusive(never):
        assert held(lock)
    assert len(removed) == 1


def test_without_a_shared_folder_each_user_has_a_lock_and_a_warning(
    shared: list[Path], tmp_path: Path
) -> None:
    for folder in shared:
        folder.chmod(0o755)
    own = tmp_path / "own" / f"ratebench-{os.getuid()}.lock"
    with locks.exclusive(never):
        assert held(own)
    assert locks.shortcoming().startswith("no folder of ")
    own.unlink()
    own.mkdir()
    with locks.exclusive(never):
        pass
    assert str(own) in locks.shortcoming()


def test_a_run_on_cores_of_its_own_may_have_a_lock_of_its_own(
    shared: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locks.APART, str(tmp_path))
    with locks.exclusive(never):
        assert held(tmp_path / locks.NAME)
    assert [*shared[0].iterdir()] == []
    assert locks.shortcoming() == ""


def test_a_folder_of_its_own_is_made_where_it_is_missing(
    shared: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locks.APART, str(tmp_path / "a" / "lock"))
    with locks.exclusive(never):
        assert held(tmp_path / "a" / "lock" / locks.NAME)
    assert locks.shortcoming() == ""


def test_who_only_asks_learns_whether_the_place_is_taken(shared: list[Path]) -> None:
    assert not locks.is_held()
    with locks.exclusive(never):
        assert locks.is_held()
    assert not locks.is_held()


def test_the_lock_is_given_back_after_an_error(shared: list[Path]) -> None:
    with pytest.raises(ZeroDivisionError), locks.exclusive(never):
        raise ZeroDivisionError
    assert not held(shared[0] / locks.NAME)


def test_doctor_says_where_only_runs_with_the_same_folder_wait(
    shared: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert doctor._lock() == ("lock", "one run at a time on this machine, for all users", "")
    monkeypatch.setenv(locks.APART, str(tmp_path))
    assert doctor._lock() == (
        "lock",
        f"in {tmp_path}, by RATEBENCH_LOCK",
        "! RATEBENCH_LOCK is set: runs wait only for those that use the same folder",
    )
    monkeypatch.setenv(locks.APART, str(tmp_path / "file" / "lock"))
    (tmp_path / "file").touch()
    assert doctor._lock()[2].startswith("! runs of other users")


def test_a_wait_ends_where_nobody_wants_the_place_any_more(shared: list[Path]) -> None:
    looks: list[str] = []

    def wanted() -> None:
        looks.append("look")
        if len(looks) == 2:
            raise InterruptedError

    with (
        locks.exclusive(never),
        pytest.raises(InterruptedError),
        locks.exclusive(lambda: None, wanted),
    ):
        raise AssertionError("two at once")
    with locks.exclusive(never, never):
        pass


def test_a_wait_that_is_wanted_ends_with_the_place(
    shared: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = locks.exclusive(never)
    other.__enter__()
    monkeypatch.setattr("time.sleep", lambda _: other.__exit__(None, None, None))
    with locks.exclusive(lambda: None, lambda: None):
        pass
