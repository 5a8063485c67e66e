"""What `bench choose` recommends, of models whose true order is known."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from bench.choose import recommendation
from datasets import splits
from tests.simulated import real_choices
from tests.simulated.choices import LOWEST, SHAPES, TIED, WRONG, counted, outcome
from tests.support import known_truth
from tests.support.known_truth import OF_SEED, OWN, SHARED, Better, TiedA, TiedB, better

RUNS = 60


def test_the_better_one_is_named_and_a_tie_is_called_a_tie() -> None:
    found = counted(np.random.default_rng(0), SHAPES["35,000"], RUNS)
    assert found[LOWEST] >= RUNS * 19 / 20
    assert found[TIED] >= RUNS * 19 / 20
    assert found[WRONG] == 0


def test_the_better_one_is_better_by_one_per_cent() -> None:
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(40):
        models = recommendation.names(
            outcome(rng, SHAPES["10,000"], {"worse": OWN, "better": better(OWN)}, 2)
        )
        low, high = (
            recommendation.test_rmse(models[name].best_runs).value for name in ("better", "worse")
        )
        ratios.append(low / high)
    assert abs(statistics.fmean(ratios) - 0.99) < 0.002


def test_implementations_of_known_error_find_their_set_and_have_that_error() -> None:
    dataset, _, floor = known_truth.generated(3)
    cut = splits.cut(dataset, "random:75/25", 0)
    known = cut.test.known
    users, items, values = (
        each[known] for each in (cut.test.users, cut.test.items, cut.test.values)
    )
    rmse = {}
    for kind in (TiedA, TiedB, Better):
        squares = [
            np.mean((kind(seed=seed).fit(cut.train).predict(users, items) - values) ** 2)
            for seed in range(2)
        ]
        rmse[kind] = math.sqrt(statistics.fmean(squares))
    assert abs(rmse[TiedA] / rmse[TiedB] - 1) < 0.006
    assert abs(rmse[Better] / rmse[TiedA] - 0.99) < 0.006
    assert abs(rmse[TiedA] / (floor * math.sqrt(1 + SHARED + OWN + OF_SEED)) - 1) < 0.02
    table = TiedA().fit(cut.train.sample(900, 0)).table_
    assert len(np.unique(table)) == 1, "of no set: the mean"


def test_no_more_sets_are_chosen_among_than_the_models_know() -> None:
    with pytest.raises(SystemExit, match=r"^21 sets: the models know 20, and of others"):
        real_choices.main(21)
