"""How often the recommendation of `bench choose` is right, where the truth is known.

`python -m tests.simulated.choices 1000` draws that many sets of ratings of each size, whose scores
are known, and lets models of known error predict a quarter of each. A prediction is the best one
there is plus an error, so the square of a model's expected RMSE is that of the floor plus the
variance of its error: two models are truly tied, or one is truly better by 1 %. What they reach on
the test ratings becomes final runs, and the recommendation is made of these as of any others.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from bench.choose.outcome import Model, Outcome, Request, Searched
from bench.choose.recommendation import Recommendation, recommend
from bench.choose.session import BLOCKS
from bench.records import Record
from bench.score import squared_errors
from datasets import synthetic
from datasets.ratings import Ratings
from datasets.synthetic_pairs import Shape
from datasets.synthetic_scores import HALF_STARS
from tests.support.known_truth import OF_SEED, OWN, SHARED, better
from tests.support.records import metrics, record

SHAPES = {
    "10,000": Shape(400, 600, 10_000, 200, head=0.01, power=0.7, taper=1.0, fewest=1),
    "35,000": synthetic.RECIPES["synthetic-half-stars"].shape,
    "100,000": synthetic.SHAPES["synthetic-100k"],
}
TEST = 0.25
SEEDS = 3

TIED, LOWEST, ALONE = "the tie is called a tie", "the better one is named", "and named alone"
WRONG = "a worse one is named alone"


def main(runs: int = 1000, seeds: int = SEEDS) -> None:
    rng = np.random.default_rng(18)
    claims = [TIED, LOWEST, ALONE, WRONG]
    rows = []
    for size, shape in SHAPES.items():
        found = counted(rng, shape, runs, seeds)
        rows.append([size, *(f"{100 * found[claim] / runs:.1f} %" for claim in claims)])
    print(tabulate(rows, ["ratings", *claims], tablefmt="github"))


def counted(rng: np.random.Generator, shape: Shape, runs: int, seeds: int = SEEDS) -> Counter[str]:
    """Claim -> the runs in which it is made, of a model that is better by 1 % and a tie of two."""
    found: Counter[str] = Counter()
    for _ in range(runs):
        every = outcome(rng, shape, {"a": OWN, "b": OWN, "better": better(OWN)}, seeds)
        of_all = recommend(every)
        of_tie = recommend(replace(every, models=every.models[:2]))
        assert of_all
        assert of_tie
        found.update(claims(of_tie, of_all, "better"))
    return found


def claims(of_tie: Recommendation, of_all: Recommendation, better: str) -> dict[str, bool]:
    """Which claims are made of two models that are tied, and of all with one that is better, whose
    name ends so."""
    right, alone = of_all.best.name.endswith(better), not of_all.tied
    return {
        TIED: len(of_tie.tied) == 1,
        LOWEST: right,
        ALONE: right and alone,
        WRONG: alone and not right,
    }


def outcome(
    rng: np.random.Generator, shape: Shape, models: Mapping[str, float], seeds: int
) -> Outcome:
    """The final runs of models on a new set of ratings. `models`: name -> own variance."""
    ratings, truth, floor = synthetic.draw(shape, int(rng.integers(2**32)), HALF_STARS)
    best, _ = HALF_STARS.expected(truth.score(ratings.users, ratings.items))
    rows = rng.choice(len(ratings), round(TEST * len(ratings)), replace=False)

    def error(variance: float) -> NDArray[np.float64]:
        return floor * math.sqrt(variance) * _clustered(rng, ratings)[rows]

    expected = best[rows] + error(SHARED)
    found = []
    for name, own in models.items():
        predicted = expected + error(own)
        final = [
            _final(name, seed, predicted + error(OF_SEED), ratings.values[rows])
            for seed in range(seeds)
        ]
        plan = Searched(implementation=name, device="cpu", model=name, rows=[name])
        found.append(Model(plan, (), final, final))
    request = Request(
        name="simulated",
        dataset="simulated",
        split="random:65/10/25",
        final_split="random:75/25",
        minutes=10,
        goal=None,
        seeds=seeds,
        threads=1,
        models=[model.plan for model in found],
    )
    return Outcome(request, None, found, wall_s=0.0)


def _clustered(rng: np.random.Generator, ratings: Ratings) -> NDArray[np.float64]:
    """Errors (n,) of variance 1, of which one third each is a user's, an item's and a pair's."""
    of_user, of_item, of_pair = map(
        rng.standard_normal, (ratings.n_users, ratings.n_items, len(ratings))
    )
    return (of_user[ratings.users] + of_item[ratings.items] + of_pair) / math.sqrt(3)


def _final(
    name: str, seed: int, predicted: NDArray[np.float64], actual: NDArray[np.float32]
) -> Record:
    """Not clipped: that would change the models' true errors."""
    blocks = squared_errors(predicted, actual, (-math.inf, math.inf), BLOCKS)
    rmse = math.sqrt(float(np.mean((predicted - actual) ** 2)))
    return record(name, seed=seed, metrics=metrics(rmse, [], blocks=blocks))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
