"""What a plan must know of a dataset: its counts, its fingerprint, its goal RMSEs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.records import Data
from datasets import catalog, given, splits
from datasets.catalog import CATALOG
from datasets.errors import DataError
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
    n_test   ratings that are from a test file of their own
    """

    data: Data
    goals: tuple[float, ...]
    reading: Reading | None = None
    times: tuple[int, int] | None = None
    n_test: int = 0

    def split_by(self, digest: str) -> Facts:
        """The facts of a split that depends on more than the ratings (`splits.decided_by`)."""
        return replace(self, data=self.data.model_copy(update={"split_digest": digest}))


@dataclass
class Loader:
    """Loads datasets for one command: files by `layout`, those of the catalog by their own.

    The last two are kept, since a plan needs each again for its splits.

    test    the file of the test ratings that every dataset has beside its own; "" for none
    copies  where files are that are not under their names here, by these
    """

    layout: Layout = AS_DETECTED
    test: str = ""
    copies: Mapping[str, str] = field(default_factory=dict)
    _recent: dict[str, Dataset] = field(default_factory=dict)

    def load(self, name: str) -> Dataset:
        """A dataset by its name in the catalog or the path of its file. Raises DataError."""
        dataset = self._recent.pop(name, None)
        if dataset is None:
            while len(self._recent) >= RECENT:
                del self._recent[next(iter(self._recent))]
            layout, path = self._layout_of(name), self.copies.get(name, name)
            if self.test:
                dataset = given.load(path, self.copies.get(self.test, self.test), layout)
            else:
                dataset = catalog.load(path, layout)
            # As the user names it, for errors: a cached dataset has the name of its entry.
            dataset = replace(dataset, name=name)
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
            test=self.test,
        )
        return Facts(
            data,
            tuple(CATALOG[name].goals) if name in CATALOG else (),
            reading,
            None if times is None else (int(times.min()), int(times.max())),
            int(dataset.folds[splits.GIVEN].sum()) if self.test else 0,
        )

    def check_split(self, dataset: str, split: str) -> str:
        """Cut once, so that an error is found early, and return the digest of what else than the
        ratings decides the split. DataError where the name or the data will not do, and for a
        split that reads the test part: suites alone plan these, beside the split itself."""
        if (fair := splits.beneath(split)) != split:
            raise DataError(
                f"split {split} reads the test part in training",
                f"Use {fair}; only --suite published reads it, in fits that count nowhere else",
            )
        splits.cut(self.load(dataset), split, seed=0)
        return splits.decided_by(self.load(dataset), split)

    def _layout_of(self, name: str) -> Layout:
        return AS_DETECTED if name in CATALOG else self.layout
