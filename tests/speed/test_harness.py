"""What stands around every fit: parsing, splitting, predicting, scoring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.cell.training import EpochLimit
from bench.planning.loading import load_class
from bench.score import score
from datasets.assemble import assemble
from datasets.ratings import Dataset, Ratings
from datasets.reading.sources import file_source
from datasets.reading.table import Table, read
from datasets.splits import cut
from impls.protocol import Training
from impls.registry import IMPLEMENTATIONS
from tests.speed.conftest import Clocked
from tests.speed.sizes import ROWS
from tests.speed.synthetic import ratings


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    data = ratings(ROWS["parse"])
    lines = [
        f"{user},{item},{value:g}"
        for user, item, value in zip(data.users, data.items, data.values, strict=True)
    ]
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(["user,item,rating", *lines, ""]))
    return path


def test_parse(clocked: Clocked, csv: Path) -> None:
    def parse() -> tuple[np.ndarray, ...]:
        table = read(file_source(csv))
        return table.users, table.items, table.values

    assert len(clocked(parse)[0]) == ROWS["parse"]


def test_split(clocked: Clocked) -> None:
    data = _dataset(ratings(ROWS["split"]))

    def split() -> tuple[np.ndarray, ...]:
        result = cut(data, "random:80/10/10", seed=0)
        return result.train.users, result.train.items, result.test.values

    assert len(clocked(split)[2]) == ROWS["split"] // 10


def test_predict(clocked: Clocked) -> None:
    train = ratings(ROWS["predict"])
    model = load_class(IMPLEMENTATIONS["numpy_sgd_strata"])(seed=0)
    model.fit(train, Training(referee=EpochLimit(1)))
    assert len(clocked(model.predict, train.users, train.items)) == ROWS["predict"]


def test_score(clocked: Clocked) -> None:
    rng = np.random.default_rng(0)
    actual = rng.integers(1, 6, ROWS["score"]).astype(np.float32)
    predicted = actual + rng.standard_normal(len(actual))

    def scored() -> np.ndarray:
        result = score(predicted, actual, (1.0, 5.0))
        return np.array([result.rmse, result.mae, result.rmse_raw, result.mae_raw])

    assert np.all(clocked(scored) > 0)


def _dataset(all_of: Ratings) -> Dataset:
    users, items = np.arange(all_of.n_users), np.arange(all_of.n_items)
    columns = (all_of.users.astype(np.int64), all_of.items.astype(np.int64), all_of.values)
    return assemble("small", Table(*columns, users, items, None))
