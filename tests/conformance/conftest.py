"""What the tests share: one thread, and real ratings where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from datasets import catalog, splits
from datasets.ratings import Split


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """The sums of a parallel reduction depend on how it was cut."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # which the libraries among the rows are given
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def movielens(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """ml-100k, 80/10/10 by seed 0; skips where there is none."""
    folder = os.environ.get("RATEBENCH_DATA")
    if not folder or not (Path(folder) / "ml-100k" / "u.data").is_file():
        pytest.skip("RATEBENCH_DATA names no folder with ml-100k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RATEBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return splits.cut(catalog.load("ml-100k"), "random:80/10/10", 0)
