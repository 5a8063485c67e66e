"""What a plan must know of a dataset: its counts, its fingerprint, its goal RMSEs."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.records import Data
from datasets import catalog, splits
from datasets.catalog import CATALOG
from datasets.ratings import Dataset
from datasets.reading.layout import AS_DETECTED, Layout
from datasets.reading.report import Reading

RECENT = 2
"""Datasets that a loader keeps."""


@dataclass(frozen=True)
class Facts:
    """A record's description of its data, and what is not recorded.

    goals    goal RMSEs of the catalog; () where none is known
    reading  how the file was read; None where the dataset was not read from one
    times    first and last timestamp in seconds, or None where the source has none
    """

    data: Data
    goals: tuple[float, ...]
    reading: Reading | None = None
    times: tuple[int, int] | None = None


@dataclass
class Loader:
    """Loads datasets for one command: files by `layout`, those of the catalog by their own.

    The last two are kept, since a plan needs each again for its splits.
    """

    layout: Layout = AS_DETECTED
    _recent: dict[str, Dataset] = field(default_factory=dict)

    def load(self, name: str) -> Dataset:
        """A dataset by its name in the catalog or the path of its file. Raises DataError."""
        dataset = self._recent.pop(name, None)
        if dataset is None:
            while len(self._recent) >= RECENT:
                del self._recent[next(iter(self._recent))]
            dataset = catalog.load(name, self._layout_of(name))
        self._recent[name] = dataset
        return dataset

    def facts(self, name: str, note: str = "") -> Facts:
        """Load a dataset and describe it. Raises DataError."""
        dataset = self.load(name)
        ratings, times, reading = dataset.ratings, dataset.timestamps, dataset.reading
        data = Data(
            fingerprint=dataset.fingerprint,
            n_users=ratings.n_users,
            n_items=ratings.n_items,
            n_ratings=len(ratings),
            scale=ratings.scale,
            duplicates=dataset.duplicates,
            duplicate_rule=reading.duplicate_rule if reading else "",
            floor=dataset.floor,
            note=note,
            options=self._layout_of(name).options(),
        )
        return Facts(
            data,
            tuple(CATALOG[name].goals) if name in CATALOG else (),
            reading,
            None if times is None else (int(times.min()), int(times.max())),
        )

    def check_split(self, dataset: str, split: str) -> None:
        """Cut once, for the errors alone: DataError where the name or the data will not do."""
        splits.cut(self.load(dataset), split, seed=0)

    def _layout_of(self, name: str) -> Layout:
        return AS_DETECTED if name in CATALOG else self.layout
