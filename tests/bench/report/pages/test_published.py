"""Our rows beside published numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any

import pytest

from bench.records import Point, Record, Reference
from bench.report.grouping import tables
from bench.report.pages.published import published_page
from bench.report.pages.published_choices import PUBLISHED
from tests.support.choices import model, outcome
from tests.support.records import cells, environment, metrics, record


def beside(
    rmse_raw: float = 1.006,
    status: str = "ok",
    split: str = "random:80/20",
    seed: int = 0,
    minute: int = 0,
    **reference: Any,
) -> Record:
    fields = {
        "rmse": 1.005,
        "clipped": False,
        "of": "a NumPy log",
        "source": "the log",
        "protocol": "10 epochs, k = 20",
        "within": 0.02,
    }
    scores = metrics(0.99, [], rmse_raw=rmse_raw, mae_raw=0.7951)
    return record(
        preset="published",
        split=split,
        seed=seed,
        minute=minute,
        status=status,
        metrics=scores if status == "ok" else None,
        curve=[],
        reference=Reference(**(fields | reference)),
    )


def row(*records: Record) -> dict[str, str]:
    return cells(published_page(tables(records)))["numpy_sgd:published [1]"]


def test_an_unclipped_number_stands_beside_our_unclipped_one() -> None:
    assert row(beside()) == {
        "implementation": "numpy_sgd:published [1]",
        "data": "ml-100k, random:80/20",
        "metric": "RMSE, unclipped",
        "published": "1.005",
        "of": "a NumPy log",
        "reproduced": "1.0060",
        "difference": "+0.0010",
        "agreed": "±0.02: yes",
        "read on test": "—",
        "leak": "—",
        "at epoch": "—",
        "status": "ok",
    }


def test_a_clipped_number_stands_beside_our_clipped_one() -> None:
    found = row(beside(clipped=True))
    assert (found["metric"], found["reproduced"]) == ("RMSE", "0.9900")
    assert found["difference"] == "−0.0150"


def test_a_row_on_cuda_has_the_name_that_compare_takes() -> None:
    on_cuda = beside()
    on_cuda.cell.device = "cuda"
    assert "| numpy_sgd:published@cuda [1]" in published_page(tables([on_cuda]))


def test_a_number_out_of_bounds_says_no() -> None:
    assert row(beside(rmse_raw=1.03))["agreed"] == "±0.02: no"
    assert row(beside(within=None))["agreed"] == "—"


@pytest.mark.parametrize(("rmse_raw", "expected"), [(0.990, "yes"), (0.85, "yes"), (0.9901, "no")])
def test_a_number_to_reach_is_a_bound_from_above(rmse_raw: float, expected: str) -> None:
    found = row(beside(rmse_raw=rmse_raw, within=None, reach=0.99))
    assert found["agreed"] == f"≤ 0.990: {expected}"


def test_a_number_to_reach_is_an_rmse() -> None:
    reference = beside(mae=0.79, within=None, reach=0.1)
    lines = published_page(tables([reference])).splitlines()
    agreed = [line.split("|")[-6].strip() for line in lines if "numpy_sgd:published" in line]
    assert agreed == ["≤ 0.100: no", "—"]


def test_a_record_of_before_there_was_an_of_keeps_its_row() -> None:
    assert row(beside(of=""))["of"] == "—"


def test_a_cross_validation_tells_its_folds() -> None:
    folds = [beside(split="5-fold", seed=seed, minute=seed) for seed in range(4)]
    found = row(*folds)
    assert (found["data"], found["status"]) == ("ml-100k, 5-fold", "4 of 5 folds ok")


def test_rmse_and_mae_are_rows_of_their_own_under_one_protocol() -> None:
    text = published_page(tables([beside(mae=0.79)]))
    assert "MAE, unclipped" in text
    assert "0.7951" in text
    assert text.count("10 epochs, k = 20. Source: the log") == 1


def test_a_row_without_figures_keeps_its_place() -> None:
    found = row(beside(status="failed"))
    assert (found["reproduced"], found["difference"], found["agreed"]) == ("—", "—", "—")
    assert found["status"] == "failed [2]"


def test_without_references_there_is_no_page() -> None:
    assert published_page(tables([record()])) == ""


TEST_ERRORS = [[0.95, 0.90, 0.91, 0.92], [0.96, 0.95, 0.90, 0.94], [0.97, 0.94, 0.93, 0.93]]
"""Of each seed after each epoch; the last is reproduced."""


def curve(errors: Sequence[float]) -> list[Point]:
    return [
        Point(epoch=n, seconds=n, rmse=rmse, mae=0.7 + n * 0.001)
        for n, rmse in enumerate(errors, start=1)
    ]


def fits(errors: Sequence[float], seed: int = 0, last: float | None = None) -> list[Record]:
    """A fit under a published protocol, and the second one that reads the test part. `last`: the
    error with which the first ended, where that is not the second's."""
    first = beside(split="u1", seed=seed, mae=0.71, clipped=True, within=None)
    end = errors[-1] if last is None else last
    first.metrics = metrics(end, [], mae=0.7 + len(errors) * 0.001, epochs=len(errors))
    best = metrics(min(errors), curve(errors))
    second = beside(split="peek:u1", seed=seed, minute=1)
    second = second.model_copy(update={"curve": curve(errors), "metrics": best, "reference": None})
    return [first, second]


