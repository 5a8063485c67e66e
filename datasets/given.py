"""A train file and a test file of the user -> one Dataset, whose fold `given` is the test file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets import catalog
from datasets.assemble import assemble, fingerprint
from datasets.errors import DataError
from datasets.ratings import Dataset, Ids, Ratings
from datasets.reading.ids import canonical, matched
from datasets.reading.layout import AS_DETECTED, Layout
from datasets.reading.report import Reading
from datasets.reading.sources import file_source
from datasets.reading.table import read, written_ids
from datasets.splits import GIVEN


class _Common(NamedTuple):
    """The ids of either file in ascending order, and where those of each file stand in them."""

    ids: Ids
    of_train: NDArray[np.int32]
    of_test: NDArray[np.int32]


def load(train: str, test: str, layout: Layout = AS_DETECTED) -> Dataset:
    """The ratings of both files as one dataset, with the fold `given`: True for a test rating.

    train, test  the paths of two files of one layout

    An id means the same in both files. Where both have whole numbers these are compared as such;
    where only one has, the ids of both are text, as they are written. The scale is that of both
    files together, and there are timestamps where both have them.

    Raises DataError for bad input, for a pair of user and item that is in both files, and where
    no test rating is of a user and an item of the train file.
    """
    one = catalog.load(train, layout)
    source = file_source(Path(test))
    other = assemble(source.path.name, read(source, layout), whole=False, where=test)
    names = train, test
    users = _common("user", one.user_ids, other.user_ids, names, layout)
    items = _common("item", one.item_ids, other.item_ids, names, layout)
    known = np.isin(users.of_test, users.of_train)[other.ratings.users]
    known &= np.isin(items.of_test, items.of_train)[other.ratings.items]
    if not known.any():
        raise DataError(
            f"none of its {len(known):,} ratings is of a user and an item of {train}, so every "
            "implementation would predict the same for it",
            "Check that both files have the same ids",
            where=test,
        )
    return _joined(one, other, users, items, names)


def _common(role: str, train: Ids, test: Ids, names: tuple[str, str], layout: Layout) -> _Common:
    """The ids of both files, of one kind."""
    ids: list[NDArray[Any]] = [train, test]
    are_text = [each.dtype.kind == "U" for each in ids]
    if any(are_text) and not all(are_text):
        numbers = are_text.index(False)
        ids[numbers] = _as_text(role, ids[numbers], names[numbers], layout)
    elif np.uint64 in (train.dtype, test.dtype):  # with int64 the common type would be a float
        ids = [each.astype(np.uint64) for each in ids]
    every = np.union1d(*ids)
    of_train, of_test = (np.searchsorted(every, each).astype(np.int32) for each in ids)
    return _Common(every, of_train, of_test)


def _as_text(role: str, ids: Ids, name: str, layout: Layout) -> NDArray[np.str_]:
    """Whole numbers as the file writes them: `0345` stays `0345`. In the order of `ids`."""
    texts = [canonical(text) for text in written_ids(file_source(Path(name)), layout)[role]]
    written = dict(zip(matched(texts, ids).tolist(), texts, strict=True))
    return np.array([written[place] for place in range(len(ids))], np.str_)


def _joined(
    train: Dataset, test: Dataset, users: _Common, items: _Common, names: tuple[str, str]
) -> Dataset:
    """One dataset in canonical order; `names` are of the two files, for an error."""
    parts = train.ratings, test.ratings
    user_codes = np.concatenate([users.of_train[parts[0].users], users.of_test[parts[1].users]])
    item_codes = np.concatenate([items.of_train[parts[0].items], items.of_test[parts[1].items]])
    pairs = user_codes.astype(np.int64) * len(items.ids) + item_codes
    order = np.argsort(pairs, kind="stable")
    if len(twice := order[:-1][np.diff(pairs[order]) == 0]):
        user, item = users.ids[user_codes[twice[0]]], items.ids[item_codes[twice[0]]]
        raise DataError(
            f"{len(twice):,} of its {len(parts[1]):,} pairs of user and item are in {names[0]}, "
            f"too, such as {user} and {item}: a model would be tested on what it has seen",
            "Remove them from one of the files",
            where=names[1],
        )
    ratings = Ratings(
        user_codes[order],
        item_codes[order],
        np.concatenate([part.values for part in parts])[order],
        len(users.ids),
        len(items.ids),
        (min(part.scale[0] for part in parts), max(part.scale[1] for part in parts)),
    )
    times = None
    if train.timestamps is not None and test.timestamps is not None:
        times = np.concatenate([train.timestamps, test.timestamps])[order]
    return Dataset(
        f"{train.name} (test part: {test.name})",
        ratings,
        users.ids,
        items.ids,
        fingerprint(ratings, users.ids, items.ids),
        times,
        duplicates=train.duplicates + test.duplicates,
        folds={GIVEN: order >= len(parts[0])},
        reading=_both_read(train.reading, test.reading, names[1]),
    )


def _both_read(train: Reading | None, test: Reading | None, name: str) -> Reading | None:
    """How the train file was read, with what was converted or left out in the test file."""
    if train is None or test is None:
        return train
    left_out = (f"{why}, in {name}" for why in test.dropped)
    return replace(
        train,
        rows=train.rows + test.rows,
        dropped={**train.dropped, **dict(zip(left_out, test.dropped.values(), strict=True))},
        duplicate_rule=train.duplicate_rule or test.duplicate_rule,
        notes=(*train.notes, *(f"{name}: {note}" for note in test.notes)),
    )
