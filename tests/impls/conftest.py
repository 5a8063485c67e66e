from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.conformance.subject import one_thread
from datasets.catalog import load
from datasets.ratings import Dataset, HeldOut, Ratings
from tests.support.low_rank import low_rank

DATA = os.environ.get("RATEBENCH_DATA")


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    """Results are the same bit for bit on one thread, and small models gain from it."""
    with one_thread():
        yield


@pytest.fixture(scope="session")
def low_rank_set() -> tuple[Ratings, HeldOut]:
    """1,600 ratings for training and 200 held out."""
    return low_rank(80, 50)


@pytest.fixture(scope="session")
def train(low_rank_set: tuple[Ratings, HeldOut]) -> Ratings:
    return low_rank_set[0]


@pytest.fixture(scope="session")
def ml_100k(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """MovieLens 100K; skips where there is none."""
    if not DATA or not (Path(DATA) / "ml-100k" / "u.data").is_file():
        pytest.skip("RATEBENCH_DATA names no folder with ml-100k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RATEBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load("ml-100k")
