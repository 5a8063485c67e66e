"""What is claimed of the models, and what is too close to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.choose.recommendation import (
    SURE,
    difference,
    goals,
    recommend,
    scored,
    seconds_to,
    test_rmse,
)
from bench.records import Record
from bench.stats import critical_t
from tests.support.choices import BLOCKS, model, outcome
from tests.support.records import metrics, record

test_rmse.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for a test


def runs(rmse: float, common: float = 0.0, own: float = 0.002, seeds: int = 3) -> list[Record]:
    """Final runs whose blocks share what is hard for all, `common`, and differ by `own`."""
    hard = np.random.default_rng(7).normal(size=BLOCKS)
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng([int(1e6 * rmse), seed])
        blocks = rmse**2 + common * hard + own * rng.normal(size=BLOCKS)
        scores = metrics(rmse, [], blocks=blocks.tolist())
        found.append(record(seed=seed, rmse=rmse, curve=[], metrics=scores))
    return found


def test_the_lowest_is_named_alone_where_every_other_one_is_behind_beyond_noise() -> None:
    found = recommend(outcome(model("bias", test=0.94), model("autorec", test=0.88)))
    assert found is not None
    assert found.best.name == "autorec"
    assert found.tied == []
    assert found.next is not None
    assert found.next.candidate.name == "bias"
    assert found.chosen is found.best


def test_models_within_noise_are_tied_and_the_quickest_of_them_is_chosen() -> None:
    found = recommend(
        outcome(
            model("bias", test=0.94, fit_s=0.01),
            model("autorec", test=0.8801, fit_s=3.0),
            model("bayesian_mf", test=0.88, fit_s=9.0),
        )
    )
    assert found is not None
    assert found.best.name == "bayesian_mf"
    assert [other.candidate.name for other in found.tied] == ["autorec"]
    assert found.chosen.name == "autorec"


def test_a_model_far_above_the_lowest_is_not_chosen_since_its_seeds_differ_much() -> None:
    found = recommend(
        outcome(
            model("sparse_fc", test=0.90, fit_s=0.1, noise=0.5),
            model("autorec", test=0.8801, fit_s=3.0),
            model("bayesian_mf", test=0.88, fit_s=9.0),
        )
    )
    assert found is not None
    assert [other.candidate.name for other in found.tied] == ["autorec", "sparse_fc"]
    assert found.chosen.name == "autorec"


def test_a_tie_is_none_where_one_seed_gives_no_interval() -> None:
    one = [model(name, test=test, seeds=1) for name, test in (("bias", 0.94), ("als", 0.88))]
    found = recommend(outcome(*one, seeds=1))
    assert found is not None
    [other] = found.tied
    assert other.excess is None
    assert found.best.rmse.level is None


def test_one_seed_is_no_reason_to_choose_a_worse_model_for_its_speed() -> None:
    rows = (("global_mean", 1.04, 0.001), ("bias", 0.885, 0.01), ("als", 0.88, 9.0))
    one = [model(name, test=test, fit_s=fit_s, seeds=1) for name, test, fit_s in rows]
    found = recommend(outcome(*one, seeds=1))
    assert found is not None
    assert found.chosen.name == "als"
    assert [other.candidate.name for other in found.perhaps_close] == ["bias"]


def test_what_is_hard_for_both_counts_for_nothing_in_their_difference() -> None:
    a, b = runs(0.9, common=0.1), runs(0.89, common=0.1)
    apart = difference(a, b)
    assert apart is not None
    assert apart.low > 0
    assert test_rmse(a).half > 5 * apart.half


def test_the_interval_is_that_of_blocks_and_seeds() -> None:
    """Of squared errors, over twice the RMSE; where seeds are equal, the t interval of blocks."""
    same = [each.model_copy() for each in runs(0.9, seeds=1) * 3]
    for seed, each in enumerate(same):
        each.cell = each.cell.model_copy(update={"seed": seed})
    blocks = np.array(same[0].metrics.blocks)  # type: ignore[union-attr]
    half = critical_t(0.025, BLOCKS - 1) * blocks.std(ddof=1) / math.sqrt(BLOCKS) / (2 * 0.9)
    assert test_rmse(same).half == pytest.approx(half, rel=1e-6)
    apart = [*same[:2], *runs(0.9, own=0.002)[2:]]
    apart[2].metrics.blocks = [each + 0.05 for each in apart[2].metrics.blocks]  # type: ignore[union-attr]
    assert test_rmse(apart).half > 5 * half


def test_models_that_are_tied_in_truth_are_seldom_separated() -> None:
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(300):
        sides = []
        for _side in range(2):
            scores = 0.8 + 0.02 * rng.normal(size=(3, BLOCKS)) + 0.002 * rng.normal(size=(3, 1))
            sides.append(
                [
                    record(
                        seed=seed,
                        curve=[],
                        metrics=metrics(float(np.sqrt(row.mean())), [], blocks=row.tolist()),
                    )
                    for seed, row in enumerate(scores)
                ]
            )
        apart = difference(*sides)
        assert apart is not None
        assert apart.level == SURE
        wrong += apart.excludes(0.0)
    assert wrong <= 9  # 3 are expected


def test_the_quickest_is_of_those_surely_within_a_percent() -> None:
    models = (
        model("bias", test=0.94, fit_s=0.01),
        model("numba_sgd", test=0.886, fit_s=0.3),
        model("als", test=0.8888, fit_s=0.1, noise=0.004),
        model("autorec", test=0.88, fit_s=3.0),
    )
    found = recommend(outcome(*models))
    assert found is not None
    assert found.quickest.name == "numba_sgd"
    assert [other.candidate.name for other in found.perhaps_close] == ["als"]
    assert found.as_quick == []
    again = recommend(outcome(*models, model("ncf", test=0.886, fit_s=0.301)))
    assert again is not None
    assert [each.name for each in again.as_quick] == ["ncf"]


def test_goals_are_steps_from_the_baseline_to_the_lowest_or_the_one_requested() -> None:
    models = (
        model("bias", test=0.94, validations=(0.95, 0.94), fit_s=0.1),
        model("autorec", test=0.88, validations=(0.9, 0.84), fit_s=3.0),
    )
    found = goals(outcome(*models))
    assert [(goal.rmse, goal.name) for goal in found] == [
        (0.94, "bias"),
        (0.89, "1/2 to the best"),
        (0.85, "9/10 to the best"),
        (0.84, "the best"),
    ]
    assert [[each.name for each in goal.reached] for goal in found] == [
        *(["bias", "autorec"], ["autorec"], ["autorec"], ["autorec"])
    ]
    [one] = goals(outcome(*models, goal=0.91))
    assert (one.rmse, one.name) == (0.91, "requested")
    [only] = goals(outcome(models[1]))
    assert (only.rmse, only.name) == (0.84, "the best")


def test_seconds_to_a_goal_are_of_the_quickest_trial_and_of_the_search_until_then() -> None:
    [found] = outcome(model("als", test=0.9, validations=(0.92, 0.88), fit_s=9.0)).models
    assert seconds_to(found, 0.925) == (4.0, pytest.approx(0.25 + 6.0))
    first_trial = 0.25 + 9.0
    assert seconds_to(found, 0.885) == (6.0, pytest.approx(first_trial + 0.25 + 6.0))
    assert seconds_to(found, 0.5) is None


def test_runs_without_a_score_count_for_nothing() -> None:
    assert recommend(outcome(model("als", test=0.9, status="failed"))) is None
    assert scored([record(status="failed")]) == []
