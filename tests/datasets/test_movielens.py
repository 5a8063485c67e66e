"""The real sets, where RATEBENCH_DATA has them: facts that their publisher states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets import catalog, splits
from datasets.entries import IMPLICIT


@pytest.mark.usefixtures("real_data")
def test_ml_100k() -> None:
    data = catalog.load("ml-100k")
    ratings = data.ratings
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 943, 1_682)
    assert ratings.values.mean(dtype=float) == pytest.approx(3.52986)
    assert ratings.scale == (1.0, 5.0)
    assert data.duplicates == 0
    assert data.timestamps is not None
    assert np.count_nonzero(data.timestamps) == 100_000


@pytest.mark.usefixtures("real_data")
def test_official_folds_partition_ml_100k() -> None:
    data = catalog.load("ml-100k")
    assert list(data.folds) == ["u1", "u2", "u3", "u4", "u5"]
    assert (sum(is_test.astype(int) for is_test in data.folds.values()) == 1).all()
    cut = splits.cut(data, "u1", 0)
    assert (len(cut.train), len(cut.test)) == (80_000, 20_000)


def test_another_container_is_the_same_set(real_data: Path, tmp_path: Path) -> None:
    lines = (real_data / "ml-100k" / "u.data").read_text().splitlines()
    path = tmp_path / "copy.csv"
    path.write_text("\n".join(line.replace("\t", ",") for line in reversed(lines)))
    copy, original = catalog.load(str(path)), catalog.load("ml-100k")
    assert copy.fingerprint == original.fingerprint == catalog.CATALOG["ml-100k"].fingerprint
    one, other = (splits.cut(data, "random:80/10/10", 4) for data in (copy, original))
    assert np.array_equal(one.test.items, other.test.items)
    assert np.array_equal(one.train.values, other.train.values)


def test_ml_1m(real_data: Path) -> None:
    if not (real_data / "ml-1m" / "ratings.dat").is_file():
        pytest.skip("RATEBENCH_DATA has no ml-1m")
    ratings = catalog.load("ml-1m").ratings
    assert (len(ratings), ratings.n_users, ratings.n_items) == (1_000_209, 6_040, 3_706)
    counts = np.bincount(ratings.values.astype(int))[1:]
    assert counts.tolist() == [56_174, 107_557, 261_197, 348_971, 226_310]


@pytest.mark.usefixtures("real_data")
def test_ml_100k_implicit() -> None:
    ratings = catalog.load(IMPLICIT).ratings
    assert len(ratings) == 943 * 1_682
    assert ratings.values.sum() == 100_000
    assert ratings.scale == (0.0, 1.0)
    rated = catalog.load("ml-100k").ratings
    ones = ratings.values == 1
    assert np.array_equal(ratings.users[ones], rated.users)
    assert np.array_equal(ratings.items[ones], rated.items)
