"""Which records count in a table, and which stand together."""

from __future__ import annotations

import pytest

from bench.records import Disturbance, Record
from bench.report.grouping import machines, tables
from bench.report.metrics import by_seed, components_of, fit_s, seconds_by_seed, seconds_to
from bench.report.rows import Row, Runs, device_kind
from tests.support.records import GOALS, data, eight, metrics, record, times


def only_row(*records: Record) -> Row:
    [table] = tables(records)
    [row] = table.rows
    return row


def cpu(*records: Record) -> Runs:
    return only_row(*records).runs["CPU"]


def test_the_newest_record_of_a_seed_counts_even_where_it_failed() -> None:
    runs = cpu(record(minute=1), record(status="failed", reason="boom", minute=2))
    assert runs.status == "failed"
    assert runs.remarks == ["failed: boom"]


def test_only_runs_that_ended_well_or_in_time_have_figures() -> None:
    diverged = record(status="diverged", metrics=metrics(0.9, []), times=times(1.0))
    assert cpu(diverged).scored == []


def test_order_in_the_file_does_not_decide_what_is_newest() -> None:
    assert (
        cpu(record(rmse=0.91, minute=5), record(rmse=0.92, minute=1)).scored[0].metrics.rmse == 0.91
    )


def test_a_skip_hides_no_run() -> None:
    assert cpu(record(minute=1), record(status="skipped", minute=2)).status == "ok"
    runs = cpu(
        record(minute=1), record(status="failed", minute=2), record(status="skipped", minute=3)
    )
    assert runs.status == "failed"


def test_a_lost_run_is_a_row_and_hides_no_other_one() -> None:
    lost = record(status="lost", reason="its machine left", seed=1, minute=2)
    assert cpu(lost).status == "lost"
    assert cpu(lost).remarks == ["lost: its machine left"]
    runs = cpu(record(seed=0, minute=1), lost)
    assert runs.status == "1 of 2 ok"
    assert cpu(record(seed=1, minute=1), lost).status == "ok"
    assert cpu(record(seed=1, minute=3), lost).status == "ok"
    again = cpu(record(seed=1, minute=0), record(seed=1, again=1, minute=1), lost)
    assert [each.status for each in again.records] == ["ok", "ok"]


def test_a_lost_run_of_newer_source_outdates_nothing() -> None:
    runs = cpu(
        record(source="old", seed=0, minute=1),
        record(source="new", seed=0, status="lost", minute=2),
    )
    assert [each.source.implementation_hash for each in runs.records] == ["old"]


def test_the_newest_record_of_a_table_is_none_that_was_lost() -> None:
    found = record(minute=1)
    [table] = tables([found, record("bias", status="lost", minute=2)])
    assert table.newest == found
    [table] = tables([lost := record(status="lost")])
    assert table.newest == lost


def test_records_of_older_source_are_left_out() -> None:
    runs = cpu(
        record(source="old", seed=0, minute=1),
        record(source="old", seed=1, minute=2),
        record(source="new", seed=0, minute=3),
    )
    assert [r.source.implementation_hash for r in runs.records] == ["new"]


def test_newest_source_counts_even_where_it_fails() -> None:
    runs = cpu(record(source="old", minute=1), record(source="new", status="failed", minute=2))
    assert runs.status == "failed"


def test_new_defaults_leave_no_row_of_the_old_ones() -> None:
    old = {"source": "old", "hyperparameters": {"factors": 8}}
    row = only_row(
        record(**old, minute=1),
        record(**old, device="cuda", status="skipped", minute=1),
        record(source="new", hyperparameters={"factors": 32}, minute=2),
    )
    assert row.hyperparameters == {"factors": 32}


def test_a_skip_of_newer_source_outdates_nothing_and_stays() -> None:
    row = only_row(
        record(source="old", minute=1),
        record(source="new", device="cuda", status="skipped", reason="no CUDA device", minute=2),
    )
    assert {kind: runs.status for kind, runs in row.runs.items()} == {
        "CPU": "ok",
        "CUDA": "skipped",
    }


def test_a_missing_package_adds_no_row_to_those_that_ran() -> None:
    row = only_row(
        record(minute=1),
        record(source="", hyperparameters={}, status="skipped", reason="no torch", minute=2),
    )
    assert row.runs["CPU"].status == "ok"
    assert cpu(record(source="", hyperparameters={}, status="skipped")).status == "skipped"


def test_machines_splits_and_data_never_share_a_table() -> None:
    found = tables(
        [
            record(),
            record(machine="box-2"),
            record(split="u1"),
            record(data=data(fingerprint="other")),
        ]
    )
    assert len(found) == 4
    assert all(len(table.rows) == 1 for table in found)


def test_a_machine_that_was_lost_in_all_it_ran_is_the_last() -> None:
    lost = record(machine="box-3", status="lost", reason="its machine left", minute=2)
    found = tables([record(minute=1), record(machine="box-2"), lost])
    assert machines(found) == ["box-1", "box-2", "box-3"]


def test_one_dataset_under_two_names_is_one_table_by_the_catalogs_name() -> None:
    [table] = tables([record(dataset="/tmp/u.data", minute=1), record(dataset="ml-100k", minute=2)])
    assert table.dataset == "ml-100k"
    [table] = tables([record(dataset="a/x.csv", minute=1), record(dataset="b/y.csv", minute=2)])
    assert table.dataset == "a/x.csv"


