"""Our rows beside published numbers."""

from __future__ import annotations

from typing import Any

import pytest

from bench.records import Record, Reference
from bench.report.grouping import tables
from bench.report.pages.published import published_page
from bench.report.pages.published_choices import PUBLISHED
from tests.support.choices import model, outcome
from tests.support.records import cells, metrics, record


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
    agreed = [line.split("|")[-3].strip() for line in lines if "numpy_sgd:published" in line]
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
    assert "MovieLens 1M" not in text
    assert published_page([], others) == ""


def test_the_published_searches_are_those_of_the_paper() -> None:
    assert {name: (it.auto_surprise, it.lowest) for name, it in PUBLISHED.items()} == {
        "ml-100k": (0.9207, 0.9104),
        "ml-1m": (0.8631, 0.8556),
        "ml-latest-small": (0.8596, 0.8180),
    }
