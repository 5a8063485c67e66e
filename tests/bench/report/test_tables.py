"""What stands in the cells."""

from __future__ import annotations

import pytest
from bench.report.goal_tables import goal_table, headline_table
from bench.report.layout import Footnotes
from bench.report.training_tables import cost_table

from bench.records import Energy, Memory, Record, Roof
from bench.report.grouping import tables
from bench.report.rows import Table
from bench.report.tables import main_table
from tests.support.records import (
    cells,
    closed_form,
    eight,
    environment,
    metrics,
    record,
)


def table_of(*records: Record) -> Table:
    [table] = tables(records)
    return table


def main(*records: Record) -> dict[str, dict[str, str]]:
    return cells(main_table(table_of(*records), Footnotes()))


def test_a_row_holds_accuracy_beside_time_with_units_in_the_header() -> None:
    row = main(*eight())["embedding_mf"]
    assert row == {
        "implementation": "embedding_mf",
        "model": "biased MF",
        "test RMSE": "0.9172",
        "test MAE": "0.7218",
        "fit s (CPU)": "4.10",
        "× numpy_sgd": "5.2×",
        "epochs": "18/30",
        "status": "ok",
    }


def test_repeats_give_an_interval_for_accuracy_and_a_range_for_time() -> None:
    made = main(*(record(seed=n, rmse=0.92 + n / 1000, fit_s=10 + n) for n in range(3)))
    row = made["numpy_sgd"]
    assert row["test RMSE"] == "0.9210 ± 0.0025"
    assert row["fit s (CPU)"] == "11.0 (10.0–12.0)"
    assert row["status"] == "3 of 3 ok"


def test_cuda_stands_beside_the_cpu_and_is_measured_against_the_cpus_reference() -> None:
    made = main(
        record(fit_s=20),
        record("embedding_mf", fit_s=4),
        record("embedding_mf", device="cuda", fit_s=2, rmse=0.93),
    )
    row = made["embedding_mf"]
    assert (row["fit s (CPU)"], row["fit s (CUDA)"]) == ("4.00", "2.00")
    assert (row["× numpy_sgd (CPU)"], row["× numpy_sgd (CUDA)"]) == ("5.0×", "10×")
    assert (row["test RMSE (CPU)"], row["test RMSE (CUDA)"]) == ("0.9200", "0.9300")
    assert row["status"] == "CPU ok, CUDA ok"
    assert made["numpy_sgd"]["fit s (CUDA)"] == "—"


def test_without_any_cuda_record_there_is_no_cuda_column() -> None:
    assert not any("CUDA" in header for header in main(record())["numpy_sgd"])


def test_a_skipped_device_keeps_its_columns_and_says_why() -> None:
    notes = Footnotes()
    skipped = record("ncf", device="cuda", status="skipped", reason="no CUDA device")
    row = cells(main_table(table_of(record(), skipped), notes))["ncf"]
    assert row["fit s (CUDA)"] == "—"
    assert row["status"] == "CUDA skipped [1]"
    assert notes.lines() == ["- [1] skipped: no CUDA device"]


def test_a_failed_row_stays_with_dashes() -> None:
    row = main(record(), record("ncf", status="failed", reason="boom"))["ncf"]
    assert {row["test RMSE"], row["test MAE"], row["fit s (CPU)"], row["× numpy_sgd"]} == {"—"}
    assert row["status"] == "failed [1]"


def test_a_timeout_shows_what_it_has() -> None:
    row = main(record(status="timeout", reason="limit 60 s", rmse=0.95, fit_s=60))["numpy_sgd"]
    assert (row["test RMSE"], row["fit s (CPU)"], row["status"]) == (
        "0.9500",
        "60.0",
        "timeout [1]",
    )
    row = main(record(status="timeout", metrics=None, times=None))["numpy_sgd"]
    assert (row["test RMSE"], row["status"]) == ("—", "timeout [1]")


def test_equal_reasons_share_a_footnote() -> None:
    notes = Footnotes()
    failed = [record(name, status="failed", reason="no torch") for name in ("ncf", "autorec")]
    main_table(table_of(*failed, record("bias", status="failed", reason="other")), notes)
    assert notes.lines() == ["- [1] failed: other", "- [2] failed: no torch"]


def test_flags_are_footnotes() -> None:
    flagged = record(metrics=metrics(0.9, [], flags=["no better than global_mean"]))
    assert main(flagged)["numpy_sgd"]["status"] == "ok [1]"


def test_without_the_reference_there_is_no_ratio() -> None:
    assert "× numpy_sgd" not in main(record("ncf"))["ncf"]
    failed = record(status="failed")
    assert "× numpy_sgd" not in main(failed, record("ncf"))["ncf"]