@pytest.mark.parametrize(("device", "kind"), [("cpu", "CPU"), ("cuda", "CUDA"), ("cuda:1", "CUDA")])
def test_devices_are_distinguished_by_kind(device: str, kind: str) -> None:
    assert device_kind(device) == kind
    assert list(only_row(record(device=device)).runs) == [kind]


def test_rows_stand_in_the_registrys_order_baselines_first_and_strangers_last() -> None:
    records = [*eight()[::-1], record("zebra"), record("numpy_sgd", preset="published")]
    labels = [row.label for row in tables(records)[0].rows]
    assert labels[:4] == ["global_mean", "bias", "numpy_sgd", "numpy_sgd:published"]
    assert labels[-2:] == ["ncf", "zebra"]


def test_namesakes_are_labelled_by_what_differs_and_by_nothing_else() -> None:
    [table] = tables(
        [
            record(hyperparameters={"epochs": 3, "factors": 32}),
            record(hyperparameters={"epochs": 30, "factors": 32}),
            record(hyperparameters={"epochs": 30, "factors": 32}, threads=1),
            record("bias", hyperparameters={"damping": 10}),
        ]
    )
    assert {row.label for row in table.rows} == {
        "bias",
        "numpy_sgd epochs=3 threads=2",
        "numpy_sgd epochs=30 threads=2",
        "numpy_sgd epochs=30 threads=1",
    }


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ok"], "ok"),
        (["timeout"], "timeout"),
        (["ok", "ok", "ok"], "3 of 3 ok"),
        (["ok", "failed", "ok"], "2 of 3 ok"),
        (["failed", "failed"], "failed"),
        (["failed", "diverged"], "0 of 2 ok"),
    ],
)
def test_status_counts_how_many_seeds_ended_well(statuses: list[str], expected: str) -> None:
    assert (
        cpu(*(record(seed=n, status=status) for n, status in enumerate(statuses))).status
        == expected
    )


def test_pinned_runs_are_a_row_of_their_own() -> None:
    pinned, loose = record(seed=0), record(seed=0, minute=1)
    pinned.cell.pinned = True
    [table] = tables([pinned, loose])
    remarks = {row.label: row.runs["CPU"].remarks for row in table.rows}
    assert remarks == {
        "numpy_sgd pinned=False": [],
        "numpy_sgd pinned=True": ["pinned to one core"],
    }


def test_remarks_name_each_reason_and_flag_once() -> None:
    flagged = record(seed=3, metrics=metrics(0.9, [], flags=["all predictions are equal"]))
    runs = cpu(
        record(seed=0, status="failed", reason="line 1:\n  bad"),
        record(seed=1, status="failed", reason="line 1:\n  bad"),
        record(seed=2, status="diverged"),
        flagged,
    )
    assert runs.remarks == ["failed: line 1: bad", "diverged", "all predictions are equal"]


def test_disturbed_runs_are_one_remark_with_their_number() -> None:
    busy = Disturbance(steal_s=None, wait_s=6.0, involuntary_switches=9)
    disturbed = [record(seed=n, disturbance=busy) for n in range(2)]
    [remark] = cpu(*disturbed, record(seed=2)).remarks
    assert remark == f"disturbed, 2 of 3 runs, such as: {disturbed[0].disturbed}"
    assert "waited for a core" in remark


def test_a_seed_that_ran_again_counts_once_with_the_mean_of_its_runs() -> None:
    first, other = record(seed=0, fit_s=10.0), record(seed=1, fit_s=13.0)
    again = record(seed=0, again=1, fit_s=12.0)
    runs = cpu(first, again, other)
    assert (runs.n_seeds, len(runs.records), runs.status) == (2, 3, "3 of 3 ok")
    assert by_seed(runs, fit_s) == {0: 11.0, 1: 13.0}
    of_goal = seconds_by_seed(runs, GOALS[0])
    assert of_goal[0] == pytest.approx(11 / 10 * seconds_to(first, GOALS[0]))


def test_a_run_before_the_first_of_its_seed_does_not_count() -> None:
    """As after `--fresh --seeds N`: it may have been another machine's state."""
    runs = cpu(record(again=1, minute=1), record(seed=0, minute=2), record(seed=1, again=1))
    assert [(each.cell.seed, each.cell.again) for each in runs.records] == [(0, 0), (1, 1)]


def test_seeds_that_ran_again_for_a_disturbance_have_no_part_in_the_components() -> None:
    busy = Disturbance(steal_s=None, wait_s=30.0, involuntary_switches=9)
    times = {(0, 0): 10.0, (0, 1): 11.0, (1, 0): 20.0, (1, 1): 21.0}
    runs = [record(seed=s, again=a, fit_s=each) for (s, a), each in times.items()]
    disturbed = [record(seed=2, fit_s=60, disturbance=busy), record(seed=2, again=1, fit_s=15)]
    without, with_ = (components_of(cpu(*some)) for some in (runs, [*runs, *disturbed]))
    assert without is not None
    assert with_ is not None
    assert with_.machine.value == pytest.approx(without.machine.value)


def test_one_seed_that_ran_again_is_no_repeat() -> None:
    [table] = tables([record(), record(again=1), record("bias")])
    assert not table.has_repeats


def test_a_fold_that_ran_again_is_one_fold() -> None:
    folds = [record(seed=n, split="5-fold") for n in range(5)]
    assert cpu(*folds, record(seed=0, again=1, split="5-fold")).status == "5 of 5 folds ok"
