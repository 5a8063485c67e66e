"""What the tables show: their columns, and the order of their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.records import CellRecord, Energy, Memory, Record, Roof, Slice
from bench.report.formats import significant
from bench.report.markdown import markdown_table
from bench.report.metrics import seconds_to
from bench.report.rows import Table
from bench.report.sentences import spread
from bench.report.tables import (
    EPOCH_BUDGETS,
    Column,
    accuracy_columns,
    cost_columns,
    goal_columns,
    headline_columns,
    lines_in_order,
    slice_columns,
)
from tests.support.records import (
    GOALS,
    cells,
    closed_form,
    data,
    eight,
    environment,
    epoch_budgets,
    metrics,
    record,
    table_of,
    training_curve,
)

HEADERS = (
    "≤ 0.946 (bias)",
    "≤ 0.937 (Surprise SVD)",
    "≤ 0.915 (tuned MF)",
    "≤ 0.900 (Bayesian MF)",
)


def accuracy_table(table: Table) -> str:
    return markdown_table(accuracy_columns(table), table.rows)


def goal_table(table: Table) -> str:
    columns = goal_columns(table)
    return markdown_table(columns, lines_in_order(table)) if columns else ""


def headline_table(table: Table) -> str:
    return markdown_table(headline_columns(table), lines_in_order(table))


def cost_table(table: Table) -> str:
    return markdown_table(cost_columns(table), table.lines)


def footnotes(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.startswith("- [")]


def accuracy(*records: Record) -> dict[str, dict[str, str]]:
    return cells(accuracy_table(table_of(*records)))


def several(name: str = "numpy_sgd", fit_s: float = 12.0, **fields: Any) -> list[Record]:
    """Two runs, the second one longer by 2 %."""
    return [record(name, seed=n, fit_s=fit_s * (1 + n / 50), **fields) for n in (0, 1)]


def test_a_row_holds_accuracy_beside_time_with_units_in_the_header() -> None:
    row = accuracy(*eight())["embedding_mf"]
    assert row == {
        "implementation": "embedding_mf",
        "model": "biased MF",
        "test RMSE": "0.9172",
        "test MAE": "0.7218",
        "fit s": "4.10",  # and no ratio of it, which would have no interval
        "epochs": "18/30",
        "status": "ok",
    }


def test_repeats_give_an_interval_for_accuracy_and_a_range_for_time() -> None:
    rows = accuracy(*(record(seed=n, rmse=0.92 + n / 1000, fit_s=10 + n) for n in range(3)))
    row = rows["numpy_sgd"]
    assert row["test RMSE"] == "0.9210 ± 0.0025"  # and no rank, for there is no rival
    assert row["fit s"] == "11.0 (10.0–12.0)"
    assert row["status"] == "3 of 3 ok"


def test_the_parts_of_machine_and_seed_in_the_fit_time_have_intervals() -> None:
    times = {(0, 0): 10.0, (0, 1): 11.0, (1, 0): 20.0, (1, 1): 21.0}
    runs = [record(seed=s, again=a, fit_s=each) for (s, a), each in times.items()]
    row = cells(cost_table(table_of(*runs, record("als"))))["numpy_sgd"]
    assert row["fit s ± by machine"] == "5.4 % (2.8–33.6)"
    assert row["fit s ± by seed"] == "47.2 % (18.4–1511.5)"
    assert "95 % intervals" in spread(table_of(*runs))
    assert "fit s ± by seed" not in cells(cost_table(table_of(record())))["numpy_sgd"]
    assert spread(table_of(record())) == ""


def test_a_time_to_a_goal_has_half_the_width_of_its_interval_from_six_seeds_on() -> None:
    header = "≤ 0.946 (bias)"

    def shown(*fit_s: float, missed: int = 0) -> str:
        runs = [record(seed=n, fit_s=each) for n, each in enumerate(fit_s)]
        none = [record(seed=n + 50, curve=training_curve(1.2, 9)) for n in range(missed)]
        return cells(goal_table(table_of(*runs, *none)))["numpy_sgd"][header]

    seconds = seconds_to(record(fit_s=10), GOALS[0])
    assert shown(10, 10, 10) == significant(seconds)
    assert shown(9, 9.5, 10, 10, 10.5, 11) == f"{significant(seconds)} ±10 %"
    assert shown(*[10] * 5, missed=1) == f"{significant(seconds)} ±∞ (5 of 6)"


def test_cuda_stands_beside_the_cpu_and_is_measured_against_the_cpus_reference() -> None:
    rows = accuracy(
        *several(fit_s=20),
        *(record("embedding_mf", seed=n, fit_s=4) for n in (0, 1)),
        record("embedding_mf", device="cuda", fit_s=2, rmse=0.93),
    )
    row = rows["embedding_mf"]
    assert (row["fit s (CPU)"], row["fit s (CUDA)"]) == ("4.00 (4.00–4.00)", "2.00")
    assert (row["× numpy_sgd (CPU)"], row["× numpy_sgd (CUDA)"]) == ("5.0× (4.5–5.7)", "—")
    assert (row["test RMSE (CPU)"], row["test RMSE (CUDA)"]) == ("0.9200 ± 0.0000 #1–2", "0.9300")
    assert (row["status (CPU)"], row["status (CUDA)"]) == ("2 of 2 ok", "ok")
    assert rows["numpy_sgd"]["fit s (CUDA)"] == "—"


def test_without_any_cuda_record_there_is_no_cuda_column() -> None:
    assert not any("CUDA" in header for header in accuracy(record())["numpy_sgd"])


def test_a_skipped_device_keeps_its_columns_and_says_why() -> None:
    skipped = record("ncf", device="cuda", status="skipped", reason="no CUDA device")
    text = accuracy_table(table_of(record(), skipped))
    row = cells(text)["ncf"]
    assert row["fit s (CUDA)"] == "—"
    assert (row["status (CPU)"], row["status (CUDA)"]) == ("—", "skipped [1]")
    assert footnotes(text) == ["- [1] skipped: no CUDA device"]


def test_a_failed_row_stays_with_dashes() -> None:
    row = accuracy(*several(), record("ncf", status="failed", reason="boom"))["ncf"]
    assert {row["test RMSE"], row["test MAE"], row["fit s"], row["× numpy_sgd"]} == {"—"}
    assert row["status"] == "failed [1]"


def test_a_timeout_shows_what_it_has() -> None:
    row = accuracy(record(status="timeout", reason="limit 60 s", rmse=0.95, fit_s=60))["numpy_sgd"]
    assert (row["test RMSE"], row["fit s"], row["status"]) == (
        "0.9500",
        "60.0",
        "timeout [1]",
    )
    row = accuracy(record(status="timeout", metrics=None, times=None))["numpy_sgd"]
    assert (row["test RMSE"], row["status"]) == ("—", "timeout [1]")


def test_equal_reasons_share_a_footnote() -> None:
    failed = [record(name, status="failed", reason="no torch") for name in ("ncf", "autorec")]
    text = accuracy_table(table_of(*failed, record("bias", status="failed", reason="other")))
    assert footnotes(text) == ["- [1] failed: other", "- [2] failed: no torch"]


def test_a_row_whose_last_epoch_is_its_best_is_flagged() -> None:
    rising = training_curve(0.92, 12.0)
    falling = rising[:8]

    def flags(*runs: Record) -> list[str]:
        return footnotes(accuracy_table(table_of(*runs)))

    flag = "still improving when its epochs ended"
    assert flags(record(curve=falling)) == [f"- [1] {flag}"]
    runs = [record(curve=falling), record(seed=1, curve=rising), record(seed=2, curve=falling)]
    assert flags(*runs) == [f"- [1] {flag}"]
    assert flags(*runs[:2]) == []  # not most of them
    goal, short = (
        CellRecord(**{**record().cell.model_dump(), **changes})
        for changes in ({"rules": {"until_rmse": 0.95}}, {"shortened_to": 8})
    )
    for other in (
        record(curve=rising),
        record(curve=falling[:1]),
        record(curve=falling, cell=goal),
        record(curve=falling, cell=short),
        record(curve=closed_form(0.92, 1.0)),
    ):
        assert flags(other) == []
    assert flags(record(curve=falling, status="timeout")) == ["- [1] timeout"]


def test_flags_are_footnotes() -> None:
    flagged = record(metrics=metrics(0.9, [], flags=["no better than global_mean"]))
    assert accuracy(flagged)["numpy_sgd"]["status"] == "ok [1]"


def test_without_the_reference_there_is_no_ratio() -> None:
    assert "× numpy_sgd" not in accuracy(record("ncf"))["ncf"]
    failed = record(status="failed")
    assert "× numpy_sgd" not in accuracy(failed, *several("ncf"))["ncf"]


def test_a_short_trial_of_the_reference_does_not_become_the_reference() -> None:
    trial = record(hyperparameters={"epochs": 1}, rmse=1.0, fit_s=0.1, minute=9)
    rows = accuracy(*several(fit_s=20), trial, *several("ncf", fit_s=10))
    assert rows["ncf"]["× numpy_sgd"] == "2.0× (2.0–2.0)"


def test_of_several_ways_the_reference_ran_the_one_with_most_seeds_counts() -> None:
    lucky = record(hyperparameters={"epochs": 40}, rmse=0.90, fit_s=40, minute=9)
    rows = accuracy(*(record(seed=n, fit_s=20) for n in range(3)), lucky, *several("ncf", fit_s=10))
    assert rows["ncf"]["× numpy_sgd"] == "2.0× (1.7–2.2)"


def test_a_closed_form_has_no_epochs() -> None:
    row = accuracy(record("bias", curve=closed_form(0.94, 0.01)))["bias"]
    assert row["epochs"] == "—"
    assert accuracy(record(metrics=metrics(0.9, [], epochs=10)))["numpy_sgd"]["epochs"] == "10"


def test_numbers_are_aligned_right_and_names_left() -> None:
    rule = accuracy_table(table_of(record())).splitlines()[1].strip("|").split("|")
    sides = ["right" if cell.endswith(":") else "left" for cell in rule]
    assert sides == ["left", "left", "right", "right", "right", "right", "left"]


def test_a_pipe_in_a_name_stays_in_its_cell() -> None:
    strange = record("dir/a|b.py:Größe", model="x|y")
    assert set(accuracy(strange)) == {r"dir/a\|b.py:Größe"}
    for rendered in (goal_table, cost_table, headline_table):
        assert r"dir/a\|b.py:Größe" in cells(rendered(table_of(strange)))


def test_costs_are_in_seconds_and_megabytes() -> None:
    gpu = Memory(host_peak_bytes=900_000_000, device_peak_bytes=12_345_678)
    table = table_of(record(fit_s=3), record("ncf", device="cuda", memory=gpu, fit_s=1))
    rows = cells(cost_table(table))
    assert rows["numpy_sgd"] == {
        "implementation": "numpy_sgd",
        "device": "CPU",
        "warm-up s": "0.0500",
        "epoch s": "0.100",
        "predict s": "0.00400",
        "evaluation s": "0.100",
        "first model s": "3.25",
        "host peak MB": "180",
        "device peak MB": "—",
        "J per fit": "not available",
    }
    assert rows["ncf"]["device peak MB"] == "12.3"
    assert "device peak MB" not in cost_table(table_of(record()))


def test_energy_stands_in_a_table_with_a_device_alone() -> None:
    energy = Energy(joules_per_fit=123.4, fits=5, seconds=6.0)
    reason = "nvidia-ml-py is not installed"
    table = table_of(
        record(fit_s=3),
        record("ncf", device="cuda", energy=energy),
        record("autorec", device="cuda", energy_reason=reason),
        record("als", device="cuda", status="skipped", reason="no CUDA device"),
    )
    text = cost_table(table)
    joules = {row: columns["J per fit"] for row, columns in cells(text).items()}
    assert joules == {
        "numpy_sgd": "not available",
        "ncf": "123",
        "autorec": "not available [2]",
        "als [1]": "—",
    }
    assert footnotes(text)[1] == f"- [2] no energy: {reason}"
    skipped = record("als", device="cuda", status="skipped", reason="no CUDA device")
    for without in (table_of(record()), table_of(record(), skipped)):
        assert "J per fit" not in cost_table(without)


def test_updates_stand_beside_what_the_machine_allows() -> None:
    scores = metrics(0.9, [], n_train=80_000)
    machine = environment(roofs=[Roof(threads=2, flops_per_s=1e12, bandwidth={1024: 1.72e6})])
    settings = {"factors": 9}
    common = {"metrics": scores, "hyperparameters": settings, "environment": machine}
    sgd = [record(fit_s=fit_s, seed=seed, **common) for seed, fit_s in enumerate((60, 61))]
    once = record("numba_sgd", fit_s=60, **common)
    costs = cells(cost_table(table_of(*sgd, once, record("own.py:A", metrics=scores))))
    # An epoch of 2 s; 172 bytes an update.
    assert costs["numba_sgd"]["M updates/s"] == "0.0400"
    assert costs["numpy_sgd"]["% of bound"] == "397 (357–441)"
    assert costs["numba_sgd"]["% of bound"] == "—"  # one run has no interval
    assert costs["own.py:A"]["% of bound"] == "—"


@pytest.mark.parametrize("rendered", [accuracy_table, headline_table, cost_table])
def test_a_table_of_failures_alone_is_still_a_table(rendered: Callable[[Table], str]) -> None:
    table = table_of(
        record(status="out of memory", reason="2.0 GB"), record("ncf", status="diverged")
    )
    assert len(cells(rendered(table))) == 2


def headers(*records: Record) -> list[str]:
    """The goals' columns of a table with one row."""
    [row] = cells(goal_table(table_of(*records))).values()
    return list(row)[1:]


