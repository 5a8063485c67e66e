"""`--cluster` for real: workers that are processes, on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.records import Record
from bench.store import RecordStore
from tests.support.command_line import MEAN, Bench, write

ROWS = ("bias", "numpy_sgd")
FEW = ("--epochs", "2", "--seeds", "2", "--sandbox", "off")


def records(out: Path) -> list[Record]:
    return RecordStore(out).read()[0]


def accuracy(out: Path) -> dict[tuple[str, str, int], tuple[object, ...]]:
    """Dataset, row and seed -> what does not depend on the clock."""
    return {
        (each.cell.dataset, each.cell.implementation, each.cell.seed): (
            each.status,
            each.metrics,
            [(point.epoch, point.rmse, point.mae) for point in each.curve],
            [goal.rmse for goal in each.goals],
            each.cell.hyperparameters,
            each.cell.threads,
            each.data,
            each.source.implementation_hash,
        )
        for each in records(out)
    }


def test_a_cluster_gives_the_records_that_this_machine_gives(
    bench: Bench, cluster: str, tmp_path: Path, ratings: Path
) -> None:
    other = write(tmp_path / "other.csv", scale=(1, 9))
    words = ("run", "--impl", *ROWS, "--dataset", str(ratings), str(other), *FEW)
    here, there = tmp_path / "here", tmp_path / "there"
    alone = bench(*words, "--out", str(here))
    assert alone.returncode == 0, alone.stderr
    done = bench(*words, "--out", str(there), "--cluster", cluster)
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(records(there)) == 8
    assert accuracy(there) == accuracy(here)
    by_machine: dict[str, list[Record]] = {}
    for each in records(there):
        by_machine.setdefault(each.environment.machine, []).append(each)
    assert len(by_machine) == 2
    for machine, some in by_machine.items():
        [dataset] = {each.cell.dataset for each in some}
        order = [(each.cell.implementation, each.cell.seed) for each in some]
        same = [r for r in records(here) if r.cell.dataset == dataset]
        assert order == [(r.cell.implementation, r.cell.seed) for r in same], machine

    again = bench(*words, "--out", str(there), "--cluster", cluster)
    assert "8 of 8 cells had records already" in again.stdout
    assert len(records(there)) == 8


def test_each_machine_runs_all(bench: Bench, cluster: str, tmp_path: Path, ratings: Path) -> None:
    done = bench(
        *("run", "--impl", "global_mean", MEAN, "--dataset", str(ratings), "--seeds", "1"),
        *("--out", "out", "--cluster", cluster, "--each-machine", "--sandbox", "off"),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = records(tmp_path / "out")
    assert len(found) == 4
    assert len({each.environment.machine for each in found}) == 2
    assert len({each.metrics.rmse for each in found if "Mean" not in each.cell.implementation}) == 1


STUDY = """
description = "a few settings"
implementations = ["numpy_sgd"]
dataset = "{ratings}"
fixed = {{ epochs = 2 }}

[space]
factors = {{ choices = [2, 64] }}
learning_rate = {{ low = 0.01, high = 0.1, log = true }}
"""


def test_trials_of_a_search_go_to_any_machine(
    bench: Bench, cluster: str, tmp_path: Path, ratings: Path
) -> None:
    study = tmp_path / "mine.toml"
    study.write_text(STUDY.format(ratings=ratings), encoding="utf-8")
    words = ("tune", str(study), "--cluster", cluster, "--sandbox", "off", "--trials")
    done = bench(*words, "4")
    assert done.returncode == 0, done.stderr + done.stdout
    found = records(tmp_path / "results" / "tuning")
    assert [each.status for each in found] == ["ok"] * 4
    assert all(each.metrics is None and each.curve for each in found)
    assert len({each.environment.machine for each in found}) == 2
    assert bench(*words, "5").returncode == 0
    assert len(records(tmp_path / "results" / "tuning")) == 5


def test_options_that_a_cluster_does_not_have_are_refused(bench: Bench) -> None:
    done = bench("run", "--cluster", "local:2", "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--dry-run shows the plan of this machine" in done.stderr
    done = bench("run", "--each-machine")
    assert "add --cluster" in done.stderr


def test_without_a_cluster_dask_is_not_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys, bench.commands.run, bench.commands.tune; print('distributed' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("words", [("run",), ("tune",)])
def test_an_address_that_cannot_be_meant_is_one_line(bench: Bench, words: tuple[str]) -> None:
    done = bench(*words, "--cluster", "kiwi")
    assert done.returncode == 2
    assert "'kiwi' has no port" in done.stderr
