"""The types that every part of the project shares: ratings, held-out ratings, a split."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasets.reading.report import Reading

Ids = NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.str_]
"""Ids of a source: numbers where all are, else text."""

UNKNOWN = -1
"""The id of a held-out user or item that does not occur in training."""


@dataclass(frozen=True)
class Ratings:
    """Ratings as coordinate triples with contiguous ids. Arrays are read-only.

    users   int32 (n,)    in 0 … n_users − 1
    items   int32 (n,)    in 0 … n_items − 1
    values  float32 (n,)  inside `scale`
    scale   (lowest, highest) rating that the source allows

    Raises ValueError when the arrays differ in length, an id is out of range,
    or a value is not finite.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]
    n_users: int
    n_items: int
    scale: tuple[float, float]

    def __post_init__(self) -> None:
        _freeze(self, users=np.int32, items=np.int32, values=np.float32)
        for name, ids, size in (
            ("users", self.users, self.n_users),
            ("items", self.items, self.n_items),
        ):
            if len(ids) and not (ids.min() >= 0 and ids.max() < size):
                raise ValueError(f"{name} holds ids outside 0 … {size - 1}")
        if not np.isfinite(self.values).all():
            raise ValueError("values holds NaN or infinite ratings")

    def __len__(self) -> int:
        return len(self.values)

    def sample(self, n: int, seed: int) -> Ratings:
        """`n` ratings drawn without replacement, with new contiguous ids."""
        rows = np.random.default_rng(seed).choice(len(self), min(n, len(self)), replace=False)
        user_ids, users = np.unique(self.users[rows], return_inverse=True)
        item_ids, items = np.unique(self.items[rows], return_inverse=True)
        return Ratings(
            users.astype(np.int32),
            items.astype(np.int32),
            self.values[rows],
            len(user_ids),
            len(item_ids),
            self.scale,
        )


@dataclass(frozen=True)
class HeldOut:
    """Ratings that are not in training, in the training part's ids; `UNKNOWN` where it has none.

    users int32 (n,), items int32 (n,), values float32 (n,); read-only.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        _freeze(self, users=np.int32, items=np.int32, values=np.float32)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where both the user and the item occur in training. (n,)"""
        known: NDArray[np.bool_] = (self.users != UNKNOWN) & (self.items != UNKNOWN)
        return known


@dataclass(frozen=True)
class Split:
    """One cut of a dataset. `user_ids[u]` is the source's id of training user `u`.

    test_times  int64 (n_test,) seconds; None where the split is not one in time
    """

    name: str
    seed: int
    train: Ratings
    validation: HeldOut
    test: HeldOut
    user_ids: Ids
    item_ids: Ids
    test_times: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Dataset:
    """A whole ratings file in canonical order: sorted by source user id, then item id.

    The order does not depend on the container, so equal triples give equal splits.

    user_ids, item_ids  the source's ids, sorted; int64 where all are integers, else str
    timestamps          int64 (n,) seconds, or None where the source has none
    moments             int64 (n,), the times at the source's own resolution where that is finer
                        than seconds, else None
    fingerprint         hex digest of the (user, item, rating) triples
    duplicates          pairs rated again later in the file; the last one counts
    floor               irreducible RMSE where it is known (synthetic sets), else None
    folds               official test folds: name -> bool (n,), True for a test rating
    reading             how its file was read; None where it was not read from a file
    """

    name: str
    ratings: Ratings
    user_ids: Ids
    item_ids: Ids
    fingerprint: str
    timestamps: NDArray[np.int64] | None = None
    duplicates: int = 0
    floor: float | None = None
    folds: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    reading: Reading | None = None
    moments: NDArray[np.int64] | None = None

    @property
    def order(self) -> NDArray[np.int64] | None:
        """By which the ratings are ordered in time. (n,); None without timestamps."""
        return self.timestamps if self.moments is None else self.moments


def _freeze(owner: Ratings | HeldOut, **dtypes: type) -> None:
    """Cast each named array of a frozen dataclass, check lengths, make it read-only."""
    lengths = set()
    for name, dtype in dtypes.items():
        array: NDArray[np.generic] = np.ascontiguousarray(getattr(owner, name), dtype=dtype)
        if array.flags.writeable:
            array = array.view()
            array.flags.writeable = False
        object.__setattr__(owner, name, array)
        lengths.add(array.shape)
    if len(lengths) != 1:
        raise ValueError(f"{', '.join(dtypes)} differ in shape: {sorted(lengths)}")
