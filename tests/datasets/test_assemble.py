"""The fingerprint: equal for equal triples, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.assemble import assemble
from datasets.errors import DataError
from datasets.reading.table import Table
from tests.support.ratings import dataset

TABLE = Table(
    np.array([0, 1, 0, 1]),
    np.array([0, 1, 1, 0]),
    np.array([1, 2, 3, 4], dtype=np.float32),
    np.array([5, 9]),
    np.array(["a", "b"]),
    np.array([4, 3, 2, 1]),
)


def test_order_is_by_user_then_item() -> None:
    data = assemble("x", TABLE)
    assert data.ratings.users.tolist() == [0, 0, 1, 1]
    assert data.ratings.items.tolist() == [0, 1, 0, 1]
    assert data.ratings.values.tolist() == [1, 3, 4, 2]
    assert data.timestamps is not None
    assert data.timestamps.tolist() == [4, 2, 1, 3]


@given(st.permutations(range(4)))
def test_the_order_of_rows_is_no_part_of_the_fingerprint(order: list[int]) -> None:
    shuffled = replace(
        TABLE,
        users=TABLE.users[order],
        items=TABLE.items[order],
        values=TABLE.values[order],
        timestamps=None,
    )
    assert assemble("y", shuffled).fingerprint == assemble("x", TABLE).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        replace(TABLE, values=np.array([1, 2, 3, 4.5], dtype=np.float32)),
        replace(TABLE, user_ids=np.array([5, 8])),
        replace(TABLE, user_ids=np.array(["5", "9"])),
        replace(TABLE, item_ids=np.array(["a\nb", "c"])),
        replace(TABLE, users=TABLE.items, items=TABLE.users),
        replace(TABLE, users=np.array([0, 1, 0, 0])),
    ],
    ids=["a value", "an id", "text ids", "a line break", "swapped", "fewer"],
)
def test_other_triples_have_another_fingerprint(other: Table) -> None:
    assert assemble("x", other).fingerprint != assemble("x", TABLE).fingerprint


def test_ids_that_share_their_joined_text_differ() -> None:
    one = replace(TABLE, item_ids=np.array(["a", "b\nc"]))
    other = replace(TABLE, item_ids=np.array(["a\nb", "c"]))
    assert assemble("x", one).fingerprint != assemble("x", other).fingerprint


def test_a_rating_outside_the_scale_is_refused() -> None:
    with pytest.raises(DataError, match="ratings 1 to 4; x has 0 to 3"):
        assemble("x", TABLE, (0.0, 3.0))


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        dataset().ratings.values[0] = 1