def test_the_row_that_reached_the_hardest_goal_first_leads() -> None:
    table = table_of(
        record("bias", curve=closed_form(0.944, 0.01), rmse=0.944),
        record("ncf", curve=training_curve(0.93, 5), fit_s=5),
        record("autorec", curve=training_curve(0.905, 50), fit_s=50),
        record("numpy_sgd", curve=training_curve(0.905, 40), fit_s=40),
        record("embedding_mf", status="failed", reason="boom"),
    )
    rows = cells(goal_table(table))
    assert list(rows) == ["numpy_sgd", "autorec", "ncf", "bias", "embedding_mf [1]"]
    assert list(rows["bias"])[1:] == list(HEADERS)
    assert rows["bias"][HEADERS[0]] == "0.0100"
    assert rows["bias"][HEADERS[1]] == "∞ (best 0.9440)"
    assert set(rows["embedding_mf [1]"].values()) == {"embedding_mf [1]", "—"}


def test_only_the_accuracy_table_marks_rows_that_have_figures() -> None:
    flagged = record(metrics=metrics(0.9, [], flags=["doubtful"]))
    assert list(cells(goal_table(table_of(flagged)))) == ["numpy_sgd"]


def test_a_goal_that_some_seeds_miss_says_how_many_reached_it() -> None:
    hit, miss = (training_curve(best, 10) for best in (0.90, 0.93))
    two_of_three = [record(seed=n, curve=curve) for n, curve in enumerate((hit, hit, miss))]
    one_of_three = [record(seed=n, curve=curve) for n, curve in enumerate((hit, miss, miss))]
    rows = cells(goal_table(table_of(*two_of_three)))["numpy_sgd"]
    assert rows[HEADERS[2]].endswith("(2 of 3)")
    rows = cells(goal_table(table_of(*one_of_three)))["numpy_sgd"]
    assert rows[HEADERS[2]].startswith("∞ (1 of 3, best 0.93")


