"""Temporary folders: whose owner is gone they go, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datasets import temporary
from datasets.temporary import PREFIX, TemporaryFolder, remove_left

OWNER = """
from datasets.temporary import TemporaryFolder
folder = TemporaryFolder()
print(folder.name, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are, in this process and in those that it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def owner() -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process with a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().decode().strip())
        process.kill()


def test_a_folder_goes_with_its_block(place: Path) -> None:
    with TemporaryFolder() as folder:
        (Path(folder.name) / "file").touch()
        assert [path.name for path in place.iterdir()] == [Path(folder.name).name]
    assert not list(place.iterdir())
    folder.cleanup()  # again


def nest(folder: Path) -> None:
    """Deeper than Python's own removal can go, and than a path can be written."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=here)
        deeper = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)


def forbid(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "file").touch()
    (folder / "inner").chmod(0)


def put_a_link(folder: Path) -> None:
    folder.rmdir()
    folder.symlink_to("elsewhere")


def put_a_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


@pytest.mark.skipif(sys.platform != "linux", reason="a folder's own place is known on Linux alone")
@pytest.mark.parametrize(
    "harm",
    [nest, forbid, put_a_link, put_a_file, lambda folder: folder.rename(folder.parent / "moved")],
)
def test_a_folder_goes_whatever_was_done_to_it(place: Path, harm: Callable[[Path], object]) -> None:
    with TemporaryFolder() as folder:
        harm(Path(folder.name))
    assert not list(place.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_holds_is_not() -> None:
    with owner() as (killed, left), owner() as (_, held):
        (left / "inner").mkdir()
        (left / "inner" / "file").touch()
        assert remove_left() == []
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert remove_left() == [left]
        assert not left.exists()
        assert held.is_dir()


def test_the_first_folder_of_a_process_removes_what_was_left(place: Path) -> None:
    left = place / f"{PREFIX}left"
    left.mkdir()
    temporary._remove_left_once.cache_clear()
    with TemporaryFolder():
        assert not left.exists()


def test_links_files_and_what_has_another_name_stay(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    (place / f"{PREFIX}file").touch()
    (place / "ratebench-unlocked").mkdir()  # of a version that held no lock
    assert remove_left() == []
    assert (elsewhere / "file").exists()
    assert len(list(place.iterdir())) == 4


def test_a_link_in_a_folder_is_not_followed(place: Path) -> None:
    elsewhere, left = place / "elsewhere", place / f"{PREFIX}left"
    for folder in (elsewhere, left):
        folder.mkdir()
    (elsewhere / "file").touch()
    (left / "link").symlink_to(elsewhere)
    assert remove_left() == [left]
    assert (elsewhere / "file").exists()


def test_another_users_folder_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / f"{PREFIX}left").mkdir()
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    assert remove_left() == []


def test_a_folder_that_was_taken_before_it_was_locked_is_made_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def lock(descriptor: int, operation: int) -> None:
        made.append(*(path.name for path in place.iterdir()))
        if len(made) == 1:
            (place / made[0]).rmdir()

    monkeypatch.setattr(temporary.fcntl, "flock", lock)
    with TemporaryFolder() as folder:
        assert Path(folder.name).is_dir()
        assert len(made) == 2