def read_on_test(*records: Record) -> list[list[str]]:
    """The three columns of the row of the RMSE, and of that of the MAE."""
    lines = published_page(tables(records)).splitlines()
    rows = [line for line in lines if line.startswith("| numpy_sgd:published")]
    return [[cell.strip() for cell in row.split("|")[-5:-2]] for row in rows]


def test_the_lowest_of_the_test_curve_stands_beside_the_last_epoch() -> None:
    records = [each for n, errors in enumerate(TEST_ERRORS) for each in fits(errors, n)]
    of_rmse, of_mae = read_on_test(*records)
    claims, gaps = [0.90, 0.90, 0.93], [-0.02, -0.04, 0.0]
    t = 4.302653  # of 2 degrees of freedom
    half_claimed, half_leak = (t * stdev(some) / math.sqrt(3) for some in (claims, gaps))
    assert of_rmse == [
        f"{fmean(claims):.4f} ± {half_claimed:.4f}",
        f"−0.0200 ± {half_leak:.4f}",
        "2–3 of 4",
    ]
    # The lowest MAE is of another epoch: each error is chosen by itself.
    assert of_mae == ["0.7010 ± 0.0000", "−0.0030 ± 0.0000", "1 of 4"]
    assert "| 0.9300 ± " in published_page(tables(records))  # reproduced: the last epoch


def test_one_seed_has_no_interval_and_a_row_without_a_second_fit_no_figure() -> None:
    assert read_on_test(*fits(TEST_ERRORS[0]))[0] == ["0.9000", "−0.0200", "2 of 4"]
    assert read_on_test(*fits(TEST_ERRORS[0])[:1])[0] == ["—", "—", "—"]


def longer(record: Record) -> None:
    assert record.metrics
    record.metrics.epochs += 1


def of_other_threads(record: Record) -> None:
    record.cell.threads = 1


def failed(record: Record) -> None:
    record.status, record.metrics = "failed", None


@pytest.mark.parametrize(("place", "change"), [(0, longer), (1, failed), (1, of_other_threads)])
def test_a_second_fit_that_is_not_the_first_once_more_is_left_out(
    place: int, change: Callable[[Record], None]
) -> None:
    pair, others = fits(TEST_ERRORS[0]), fits(TEST_ERRORS[1], seed=1)
    change(pair[place])
    of_rmse, _ = read_on_test(*pair, *others)
    text = published_page(tables([*pair, *others]))
    assert of_rmse == ["0.9000 [2]", "−0.0400", "3 of 4"]
    assert "1 of 2 seeds have a second fit that ended as the one reproduced" in text


def test_a_second_fit_that_ended_at_another_error_is_left_out() -> None:
    records = fits(TEST_ERRORS[0], last=0.9202)
    assert read_on_test(*records)[0] == ["— [2]", "—", "—"]
    assert "0 of 1 seeds have a second fit" in published_page(tables(records))
    assert read_on_test(*fits(TEST_ERRORS[0], last=0.92004))[0][0] == "0.9000"


