"""What `bench choose` recommends, of models whose true order is known."""

from __future__ import annotations

import statistics

import numpy as np

from bench.choose import recommendation
from tests.simulated.choices import LOWEST, OWN, SHAPES, TIED, WRONG, better, counted, outcome

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
