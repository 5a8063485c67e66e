"""The official folds of MovieLens 100K, read from beside its ratings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets import catalog
from datasets.errors import DataError
from tests.support.ratings import change_entry, zipped

FILES = {"u.data": "1\t5\t3\t9\n2\t5\t4\t9\n2\t6\t1\t9\n", "u1.test": "2\t5\t4\t9\n"}


@pytest.fixture
def folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    change_entry(monkeypatch, "ml-100k", fingerprint=None, checksum=None)
    (data_folder / "ml-100k").mkdir()
    return data_folder / "ml-100k"


@pytest.mark.parametrize("container", ["folder", "zip"])
def test_folds_beside_the_ratings(container: str, folder: Path) -> None:
    if container == "zip":
        inside = {f"ml-100k/{name}": content for name, content in FILES.items()}
        (folder / "ml-100k.zip").write_bytes(zipped(inside))
    else:
        for name, content in FILES.items():
            (folder / name).write_text(content)
    folds = catalog.load("ml-100k").folds
    assert list(folds) == ["u1"]
    assert np.array_equal(folds["u1"], [False, True, False])


@pytest.mark.parametrize("stray", ["9\t5\t4\t1\n", "1\t6\t4\t1\n", "2\t5\t2\t1\n", "2\t7\t1\t1\n"])
def test_a_fold_of_other_ratings_is_refused(stray: str, folder: Path) -> None:
    (folder / "u.data").write_text(FILES["u.data"])
    (folder / "u1.test").write_text(FILES["u1.test"] + stray)
    with pytest.raises(DataError, match=r"u1\.test: .*ratings that the whole dataset lacks"):
        catalog.load("ml-100k")


def test_a_new_fold_is_noticed(folder: Path) -> None:
    (folder / "u.data").write_text(FILES["u.data"])
    assert catalog.load("ml-100k").folds == {}
    (folder / "u1.test").write_text(FILES["u1.test"])
    assert list(catalog.load("ml-100k").folds) == ["u1"]
