"""Splits as cells need them: arrays for the workers, and what scoring needs."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from bench.cell.job import StorageError, write_split
from bench.planning.facts import Loader
from bench.score import ColdStart, Slicing, slicings
from datasets import splits
from datasets.ratings import HeldOut, Split
from datasets.temporary import TemporaryFolder

NO_RATINGS = HeldOut(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True)
class Prepared:
    """One split, laid out in `folder` for workers; its test ratings stay in this process.

    slicings  how accuracy is divided over the test ratings
    files     size and digest of each file in the folder, as it was laid out
    """

    folder: TemporaryFolder
    n_users: int
    n_items: int
    n_train: int
    test: HeldOut
    cold_start: ColdStart
    slicings: list[Slicing]
    files: Mapping[str, tuple[int, bytes]]


@dataclass
class Splits:
    """Cuts each split once and stores it while cells of its seed run.

    loader  of the datasets: the plan's own, which has read them
    blind   leaves the test part empty, so that nothing can be chosen by it
    seed    of every cut; None for each cell's own
    """

    loader: Loader = field(default_factory=Loader)
    blind: bool = False
    seed: int | None = None
    _seed: int | None = None
    _prepared: dict[tuple[str, str], Prepared] = field(default_factory=dict)

    def prepare(self, dataset: str, split: str, seed: int) -> Prepared:
        """The split's arrays on disk, and what scoring needs. Raises DataError or StorageError."""
        seed = seed if self.seed is None else self.seed
        if seed != self._seed:
            self.discard()
            self._seed = seed
        key = (dataset, split)
        if key not in self._prepared:
            cut = splits.cut(self.loader.load(dataset), split, seed)
            self._prepared[key] = _prepare(cut, self.blind)
        return self._prepared[key]

    def are_intact(self) -> bool:
        """Whether every folder has exactly the files that were written.

        Its files belong to the user whom the workers run as, so permissions would not hold.
        """
        return all(
            _holds(Path(prepared.folder.name), prepared.files)
            for prepared in self._prepared.values()
        )

    def discard(self) -> None:
        """Delete what is laid out for workers."""
        for prepared in self._prepared.values():
            prepared.folder.cleanup()
        self._prepared.clear()


def _prepare(cut: Split, blind: bool) -> Prepared:
    try:
        folder = TemporaryFolder()
    except OSError as error:
        raise StorageError(f"the harness has no temporary folder: {error.strerror}") from error
    try:
        write_split(cut, Path(folder.name))
        files = {path.name: _contents(path) for path in Path(folder.name).iterdir()}
    except StorageError:
        folder.cleanup()
        raise
    except OSError as error:
        folder.cleanup()
        raise StorageError(f"{error.filename or folder.name}: {error.strerror}") from error
    return Prepared(
        folder,
        cut.train.n_users,
        cut.train.n_items,
        len(cut.train),
        NO_RATINGS if blind else cut.test,
        ColdStart(cut.train),
        [] if blind else slicings(cut),
        files,
    )


def _holds(folder: Path, files: Mapping[str, tuple[int, bytes]]) -> bool:
    """Whether the folder has these files and nothing else. Nothing else is read: what a row puts
    there may have no end, or a name that is no text."""
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in islice(entries, len(files) + 1)}
        return names == files.keys() and all(
            _contents(folder / name, at_most=files[name][0]) == files[name] for name in names
        )
    except OSError:
        return False


def _contents(path: Path, at_most: int | None = None) -> tuple[int, bytes]:
    """Size and digest of a regular file, read where it has `at_most` so many bytes."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode) or (at_most is not None and state.st_size > at_most):
            return state.st_size, b""
        return state.st_size, hashlib.file_digest(opened, "sha256").digest()