def test_nothing_is_read_beside_an_unclipped_number() -> None:
    first, second = fits(TEST_ERRORS[0])
    assert first.reference
    assert first.metrics
    first.metrics.rmse_raw = first.metrics.rmse  # as where no prediction had to be clipped
    unclipped = first.reference.model_copy(update={"clipped": False})
    first = first.model_copy(update={"reference": unclipped})
    assert read_on_test(first, second)[0] == ["—", "—", "—"]


def test_choices_stand_beside_the_published_searches_of_their_set_and_split() -> None:
    found = []
    for cut, (low, test) in enumerate([(0.87, 0.88), (0.88, 0.89), (0.89, 0.9)]):
        models = [
            model("autorec", test=test, validations=(low,)),
            # Better on the test part, by which nothing may be chosen.
            model("als", test=test - 0.01, validations=(low + 0.01,)),
        ]
        found.append(outcome(*models, dataset="ml-100k", cut=cut, name=f"ml-100k-{cut}"))
    others = [
        outcome(model("bias", test=0.7), dataset="ml-100k", final_split="random:90/10"),
        outcome(model("bias", test=0.7), dataset="films.csv"),
        outcome((model("ncf", test=0.7)[0], []), dataset="ml-1m"),
    ]
    text = published_page([], [*others, *found])
    row = cells(text)["MovieLens 100K"]
    assert (row["Auto-Surprise"], row["lowest of 60"]) == ("0.9207", "0.9104")
    assert row["ours, lowest on validation"].startswith("0.8900 ± 0.02")
    assert row["ours, recommended"].startswith("0.8800 ±")
    assert (row["difference"], row["cuts"], row["minutes a cut"]) == ("−0.0307", "3", "10")
    assert "[cut 2](choose-ml-100k-2.md) als" in text
    default = "searches the model with the lowest validation RMSE has its default hyperparameters"
    assert f"In 3 of 3 {default}." in text
    better = outcome(model("als", test=0.8, validations=(0.9, 0.85)), dataset="ml-100k")
    assert default not in published_page([], [better])
    assert "MovieLens 1M" not in text
    assert published_page([], others) == ""


def test_each_machine_is_named_with_the_cuts_that_it_ran() -> None:
    found = [outcome(model("als", test=0.88), dataset="ml-100k", cut=cut) for cut in range(3)]
    for each in found[1:]:
        for run in each.models[0].best_runs:
            run.environment = environment("box-2")
    text = published_page([], found)
    assert "\nMovieLens 100K cut 0: machine box-1, AMD EPYC" in text
    assert "\nMovieLens 100K cut 1 and MovieLens 100K cut 2: machine box-2, AMD EPYC" in text


def test_the_lowest_on_validation_is_that_of_best_configurations_not_of_trials_by_chance() -> None:
    by_chance = model("als", test=0.89, validations=(0.885, 0.87), val_noise=0.2)
    found = outcome(model("autorec", test=0.88, validations=(0.88,)), by_chance, dataset="ml-100k")
    assert found.models[1].best is found.models[1].default
    row = cells(published_page([], [found]))["MovieLens 100K"]
    assert row["ours, lowest on validation"] == "0.8800"


def test_a_choice_that_lacks_runs_of_a_model_that_is_shown_is_left_out() -> None:
    def page(seeds_of_lowest: int, seeds_of_other: int) -> str:
        lowest = model("autorec", test=0.88, validations=(0.87,), seeds=seeds_of_lowest)
        other = model("als", test=0.9, validations=(0.89,), seeds=seeds_of_other)
        return published_page([], [outcome(lowest, other, dataset="ml-100k")])

    assert page(2, 3) == ""
    assert "MovieLens 100K" in page(3, 2)


def test_the_published_searches_are_those_of_the_paper() -> None:
    assert {name: (it.auto_surprise, it.lowest) for name, it in PUBLISHED.items()} == {
        "ml-100k": (0.9207, 0.9104),
        "ml-1m": (0.8631, 0.8556),
        "ml-latest-small": (0.8596, 0.8180),
    }
