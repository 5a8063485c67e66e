"""What a worker imports before it imports its row."""

from __future__ import annotations

import subprocess
import sys

import pytest

import datasets

LEFT_OUT = (
    "datasets.catalog",
    "datasets.reading.table",
    "importlib.metadata",
    "importlib.resources",
    "tempfile",
    "torch",
    "numba",
    "pandas",
    "pydantic",
    "scipy",
)


def test_a_worker_imports_nothing_that_it_does_not_need() -> None:
    code = "import bench.cell.worker, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    modules = done.stdout.split()
    assert "datasets.ratings" in modules
    assert not [name for name in modules if name in LEFT_OUT]


def test_the_package_of_ratings_still_has_its_names() -> None:
    assert dir(datasets) == sorted(datasets.__all__)
    assert all(callable(getattr(datasets, name)) for name in datasets.__all__)
    with pytest.raises(AttributeError, match="module 'datasets' has no attribute 'cut'"):
        datasets.cut  # noqa: B018
