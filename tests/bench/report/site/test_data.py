"""The data as JSON: compact, and safe in a page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from bench.records import Data, Record
from bench.report.files import page_name
from bench.report.grouping import grouped, tables
from bench.report.ranking import Rank
from bench.report.site.collect import site_of
from bench.report.site.data import Cell, Curve, Run, Site, as_json
from bench.report.site.grids import grid, sorted_by
from bench.report.site.page import page
from bench.report.tables import Column, Epochs, Ranked
from bench.report.writing import results_of
from bench.stats import Interval
from tests.support.records import closed_form, data, eight, epoch_budgets, record

RESULTS = Path(__file__).parents[4] / "results"
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028<!--"


def shown(records: list[Record]) -> Site:
    every = tables(records)
    return site_of(grouped(every, lambda table: page_name(table.title)), [], [], [], [])


def as_read(site: Site) -> Any:
    return json.loads(as_json(site))


def test_a_hostile_name_is_a_text_and_ends_no_script() -> None:
    hyperparameters = {"epochs": 3, "name": HOSTILE}
    text = as_json(
        shown(
            [
                record(f"{HOSTILE}.py:Own", dataset=f"d/{HOSTILE}.csv", model=HOSTILE),
                record("bias", status="failed", reason=HOSTILE, dataset=f"d/{HOSTILE}.csv"),
                record("ncf", hyperparameters=hyperparameters, dataset=f"d/{HOSTILE}.csv"),
            ]
        )
    )
    assert not set("<>&\u2028") & set(text)
    [view] = json.loads(text)["views"]
    assert [line["model"] for line in view["lines"] if line["implementation"].startswith("</")] == [
        "</script><img src=x onerror=alert(1)> <!--"
    ]
    assert HOSTILE in [line.get("hyperparameters", {}).get("name") for line in view["lines"]]


def test_half_a_character_of_a_file_name_is_no_error() -> None:
    text = as_json(shown([record(hyperparameters={"path": "a\udce9"})]))
    assert text.encode("utf-8")


def test_what_is_at_its_default_is_left_out() -> None:
    site = as_read(shown([record(seed=7, curve=[])]))
    assert "growths" not in site
    assert site["format"] == 1
    [line] = site["views"][0]["lines"]
    assert "pinned" not in line
    assert line["runs"][0][:2] == [7, "ok"]
    assert len(line["runs"][0]) < len(Run._fields)  # its curve and what is before it


def test_numbers_are_short_and_infinity_is_a_text() -> None:
    cells = [Cell("a", 0.123456789), Cell("b", math.inf), Cell("c", None), Cell("d", 2.0)]
    parts = {str(cell): json.loads(as_json(cell)) for cell in cells}  # type: ignore[arg-type]
    assert list(parts.values()) == [["a", 0.12346], ["b", "Infinity"], ["c"], ["d", 2]]


def test_a_hyperparameter_that_is_no_number_is_shown_as_that() -> None:
    site = as_read(shown([record(hyperparameters={"a": math.nan, "b": -math.inf}, curve=[])]))
    assert site["views"][0]["lines"][0]["hyperparameters"] == {"a": "NaN", "b": "-Infinity"}


def test_epochs_that_count_up_are_one_number() -> None:
    [view] = shown([record()]).views
    curve = view.lines[0].runs[0].curve
    assert curve is not None
    assert curve.epochs == len(curve.rmse) == 30
    [view] = shown([epoch_budgets("als")]).views
    assert view.lines[0].budgets
    assert [run.curve.epochs for run in view.lines[0].runs if run.curve] == [[2, 4, 8]]
    [view] = shown([record("bias", curve=closed_form(0.94, 0.01))]).views
    assert view.lines[0].runs[0].curve == Curve([0], [0.01], [0.94], [0.94 * 0.8])


def test_a_cell_is_sorted_by_its_number() -> None:
    interval = Interval(0.5, 0.4, 0.7, 6, 0.95)
    assert sorted_by(Ranked(interval, Rank(1, 3))) == (0.5, 0.4, 0.7, (1, 3))
    assert sorted_by(Interval(0.5, 0.5, 0.5, 1, None)) == (0.5, None, None, ())
    assert sorted_by(Epochs(12.0, 15.0)).value == 12.0
    assert sorted_by(Epochs(None, 15.0)).value == 15.0
    assert sorted_by("a\nb").value == "a b"
    assert sorted_by(None).value is None


def test_ids_of_columns_are_short_and_differ() -> None:
    headers = ["≤ 0.860 (tuned MF)", "test RMSE", "epoch s (CPU)", "epoch s (CUDA)", "× numpy_sgd"]
    columns = [Column[int](header, lambda n: n) for header in headers]
    ids = [head.id for head in grid(columns, [1]).heads]
    assert ids == ["0.860", "test-rmse", "epoch-s-cpu", "epoch-s-cuda", "numpy_sgd"]


def test_a_view_has_a_goal_for_each_of_its_columns() -> None:
    [view] = shown(eight(2)).views
    heads = [head for head in view.grid.heads if head.group == "goals"]
    assert [goal.head for goal in view.goals] == [head.id for head in heads]
    assert [head.better for head in heads] == ["low"] * 4
    assert {head.better for head in view.grid.heads if head.text == "M updates/s"} <= {"high"}


def test_the_answer_is_of_the_chosen_device() -> None:
    records = [*eight(2), *(record(seed=seed, device="cuda", fit_s=0.1) for seed in range(2))]
    [view] = shown(records).views
    assert list(view.answers) == ["", "CPU", "CUDA"]
    texts = {name: str(paragraphs) for name, paragraphs in view.answers.items()}
    assert "@" not in texts["CUDA"]
    assert "numpy_sgd has figures" in texts["CUDA"].replace("\\", "")


def test_why_a_row_has_no_figures_is_with_it() -> None:
    records = [record(), record("triton_sgd", device="cuda", status="skipped", reason="no GPU")]
    [view] = shown(records).views
    [line] = [line for line in view.lines if line.implementation == "triton_sgd"]
    assert line.skipped == ["skipped: no GPU"]
    [run] = line.runs
    assert (run.status, run.rmse) == ("skipped", None)


def test_most_of_many_curves_are_left_out_but_the_middle_one() -> None:
    [view] = shown([record(seed=seed, fit_s=10 + seed) for seed in range(60)]).views
    runs = view.lines[0].runs
    assert len(runs) == 60
    assert [run.fit_s for run in runs if run.drawn == 0] == [39.0]
    assert 6 <= sum(run.drawn == 1 for run in runs) <= 12
    assert all((run.curve is None) == (run.drawn == 2) for run in runs)


def test_notes_stand_beside_every_figure() -> None:
    note = Data.model_validate(data().model_dump() | {"note": "Beware <b>."})
    assert shown([record(data=note)]).views[0].notes == ["Beware <b>."]


def test_the_page_of_this_repository_has_at_most_3_mb() -> None:
    found = results_of(RESULTS)
    parts = (found.by_page, found.growths, found.speedups, found.trials, found.bad)
    site = site_of(*parts)
    assert len(page(site).encode()) <= 3_000_000
    assert site.first is not None
    assert site.views[site.first].dataset == "ml-1m"


def test_ten_thousand_records_are_no_large_page() -> None:
    few = [record(seed=seed, minute=seed) for seed in range(100)]
    records = [
        each.model_copy(
            update={
                "cell": each.cell.model_copy(update={"hyperparameters": {"factors": factors}}),
                "environment": each.environment.model_copy(update={"machine": f"box-{machine}"}),
            }
        )
        for machine in range(5)
        for factors in range(20)
        for each in few
    ]
    site = shown(records)
    assert sum(len(line.runs) for view in site.views for line in view.lines) == 10_000
    assert len(as_json(site).encode()) < 2_000_000