def test_runs_made_with_other_goals_are_read_off_their_curves() -> None:
    table = table_of(record(goals=(0.99,), minute=1), record("ncf", goals=(0.95, 0.94), minute=2))
    rows = cells(goal_table(table))
    assert list(rows["ncf"])[1:] == ["≤ 0.950", "≤ 0.940"]
    assert rows["ncf"]["≤ 0.950"] == rows["numpy_sgd"]["≤ 0.950"] != "—"


def test_without_goals_there_is_no_goal_table() -> None:
    assert goal_table(table_of(record(goals=()))) == ""
    assert goal_table(table_of(record(split="u1", curve=[]))) == ""


def test_a_synthetic_datasets_goals_are_steps_to_its_floor() -> None:
    run = record(dataset="synthetic-100k", goals=(0.930, 0.911, 0.882), data=data(floor=0.85))
    assert headers(run) == [
        "≤ 0.930 (1/10 to the floor)",
        "≤ 0.911 (3/10 to the floor)",
        "≤ 0.882 (6/10 to the floor)",
    ]


def test_a_goal_of_no_name_is_what_bias_reached_or_one_of_another_time() -> None:
    assert headers(record(dataset="my/ratings.csv", goals=(0.95,))) == ["≤ 0.950 (bias)"]
    assert headers(record(dataset="ml-25m", goals=(0.95,))) == ["≤ 0.950 (bias)"]
    assert headers(record(goals=(0.95,))) == ["≤ 0.950"]


