"""Do differences that `bench choose` claims on one cut hold on others? By fits of several models.

`python -m tests.simulated.cuts ml-100k 8` fits them on that many random cuts of one dataset, with
three seeds each, and compares every pair on every cut as the recommendation does. What is true is
taken to be the mean difference over the cuts.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections.abc import Callable, Sequence

import numba
import numpy as np
import torch

from bench.choose.recommendation import difference
from bench.choose.session import BLOCKS
from bench.records import Record
from bench.score import squared_errors
from bench.stats import Interval
from datasets import catalog, splits
from datasets.ratings import Split
from impls.als import ALS
from impls.bayesian.bayesian_mf import BayesianMF
from impls.bias import Bias
from impls.numba_sgd import NumbaSGD
from impls.protocol import Implementation
from tests.support.records import metrics, record

SEEDS = 3
MODELS: dict[str, Callable[[int], Implementation]] = {
    "numba_sgd": lambda seed: NumbaSGD(seed=seed),
    "numba_sgd factors=30": lambda seed: NumbaSGD(factors=30, seed=seed),
    "numba_sgd regularisation=0.055": lambda seed: NumbaSGD(regularisation=0.055, seed=seed),
    "numba_sgd decay=0.75": lambda seed: NumbaSGD(decay=0.75, seed=seed),
    "als": lambda seed: ALS(seed=seed),
    "als factors=32": lambda seed: ALS(factors=32, seed=seed),
    "als regularisation=0.11": lambda seed: ALS(regularisation=0.11, seed=seed),
    "bayesian_mf factors=8": lambda seed: BayesianMF(factors=8, epochs=30, seed=seed),
    "bayesian_mf factors=16": lambda seed: BayesianMF(factors=16, epochs=30, seed=seed),
    "bias": lambda _: Bias(),
    "bias user_damping=7": lambda _: Bias(user_damping=7.0),
}


def main(dataset: str = "ml-100k", cuts: int = 8) -> None:
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    data = catalog.load(dataset)
    every = [final_runs(splits.cut(data, "random:75/25", seed)) for seed in range(cuts)]
    covered = separate = wrong = 0
    for a, b in itertools.combinations(MODELS, 2):
        found = [difference(runs[a], runs[b]) for runs in every]
        counts = judged([each for each in found if each is not None])
        covered, separate, wrong = (
            n + more for n, more in zip((covered, separate, wrong), counts, strict=True)
        )
    n = cuts * math.comb(len(MODELS), 2)
    print(
        f"{n} intervals: {covered} cover the mean difference over the cuts; {separate} exclude 0,"
    )
    print(f"{wrong} of them with the wrong sign")


def judged(intervals: Sequence[Interval]) -> tuple[int, int, int]:
    """Of one pair: how many cover the mean difference, exclude 0, and do so on the wrong side."""
    mean = statistics.fmean(each.value for each in intervals)
    separate = [each for each in intervals if each.excludes(0)]
    covered = sum(each.low <= mean <= each.high for each in intervals)
    return covered, len(separate), sum(each.value * mean < 0 for each in separate)


def final_runs(cut: Split) -> dict[str, list[Record]]:
    """Of each model, by seed, as far as a comparison needs them."""
    known = cut.test.known
    users, items, actual = (
        each[known] for each in (cut.test.users, cut.test.items, cut.test.values)
    )

    def run(name: str, seed: int) -> Record:
        predicted = MODELS[name](seed).fit(cut.train).predict(users, items).astype(np.float64)
        blocks = squared_errors(predicted, actual, cut.train.scale, BLOCKS)
        rmse = math.sqrt(np.mean((np.clip(predicted, *cut.train.scale) - actual) ** 2))
        return record(name, seed=seed, metrics=metrics(rmse, [], blocks=blocks))

    return {name: [run(name, seed) for seed in range(SEEDS)] for name in MODELS}


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
