"""Implementations whose error is known: `TiedA` and `TiedB` are tied, `Better` is better by 1 %.

They know the scores behind a generated set of `SHAPE`, which they find by its ratings. A prediction
is the best one there is plus an error, so the square of the expected RMSE is that of the floor plus
the variance of the error. `python -m tests.support.known_truth ratings.csv 3` writes the set of
seed 3. Run by path, by `bench choose`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from datasets import synthetic
from datasets.assemble import fingerprint
from datasets.ratings import Dataset, Ratings
from datasets.splits import cut
from datasets.synthetic_scores import HALF_STARS, Truth
from impls.protocol import Training

SHAPE = synthetic.RECIPES["synthetic-half-stars"].shape
SEEDS = 20
SPLITS = ("random:65/10/25", "random:75/25")
"""Of the trials and the final runs, where `bench choose` gets `--split random:75/25`."""

SHARED, OWN, OF_SEED = 0.08, 0.03, 0.01
"""Variances of a model's error, as shares of the floor's square: what no model learns from this
training part, what is the model's own, and what another seed changes."""
BETTER_BY = 0.01


def better(own: float) -> float:
    """The variance of the own error of a model whose RMSE is lower by `BETTER_BY`."""
    rest = 1 + SHARED + OF_SEED
    return (rest + own) * (1 - BETTER_BY) ** 2 - rest


def clustered(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Errors (n_users, n_items) of variance 1: one third each is a user's, an item's, a pair's."""
    of_user, of_item = (rng.standard_normal(n) for n in shape)
    pairs: NDArray[np.float64] = rng.standard_normal(shape)
    return (of_user[:, None] + of_item + pairs) / math.sqrt(3)


def generated(seed: int) -> tuple[Dataset, Truth, float]:
    """The set of a seed, the parameters behind it, and its floor."""
    ratings, truth, floor = synthetic.draw(SHAPE, seed, HALF_STARS)
    ids = np.arange(ratings.n_users), np.arange(ratings.n_items)
    return Dataset("known", ratings, *ids, fingerprint(ratings, *ids)), truth, floor


@dataclass
class TiedA:
    """With another mean in the warm-up, whose ratings are of no set."""

    model: ClassVar[str] = "tied a"
    source: ClassVar[str] = ""
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}}
    own: ClassVar[float] = OWN

    device: str = "cpu"
    seed: int = 0

    def fit(self, train: Ratings, training: Training = Training()) -> Self:
        self.table_ = np.full((train.n_users, train.n_items), train.values.mean(), np.float32)
        for seed in range(SEEDS if len(train) > SHAPE.n_ratings / 2 else 0):
            dataset, truth, floor = generated(seed)
            for split in SPLITS:
                part = cut(dataset, split, 0)
                if np.array_equal(part.train.values, train.values):
                    users, items = (ids.astype(np.int64) for ids in (part.user_ids, part.item_ids))
                    self.table_ = self._predictions(truth, floor, seed)[np.ix_(users, items)]
                    return self
        return self

    def _predictions(self, truth: Truth, floor: float, seed: int) -> NDArray[np.float32]:
        """Of all pairs. (n_users, n_items)"""
        shape = SHAPE.n_users, SHAPE.n_items
        score = truth.user_bias[:, None] + truth.item_bias + truth.P.T @ truth.Q
        mean, _ = HALF_STARS.expected(score.ravel())
        own = sum(self.model.encode())
        error = sum(
            math.sqrt(variance) * clustered(np.random.default_rng([seed, *of]), shape)
            for variance, of in (
                (SHARED, [0]),
                (self.own, [1, own]),
                (OF_SEED, [2, own, self.seed]),
            )
        )
        return (mean.reshape(shape) + floor * error).astype(np.float32)

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float32]:
        return self.table_[users, items]


@dataclass
class TiedB(TiedA):
    model: ClassVar[str] = "tied b"


@dataclass
class Better(TiedA):
    model: ClassVar[str] = "better"
    own: ClassVar[float] = better(OWN)


def write(path: Path, seed: int) -> None:
    """The ratings of a seed as a CSV."""
    ratings = generated(seed)[0].ratings
    rows = zip(ratings.users.tolist(), ratings.items.tolist(), ratings.values.tolist(), strict=True)
    lines = (f"{user},{item},{value:g}\n" for user, item, value in rows)
    path.write_text("user,item,rating\n" + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