def test_a_row_that_cannot_be_interrupted_is_marked_and_its_smallest_fit_counts() -> None:
    text = goal_table(table_of(record(), epoch_budgets("peer:libmf")))
    rows = cells(text)
    assert footnotes(text) == [f"- [1] {EPOCH_BUDGETS}"]
    assert list(rows) == ["peer:libmf [1]", "numpy_sgd"]
    assert list(rows["peer:libmf [1]"].values())[1:] == [
        *("0.400", "0.400", "1.60", "∞ (best 0.9135)"),
    ]


def test_the_headline_has_goals_accuracy_fit_time_and_status() -> None:
    flagged = metrics(0.92, [], flags=["doubtful"])
    table = table_of(
        *(record(seed=seed, fit_s=10.0 + seed, metrics=flagged) for seed in range(3)),
        record("ncf", status="failed", reason="boom"),
        epoch_budgets("peer:libmf"),
    )
    text = headline_table(table)
    rows = cells(text)
    assert list(rows) == ["peer:libmf [1]", "numpy_sgd", "ncf"]
    assert list(rows["ncf"]) == ["implementation", *HEADERS, "test RMSE", "fit s", "status"]
    row = rows["numpy_sgd"]
    assert row["test RMSE"].startswith("0.9200 ±")
    assert (row["fit s"], row["status"]) == ("11.0 (10.0–12.0)", "3 of 3 ok [3]")
    assert set(list(rows["ncf"].values())[1:-1]) == {"—"}
    improving = "- [2] still improving when its epochs ended"
    assert footnotes(text)[1:] == [improving, "- [3] doubtful", "- [4] failed: boom"]


