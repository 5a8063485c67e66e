"""Datasets and splits as cells need them: named facts for the plan, arrays for the workers."""

from __future__ import annotations

import functools
import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.job import write_split
from bench.records import Data
from bench.score import ColdStart
from datasets import catalog, splits
from datasets.ratings import Dataset, HeldOut

NO_RATINGS = HeldOut(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


@dataclass(frozen=True)
class Facts:
    """What a record says of its data, and the catalog's target RMSEs ((): none known)."""

    data: Data
    goals: tuple[float, ...]


@dataclass(frozen=True)
class Prepared:
    """One split, laid out in `folder` for workers; its test ratings stay in this process.

    digest  of the folder as it was laid out
    """

    folder: tempfile.TemporaryDirectory[str]
    n_users: int
    n_items: int
    n_train: int
    test: HeldOut
    cold_start: ColdStart
    digest: str


@functools.lru_cache(maxsize=2)
def load(name: str) -> Dataset:
    """The dataset; the last two are kept, for a plan needs each again for its splits."""
    return catalog.load(name)


def facts(name: str, note: str = "") -> Facts:
    """Load a dataset and say what it is. Raises DataError."""
    dataset = load(name)
    ratings = dataset.ratings
    data = Data(
        fingerprint=dataset.fingerprint,
        n_users=ratings.n_users,
        n_items=ratings.n_items,
        n_ratings=len(ratings),
        scale=ratings.scale,
        duplicates=dataset.duplicates,
        floor=dataset.floor,
        note=note,
    )
    entry = catalog.CATALOG.get(name)
    return Facts(data, tuple(entry.goals) if entry else ())


def check_split(dataset: str, split: str) -> None:
    """Cut once, for the errors alone: DataError where the name or the data will not do."""
    splits.cut(load(dataset), split, seed=0)


@dataclass
class Splits:
    """Cuts each split once and keeps it while cells of its seed run.

    blind  leaves the test part empty, so that nothing can be chosen by it
    """

    blind: bool = False
    _seed: int | None = None
    _prepared: dict[tuple[str, str], Prepared] = field(default_factory=dict)

    def prepare(self, dataset: str, split: str, seed: int) -> Prepared:
        """The split's arrays on disk, and what scoring needs. Raises DataError."""
        if seed != self._seed:
            self.discard()
            self._seed = seed
        key = (dataset, split)
        if key not in self._prepared:
            self._prepared[key] = _prepare(dataset, split, seed, self.blind)
        return self._prepared[key]

    def are_intact(self) -> bool:
        """Whether every folder holds what was laid out and nothing more.

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


def _prepare(dataset: str, split: str, seed: int, blind: bool) -> Prepared:
    cut = splits.cut(load(dataset), split, seed)
    folder = tempfile.TemporaryDirectory(prefix="ratebench-")
    write_split(cut, Path(folder.name))
    return Prepared(
        folder,
        cut.train.n_users,
        cut.train.n_items,
        len(cut.train),
        NO_RATINGS if blind else cut.test,
        ColdStart(cut.train),
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
