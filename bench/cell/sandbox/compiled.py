"""What compilers store, so that the next cell of a row need not compile: without a way from cell
to cell.

A worker gets a copy of what is stored for its row, and what it adds is thrown away with it. If it
did add something, the row is run once on random ratings before its next cell, and what that
compiles is stored. So no stored file was written by a process that had ratings.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets import cache

VARIABLES = (
    *("NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "CUDA_CACHE_PATH"),
    *("XDG_CACHE_HOME", "MPLCONFIGDIR"),
)
"""Each names the folder of one library; the last two are of many."""

State = dict[str, tuple[int, int]]
"""Name of a file below the folder -> its size and time."""


@dataclass(frozen=True)
class Compiled:
    """What is stored for a class on a kind of device, and its source.

    numba compares the file of a stored function with that of today, but not those of the functions
    that it calls: without the digest, a kernel that was changed there would go on as it was.
    """

    class_path: str
    device: str
    source: str

    @property
    def folder(self) -> Path:
        return self._of_any_source / digest(self.source)

    @property
    def _of_any_source(self) -> Path:
        return cache.folder() / "compiled" / digest(f"{self.class_path} {self.device}")

    @property
    def is_wanted(self) -> bool:
        """Whether a cell compiled what is not stored."""
        return self._mark.exists()

    def want(self) -> None:
        """Note that a cell did. It goes unnoted where the cache folder cannot be written."""
        with contextlib.suppress(OSError):
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.touch()

    def lay_out(self, place: Path) -> None:
        """Copy what is stored to a folder for a worker, as far as there is room."""
        with contextlib.suppress(OSError):
            copy(self.folder, place)

    def store(self, place: Path) -> None:
        """Store what a process without ratings compiled."""
        new = self._of_any_source.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            copy(place, new / self.folder.name)
            shutil.rmtree(self._of_any_source, ignore_errors=True)
            new.rename(self._of_any_source)
        shutil.rmtree(new, ignore_errors=True)

    @property
    def _mark(self) -> Path:
        return self.folder.with_suffix(".wanted")


def digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def environment(place: Path) -> dict[str, str]:
    """What makes libraries use the folder."""
    return {name: str(place / name.lower()) for name in VARIABLES}


def state(place: Path) -> State:
    """What there is now, to notice later what was added."""
    return {
        str(path.relative_to(place)): (it.st_size, it.st_mtime_ns)
        for path in files(place)
        if (it := path.stat(follow_symlinks=False))
    }


def files(place: Path) -> Iterator[Path]:
    """Every file of a folder, and none to which a link leads: a row may have made that."""
    folders = [place]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in files(source):
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to, follow_symlinks=False)
