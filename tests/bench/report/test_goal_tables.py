"""The tables that the time to a target leads."""

from __future__ import annotations

from bench.report.goal_tables import LADDER, goal_table, headline_table
from bench.report.layout import Footnotes

from bench.records import Record
from bench.report.grouping import tables
from bench.report.rows import Table
from tests.support.records import (
    cells,
    closed_form,
    data,
    epoch_budgets,
    metrics,
    record,
    training_curve,
)

HEADERS = (
    "≤ 0.946 (bias)",
    "≤ 0.937 (Surprise SVD)",
    "≤ 0.915 (tuned MF)",
    "≤ 0.900 (Bayesian MF)",
)


def table_of(*records: Record) -> Table:
    [table] = tables(records)
    return table


def headers(*records: Record) -> list[str]:
    """The targets' columns of a table with one row."""
    [row] = cells(goal_table(table_of(*records), Footnotes())).values()
    return list(row)[1:]


def test_targets_are_sorted_by_the_hardest_reached_first() -> None:
    table = table_of(
        record("bias", curve=closed_form(0.944, 0.01), rmse=0.944),
        record("ncf", curve=training_curve(0.93, 5), fit_s=5),
        record("autorec", curve=training_curve(0.905, 50), fit_s=50),
        record("numpy_sgd", curve=training_curve(0.905, 40), fit_s=40),
        record("embedding_mf", status="failed", reason="boom"),
    )
    made = cells(goal_table(table, Footnotes()))
    assert list(made) == ["numpy_sgd", "autorec", "ncf", "bias", "embedding_mf [1]"]
    assert list(made["bias"])[1:] == list(HEADERS)
    assert made["bias"][HEADERS[0]] == "0.0100"
    assert made["bias"][HEADERS[1]] == "∞ (best 0.9440)"
    assert set(made["embedding_mf [1]"].values()) == {"embedding_mf [1]", "—"}


def test_only_the_main_table_marks_rows_that_have_figures() -> None:
    flagged = record(metrics=metrics(0.9, [], flags=["doubtful"]))
    assert list(cells(goal_table(table_of(flagged), Footnotes()))) == ["numpy_sgd"]


def test_a_target_that_some_seeds_miss_says_how_many_reached_it() -> None:
    hit, miss = (training_curve(best, 10) for best in (0.90, 0.93))
    two_of_three = [record(seed=n, curve=curve) for n, curve in enumerate((hit, hit, miss))]
    one_of_three = [record(seed=n, curve=curve) for n, curve in enumerate((hit, miss, miss))]
    made = cells(goal_table(table_of(*two_of_three), Footnotes()))["numpy_sgd"]
    assert made[HEADERS[2]].endswith("(2 of 3)")
    made = cells(goal_table(table_of(*one_of_three), Footnotes()))["numpy_sgd"]
    assert made[HEADERS[2]].startswith("∞ (1 of 3, best 0.93")


def test_runs_made_with_other_targets_are_read_off_their_curves() -> None:
    table = table_of(record(goals=(0.99,), minute=1), record("ncf", goals=(0.95, 0.94), minute=2))
    made = cells(goal_table(table, Footnotes()))
    assert list(made["ncf"])[1:] == ["≤ 0.950", "≤ 0.940"]
    assert made["ncf"]["≤ 0.950"] == made["numpy_sgd"]["≤ 0.950"] != "—"


def test_without_targets_there_is_no_target_table() -> None:
    assert goal_table(table_of(record(goals=())), Footnotes()) == ""
    assert goal_table(table_of(record(split="u1", curve=[])), Footnotes()) == ""


def test_a_synthetic_sets_targets_are_steps_to_its_floor() -> None:
    made = record(dataset="synthetic-100k", goals=(0.930, 0.911, 0.882), data=data(floor=0.85))
    assert headers(made) == [
        "≤ 0.930 (1/10 to the floor)",
        "≤ 0.911 (3/10 to the floor)",
        "≤ 0.882 (6/10 to the floor)",
    ]


def test_a_target_of_no_name_is_what_bias_reached_or_one_of_another_time() -> None:
    assert headers(record(dataset="my/ratings.csv", goals=(0.95,))) == ["≤ 0.950 (bias)"]
    assert headers(record(dataset="ml-25m", goals=(0.95,))) == ["≤ 0.950 (bias)"]
    assert headers(record(goals=(0.95,))) == ["≤ 0.950"]


def test_a_row_that_cannot_be_interrupted_is_marked_and_its_smallest_fit_counts() -> None:
    notes = Footnotes()
    made = cells(goal_table(table_of(record(), epoch_budgets("peer:libmf")), notes))
    assert notes.lines() == [f"- [1] {LADDER}"]
    assert list(made) == ["peer:libmf [1]", "numpy_sgd"]
    assert list(made["peer:libmf [1]"].values())[1:] == [
        *("0.400", "0.400", "1.60", "∞ (best 0.9135)"),
    ]


def test_the_headline_has_targets_accuracy_fit_time_and_status() -> None:
    notes = Footnotes()
    flagged = metrics(0.92, [], flags=["doubtful"])
    table = table_of(
        *(record(seed=seed, fit_s=10.0 + seed, metrics=flagged) for seed in range(3)),
        record("ncf", status="failed", reason="boom"),
        epoch_budgets("peer:libmf"),
    )
    made = cells(headline_table(table, notes))
    assert list(made) == ["peer:libmf [1]", "numpy_sgd", "ncf"]
    assert list(made["ncf"]) == ["implementation", *HEADERS, "test RMSE", "fit s", "status"]
    row = made["numpy_sgd"]
    assert row["test RMSE"].startswith("0.9200 ±")
    assert (row["fit s"], row["status"]) == ("11.0 (10.0–12.0)", "3 of 3 ok [2]")
    assert set(list(made["ncf"].values())[1:-1]) == {"—"}
    assert notes.lines()[1:] == ["- [2] doubtful", "- [3] failed: boom"]


def test_a_headline_of_two_devices_has_a_line_for_each() -> None:
    made = headline_table(
        table_of(record("ncf"), record("ncf", device="cuda", fit_s=1)), Footnotes()
    )
    assert [line.split("|")[2].strip() for line in made.splitlines()[2:]] == ["CUDA", "CPU"]


def test_a_headline_without_targets_is_in_the_order_of_the_table() -> None:
    made = headline_table(table_of(record("ncf", curve=[]), record("bias", curve=[])), Footnotes())
    assert list(cells(made)) == ["bias", "ncf"]
