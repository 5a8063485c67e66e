"""Spark's row predicts what Spark does, reads files by itself, and keeps to the pinned threads."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from bench.planning.availability import library_problem
from datasets.ratings import Ratings
from impls.peers.spark_als import SparkALS, factors
from impls.peers.spark_session import PART, session

pytestmark = pytest.mark.skipif(
    library_problem("pyspark") is not None, reason=str(library_problem("pyspark"))
)


def columns(train: Ratings) -> dict[str, Any]:
    return {"user": train.users, "item": train.items, "rating": train.values}


def model(**changes: Any) -> SparkALS:
    return SparkALS(**{"rank": 3, "epochs": 3, **changes})


def test_predicts_what_the_library_does(train: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.ml.recommendation import ALS

    fitted = []

    def fit(als: Any, ratings: Any) -> Any:
        fitted.append(own(als, ratings))
        return fitted[-1]

    own = ALS.fit
    monkeypatch.setattr(ALS, "fit", fit)
    ours = model().fit(train).predict(train.users, train.items)
    frame = session("", "").createDataFrame(pa.table(columns(train)))
    # In another order than the ratings: by their ids both have one.
    table = (
        fitted[0].transform(frame).toArrow().sort_by([("user", "ascending"), ("item", "ascending")])
    )
    order = np.lexsort((train.items, train.users))
    assert np.ptp(ours) > 0.5
    np.testing.assert_allclose(ours[order], table["prediction"].to_numpy(), atol=1e-4)


@pytest.mark.parametrize("name", ["ratings.parquet", "ratings.csv"])
def test_reads_a_file_as_it_fits_ratings(name: str, train: Ratings, tmp_path: Path) -> None:
    table = pa.table({"when": np.arange(len(train)), **columns(train)})
    path = tmp_path / name
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)
    pairs = train.users[:200], train.items[:200]
    from_file = model().fit_file(str(path)).predict(*pairs)
    np.testing.assert_allclose(from_file, model().fit(train).predict(*pairs), atol=1e-5)


def test_a_file_with_ids_left_out_is_refused(train: Ratings, tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    parquet.write_table(pa.table({**columns(train), "user": train.users * 2}), path)
    with pytest.raises(ValueError, match="they must be 0 … 79"):
        model().fit_file(str(path))


def test_factors_are_in_the_order_of_ids_whatever_the_order_of_rows() -> None:
    """Blocks of rows come back as they are: the ids of the first, then those of the second."""
    rows = Mock(toArrow=lambda: pa.table({"id": [0, 3, 1], "features": [[1.0], [4.0], [2.0]]}))
    assert factors(rows, rank=1, n=4).ravel().tolist() == [1.0, 2.0, 0.0, 4.0]


def test_an_id_without_ratings_has_no_nan(train: Ratings) -> None:
    more = dataclasses.replace(train, n_users=train.n_users + 1)
    predicted = model().fit(more).predict(np.array([train.n_users]), np.array([0]))
    assert np.isfinite(predicted).all()


def test_many_iterations_do_not_overflow_the_stack(train: Ratings) -> None:
    """As they do from about 20 on without checkpoints."""
    pairs = train.users[:200], train.items[:200]
    assert np.isfinite(model(epochs=40).fit(train).predict(*pairs)).all()


def test_takes_the_threads_that_are_pinned(train: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    for threads in (2, 1):  # of another number than before it starts anew
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        context = session("", "").sparkContext
        assert (context.master, context.defaultParallelism) == (f"local[{threads}]", threads)


def test_ratings_go_in_few_parts_and_in_no_plan() -> None:
    """Either costs more than a fit: a task for 10,000 of them, or all of them in every task."""
    frame = session("", "").createDataFrame(pa.table({"user": np.zeros(2 * PART, np.int32)}))
    assert frame.rdd.getNumPartitions() == 2
    assert "LocalRelation" not in frame._jdf.queryExecution().toString()


def test_a_cluster_needs_a_folder_that_all_of_it_reach(train: Ratings) -> None:
    with pytest.raises(ValueError, match="needs checkpoint_dir"):
        model(master="spark://host:7077").fit(train)


def test_no_checkpoint_is_left(train: Ratings, tmp_path: Path) -> None:
    """Where Spark puts them is the user's, and on a cluster larger than a temporary folder."""
    model(epochs=11, checkpoint_dir=str(tmp_path)).fit(train)
    assert list(tmp_path.rglob("part-*"))
    session("", str(tmp_path.parent))  # ends the session before
    assert list(tmp_path.iterdir()) == []
