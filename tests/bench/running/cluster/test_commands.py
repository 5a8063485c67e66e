"""`--cluster` for real: workers that are processes, on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.records import Record
from bench.running.cluster import connecting
from bench.store import RecordStore
from tests.support.command_line import MEAN, Bench, write

ROWS = ("bias", "global_mean")
FEW = ("--seeds", "1", "--sandbox", "off")


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
    assert len(records(there)) == 4
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
    assert "4 of 4 cells had records already" in again.stdout
    assert len(records(there)) == 4


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
implementations = ["bias"]
dataset = "{ratings}"

[space]
sweeps = {{ choices = [3, 10] }}
user_damping = {{ low = 1.0, high = 50.0, log = true }}
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
    best = min(point.rmse for each in found for point in each.curve)
    folder = Path("results") / "tuning" / "records"
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"mine: of 4 trials the best has RMSE {best:.4f} with sweeps=")
    assert last.endswith(f"; records: {folder}")
    assert bench(*words, "5").returncode == 0
    assert len(records(tmp_path / "results" / "tuning")) == 5


def refused(*words: str) -> str:
    """What the command says instead of running."""
    done = CliRunner().invoke(app, [*words])
    assert done.exit_code == 2
    return re.sub(r"\s+", " ", done.output)


def test_options_that_change_nothing_or_cannot_be_had_are_refused() -> None:
    assert "--dry-run shows the plan of this machine" in refused(
        *("run", "--cluster", "local:2", "--dry-run")
    )
    assert "add --cluster" in refused("run", "--each-machine")


@pytest.mark.parametrize("words", [("run",), ("tune",), ("choose", "synthetic-100k")])
def test_an_address_that_cannot_be_meant_is_one_line(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    assert "'kiwi' has no port" in refused(
        *(*words, "--cluster", "kiwi", "--out", str(tmp_path / "out"))
    )


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--dataset", "synthetic-100k"),
        ("tune", "als", "--dataset", "synthetic-100k"),
        ("choose", "synthetic-100k"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_line(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what is awaited, and nothing of a run that goes on."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(connecting.address.reached, "__defaults__", (0.1,))
    out = tmp_path / "out"
    shown = refused(*words, "--cluster", "127.0.0.1:1", "--out", str(out))
    assert "looking for the scheduler of 127.0.0.1:1, for up to 10 s error: no scheduler" in shown
    assert "goes on" not in shown
    if words == ("run",):
        assert not out.exists()


def test_without_a_cluster_dask_is_not_imported() -> None:
    code = (
        "import sys, bench.commands.run, bench.commands.tune; print('distributed' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