def test_a_headline_of_two_devices_has_a_line_for_each() -> None:
    text = headline_table(table_of(record("ncf"), record("ncf", device="cuda", fit_s=1)))
    assert [line.split("|")[2].strip() for line in text.splitlines()[2:]] == ["CUDA", "CPU"]


def test_a_headline_without_goals_is_in_the_order_of_the_table() -> None:
    rows = headline_table(table_of(record("ncf", curve=[]), record("bias", curve=[])))
    assert list(cells(rows)) == ["bias", "ncf"]


def test_a_column_is_plain_text_and_marks_nothing() -> None:
    table = table_of(record("a_b|c", status="failed", reason="boom"))
    [line] = lines_in_order(table)
    texts = {column.header: column.text(line) for column in headline_columns(table)}
    assert (texts["implementation"], texts["test RMSE"], texts["status"]) == (
        "a_b|c",
        "—",
        "failed",
    )
    [status] = (column for column in headline_columns(table) if column.header == "status")
    assert status.remarks(line) == ["failed: boom"]


def test_a_cell_can_lead_to_a_page() -> None:
    column = Column[str]("dataset", str, link=lambda name: f"{name}.md", align="left")
    assert "| [ml-1m](ml-1m.md) |" in markdown_table([column], ["ml-1m"])


