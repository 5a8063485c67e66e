"""What a plan must know of a dataset: its counts, its fingerprint, its goal RMSEs."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from bench.records import Data
from datasets import catalog, splits
from datasets.ratings import Dataset


@dataclass(frozen=True)
class Facts:
    """A record's description of its data, and the catalog's goal RMSEs ((): none known)."""

    data: Data
    goals: tuple[float, ...]


@functools.lru_cache(maxsize=2)
def load(name: str) -> Dataset:
    """The dataset; the last two are cached, since a plan needs each again for its splits."""
    return catalog.load(name)


def facts(name: str, note: str = "") -> Facts:
    """Load a dataset and describe it. Raises DataError."""
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
