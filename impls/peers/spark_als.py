"""Spark's ALS, in a JVM on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from datasets.ratings import Ratings
from impls.kernels.chunks import Ids, Predicted, in_chunks
from impls.peers.shared import Array, Learnt
from impls.peers.spark_session import session
from impls.protocol import Training

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass
class SparkALS:
    """r̂ = p_u·q_i by alternating least squares, in as many blocks as the master has cores.

    It has no biases and does not centre. Without biases raw ratings are fitted better than centred
    ones, so it gets these. λ is multiplied by the number of ratings of a user or item. It has no
    callback. `fit_file` learns from more ratings than memory holds, which Spark reads itself.

    rank, reg_param  the library's rank and regParam, λ
    epochs           its maxIter
    epoch_budgets    epochs of the earlier fits, each from scratch
    master           as spark://host:7077; empty is this machine, with the pinned threads
    checkpoint_dir   a folder that all of a cluster reach; empty is a temporary one of this machine

    Zhou, Wilkinson, Schreiber & Pan 2008, Large-scale parallel collaborative filtering for the
    Netflix Prize, in Meng et al. 2016, MLlib: machine learning in Apache Spark.
    """

    model: ClassVar[str] = "MF without biases"
    source: ClassVar[str] = "Meng et al. 2016"
    library: ClassVar[str] = "pyspark"
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}

    rank: int = 64
    epochs: int = 12
    epoch_budgets: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 10, 15, 20)
    reg_param: float = 0.0965
    master: str = ""
    checkpoint_dir: str = ""
    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        import pyarrow as pa

        for epochs in training.fits(self.epochs, self.epoch_budgets):
            spark = session(self.master, self.checkpoint_dir)
            columns = {"user": train.users, "item": train.items, "rating": train.values}
            ratings = spark.createDataFrame(pa.table(columns))
            self.learnt_ = self._fitted(ratings, epochs, train.n_users, train.n_items)
        return self

    def fit_file(
        self, path: str, user: str = "user", item: str = "item", rating: str = "rating"
    ) -> Self:
        """Learn from Parquet, or from CSV with a header where `path` ends so, as Spark reads it.

        `path` is a file or a folder of them, on any file system that Spark knows. `user`, `item`
        and `rating` name columns; ids are 0 … n − 1, all of them. Raises ValueError for others.
        """
        from pyspark.sql import functions as f

        spark = session(self.master, self.checkpoint_dir)
        is_csv = Path(path).suffix == ".csv"
        source = spark.read.csv(path, header=True) if is_csv else spark.read.parquet(path)
        ratings = source.select(
            f.col(user).cast("int").alias("user"),
            f.col(item).cast("int").alias("item"),
            f.col(rating).cast("float").alias("rating"),
        )
        self.learnt_ = self._fitted(ratings, self.epochs)
        return self

    def _fitted(
        self,
        ratings: DataFrame,
        epochs: int,
        n_users: int | None = None,
        n_items: int | None = None,
    ) -> Learnt:
        from pyspark.ml.recommendation import ALS

        blocks = ratings.sparkSession.sparkContext.defaultParallelism
        fitted = ALS(
            rank=self.rank,
            maxIter=epochs,
            regParam=self.reg_param,
            numUserBlocks=blocks,
            numItemBlocks=blocks,
            seed=self.seed,
        ).fit(ratings)
        P = factors(fitted.userFactors, self.rank, n_users)
        Q = factors(fitted.itemFactors, self.rank, n_items)
        return Learnt(0.0, np.zeros(len(P)), np.zeros(len(Q)), P, Q)

    def predict(self, users: Ids, items: Ids) -> Predicted:
        return in_chunks(self.learnt_.predict, users, items)


def factors(rows: DataFrame, rank: int, n: int | None) -> Array:
    """Of ids 0 … n − 1, (n, rank), from `rows` of id and features; zeros for one without ratings.

    Without n there must be a row for each. Raises ValueError.
    """
    table = rows.toArrow()
    ids = table["id"].to_numpy()
    if n is None:
        n = len(ids)
        if n and (ids.min() < 0 or ids.max() >= n):
            raise ValueError(f"{n} ids from {ids.min()} to {ids.max()}: they must be 0 … {n - 1}")
    found = np.zeros((n, rank), np.float32)
    found[ids] = table["features"].combine_chunks().flatten().to_numpy().reshape(-1, rank)
    return found