def test_a_short_trial_of_the_reference_does_not_become_the_reference() -> None:
    trial = record(hyperparameters={"epochs": 1}, rmse=1.0, fit_s=0.1, minute=9)
    made = main(record(fit_s=20), trial, record("ncf", fit_s=10))
    assert made["ncf"]["× numpy_sgd"] == "2.0×"


def test_of_several_ways_the_reference_ran_the_one_with_most_seeds_counts() -> None:
    lucky = record(hyperparameters={"epochs": 40}, rmse=0.90, fit_s=40, minute=9)
    made = main(*(record(seed=n, fit_s=20) for n in range(3)), lucky, record("ncf", fit_s=10))
    assert made["ncf"]["× numpy_sgd"] == "2.0×"


def test_a_closed_form_has_no_epochs() -> None:
    row = main(record("bias", curve=closed_form(0.94, 0.01)))["bias"]
    assert row["epochs"] == "—"
    assert main(record(metrics=metrics(0.9, [], epochs=10)))["numpy_sgd"]["epochs"] == "10"


def test_numbers_are_aligned_right_and_names_left() -> None:
    rule = main_table(table_of(record()), Footnotes()).splitlines()[1].strip("|").split("|")
    sides = ["right" if cell.endswith(":") else "left" for cell in rule]
    assert sides == ["left", "left", "right", "right", "right", "right", "right", "left"]


def test_a_pipe_in_a_name_stays_in_its_cell() -> None:
    strange = record("dir/a|b.py:Größe", model="x|y")
    assert set(main(strange)) == {r"dir/a\|b.py:Größe"}
    for made in (goal_table, cost_table, headline_table):
        assert r"dir/a\|b.py:Größe" in cells(made(table_of(strange), Footnotes()))


def test_costs_are_in_seconds_and_megabytes() -> None:
    gpu = Memory(host_peak_bytes=900_000_000, device_peak_bytes=12_345_678)
    table = table_of(record(fit_s=3), record("ncf", device="cuda", memory=gpu, fit_s=1))
    made = cells(cost_table(table, Footnotes()))
    assert made["numpy_sgd"] == {
        "implementation": "numpy_sgd",
        "device": "CPU",
        "warm-up s": "0.0500",
        "epoch s": "0.100",
        "predict s": "0.00400",
        "evaluation s": "0.100",
        "cold s": "3.25",
        "host peak MB": "180",
        "device peak MB": "—",
        "J per fit": "not available",
    }
    assert made["ncf"]["device peak MB"] == "12.3"
    assert "device peak MB" not in cost_table(table_of(record()), Footnotes())


def test_energy_stands_in_a_table_with_a_device_alone() -> None:
    energy = Energy(joules_per_fit=123.4, fits=5, seconds=6.0)
    reason = "nvidia-ml-py is not installed"
    notes = Footnotes()
    table = table_of(
        record(fit_s=3),
        record("ncf", device="cuda", energy=energy),
        record("autorec", device="cuda", energy_reason=reason),
        record("als", device="cuda", status="skipped", reason="no CUDA device"),
    )
    made = cells(cost_table(table, notes))
    joules = {row: columns["J per fit"] for row, columns in made.items()}
    assert joules == {
        "numpy_sgd": "not available",
        "ncf": "123",
        "autorec": "not available [2]",
        "als [1]": "—",
    }
    assert notes.lines()[1] == f"- [2] no energy: {reason}"
    skipped = record("als", device="cuda", status="skipped", reason="no CUDA device")
    for without in (table_of(record()), table_of(record(), skipped)):
        assert "J per fit" not in cost_table(without, Footnotes())


def test_updates_stand_beside_what_the_machine_allows() -> None:
    made = metrics(0.9, [], n_train=80_000)
    machine = environment(roofs=[Roof(threads=2, flops_per_s=1e12, bandwidth={1024: 1.72e6})])
    settings = {"factors": 9}
    sgd = record(fit_s=60, metrics=made, hyperparameters=settings, environment=machine)
    costs = cells(cost_table(table_of(sgd, record("own.py:A", metrics=made)), Footnotes()))
    # An epoch of 2 s; 172 bytes an update.
    assert costs["numpy_sgd"]["M updates/s"] == "0.0400"
    assert costs["numpy_sgd"]["% of limit"] == "400"
    assert costs["own.py:A"]["% of limit"] == "—"


@pytest.mark.parametrize("made", [main_table, headline_table, cost_table])
def test_a_table_of_failures_alone_is_still_a_table(made: type) -> None:
    table = table_of(
        record(status="out of memory", reason="2.0 GB"), record("ncf", status="diverged")
    )
    assert len(cells(made(table, Footnotes()))) == 2
