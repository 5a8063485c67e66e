"""Splits as cells need them: arrays for the workers, and what scoring needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
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
    digest    of the folder as it was laid out
    """

    folder: TemporaryFolder
    n_users: int
    n_items: int
    n_train: int
    test: HeldOut
    cold_start: ColdStart
    slicings: list[Slicing]
    digest: str


@dataclass
class Splits:
    """Cuts each split once and stores it while cells of its seed run.

    loader  of the datasets: the plan's own, which has read them
    blind   leaves the test part empty, so that nothing can be chosen by it
    """

    loader: Loader = field(default_factory=Loader)
    blind: bool = False
    _seed: int | None = None
    _prepared: dict[tuple[str, str], Prepared] = field(default_factory=dict)

    def prepare(self, dataset: str, split: str, seed: int) -> Prepared:
        """The split's arrays on disk, and what scoring needs. Raises DataError or StorageError."""
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
            _digest(Path(prepared.folder.name)) == prepared.digest
            for prepared in self._prepared.values()
        )

    def discard(self) -> None:
        """Delete what is laid out for workers."""
        for prepared in self._prepared.values():
            prepared.folder.cleanup()
        self._prepared.clear()


def _prepare(cut: Split, blind: bool) -> Prepared:
    folder = TemporaryFolder()
    try:
        write_split(cut, Path(folder.name))
    except StorageError:
        folder.cleanup()
        raise
    return Prepared(
        folder,
        cut.train.n_users,
        cut.train.n_items,
        len(cut.train),
        NO_RATINGS if blind else cut.test,
        ColdStart(cut.train),
        [] if blind else slicings(cut),
        _digest(Path(folder.name)),
    )


def _digest(folder: Path) -> str:
    """Of the names and contents of a folder's files; of none where it is gone."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