def sliced(name: str, *slices: Slice, **fields: Any) -> Record:
    return record(name, metrics=metrics(0.9, [], slices=slices), **fields)


def of_users(name: str, rmse: float, low: int | None = None, high: int | None = None) -> Slice:
    return Slice(by="training", name=name, low=low, high=high, n=5, rmse=rmse, mae=0.5)


def of_time(name: str, rmse: float) -> Slice:
    return Slice(by="time", name=name, low=0, high=86_400, n=5, rmse=rmse, mae=0.5)


def slice_table(*records: Record) -> dict[str, dict[str, str]]:
    table = table_of(*records)
    return cells(markdown_table(slice_columns(table), table.lines))


def test_accuracy_by_slice_has_a_column_for_each_in_order_and_dashes() -> None:
    few, many = of_users("few", 1.1, 1, 10), of_users("many", 0.8, 51)
    cold, newest = of_users("cold start", 1.3), of_time("newest", 1.25)
    found = slice_table(
        sliced("bias", cold, newest, many, of_time("oldest", 0.7)),
        sliced("als", few, newest, minute=1),
        record("ncf", minute=2),
        record("autorec", status="failed", reason="boom", minute=3),
    )
    headers = ["few (1–10)", "many (51+)", "cold start", "oldest third", "newest third"]
    assert list(found["bias"]) == ["implementation", *headers]
    assert list(found["bias"].values())[1:] == ["—", "0.8000", "1.3000", "0.7000", "1.2500"]
    assert list(found["als"].values())[1:] == ["1.1000", "—", "—", "—", "1.2500"]
    assert set(list(found["ncf"].values())[1:]) == {"—"}
    assert set(list(found["autorec [1]"].values())[1:]) == {"—"}


def test_a_slice_of_several_seeds_is_a_mean_with_its_interval() -> None:
    seeds = [
        sliced("bias", of_users("few", rmse, 1, 10), seed=seed, minute=seed)
        for seed, rmse in enumerate((1.0, 1.02))
    ]
    assert slice_table(*seeds)["bias"]["few (1–10)"] == "1.0100 ± 0.1271"


def test_slices_that_were_cut_elsewhere_have_a_column_of_their_own() -> None:
    found = slice_table(
        sliced("bias", of_users("few", 1.1, 1, 10)), sliced("als", of_users("few", 1.2, 1, 5))
    )
    assert found["bias"]["few (1–10)"] == "1.1000"
    assert found["bias"]["few (1–5)"] == "—"


def test_where_no_record_has_slices_there_are_no_columns() -> None:
    assert slice_columns(table_of(*eight())) == []


def test_lines_of_a_slice_are_per_device() -> None:
    found = slice_columns(
        table_of(
            sliced("als", of_users("few", 1.1, 1, 10)),
            sliced("als", of_users("few", 1.1, 1, 10), device="cuda"),
        )
    )
    assert [column.header for column in found] == ["implementation", "device", "few (1–10)"]
