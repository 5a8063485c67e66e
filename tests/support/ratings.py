"""Small datasets, archives and catalog entries for tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from datasets import catalog
from datasets.assemble import assemble
from datasets.ratings import Dataset
from datasets.reading.table import Table


def dataset(n_users: int = 12, n_items: int = 9, n: int = 60, *, seed: int = 0) -> Dataset:
    """`n` distinct pairs with ids that are neither contiguous nor start at 0, and times."""
    rng = np.random.default_rng(seed)
    pairs = rng.choice(n_users * n_items, n, replace=False)
    users, items = np.divmod(pairs, n_items)
    user_ids, user_codes = np.unique(users, return_inverse=True)
    item_ids, item_codes = np.unique(items, return_inverse=True)
    table = Table(
        user_codes,
        item_codes,
        rng.integers(1, 6, n).astype(np.float32),
        user_ids * 10 + 7,
        item_ids * 3 + 100,
        rng.integers(0, 50, n),
    )
    return assemble("small", table)


def triples(data: Dataset) -> set[tuple[object, object, float]]:
    """(user id, item id, rating) as in the source."""
    ratings = data.ratings
    return set(
        zip(
            data.user_ids[ratings.users].tolist(),
            data.item_ids[ratings.items].tolist(),
            ratings.values.tolist(),
            strict=True,
        )
    )


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip archive with these members, name -> content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    """Compressed, with Zstandard."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue().to_pybytes())


def change_entry(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    """Give the catalog's entry other values of some fields, for one test."""
    monkeypatch.setitem(catalog.CATALOG, name, replace(catalog.CATALOG[name], **fields))
