"""`bench tune` for real, on a small file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.commands.terminal import UsageError
from bench.commands.tune import tune
from bench.store import RecordStore
from bench.tune import study as studies
from datasets.reading.layout import AS_DETECTED
from tests.support.command_line import MISBEHAVING, Bench, write

STUDY = """
description = "a few settings"
implementations = ["numpy_sgd"]
dataset = "{ratings}"
fixed = {{ epochs = 2 }}

[space]
factors = {{ choices = [2, 64] }}
learning_rate = {{ low = 0.01, high = 0.1, log = true }}
"""


@pytest.fixture
def study(tmp_path: Path, ratings: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(STUDY.format(ratings=ratings))
    return path


def test_trials_are_records_that_have_seen_no_test_rating(
    bench: Bench,
    study: Path,
    tmp_path: Path,
) -> None:
    done = bench("tune", str(study), "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ratings.csv: 600 ratings of ")
    assert "mine trial 1: " in done.stdout
    assert "runs again" not in done.stdout + done.stderr, "a trial has settings of its own"
    found, _ = RecordStore(tmp_path / "results" / "tuning").read()
    assert [each.status for each in found] == ["ok", "ok"]
    assert all(each.metrics is None and each.curve for each in found)
    assert found[0].cell.hyperparameters["factors"] == 64, "the default comes first"
    assert {each.cell.hyperparameters["epochs"] for each in found} == {2}

    resumed = bench("tune", str(study), "--trials", "3")
    assert "2 of 3 were already recorded" in resumed.stdout
    assert len(RecordStore(tmp_path / "results" / "tuning").read()[0]) == 3
    assert not (tmp_path / "results" / "records").exists(), "trials are not results"

    assert bench("report").returncode == 0
    assert "3 trials of numpy_sgd" in (tmp_path / "results" / "tuning.md").read_text()


def test_a_study_is_searched_on_any_data_and_the_page_tells_them_apart(
    command: Bench, study: Path, tmp_path: Path, ratings: Path
) -> None:
    other = tmp_path / "tens.txt"
    write(other, "\t", "", scale=(-10, 10))
    assert command("tune", str(study), "--trials", "2").returncode == 0
    by = "user=1,item=2,rating=3"
    done = command("tune", str(study), "--dataset", str(other), "--trials", "2", "--columns", by)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tens.txt: 600 ratings of 40 users and 30 items, −10 to 10")
    found, _ = RecordStore(tmp_path / "results" / "tuning").read()
    assert [each.cell.dataset for each in found] == [*[str(ratings)] * 2, *[str(other)] * 2]
    assert len({each.cell.suite for each in found}) == 1, "one space"
    assert found[2].data.options == {"columns": by}
    assert command("report").returncode == 0
    page = (tmp_path / "results" / "tuning.md").read_text()
    assert "2 trials of numpy_sgd, on ratings.csv, " in page
    assert "2 trials of numpy_sgd, on tens.txt, " in page


# One that numba compiles, and one of torch with hyperparameters of every type. That the spaces of
# the others hold what their rows accept, test_study tests without a fit.
@pytest.mark.parametrize("name", ["numba_sgd", "ncf"])
def test_shipped_studies_run_on_a_file(command: Bench, ratings: Path, name: str) -> None:
    done = command("tune", name, "--dataset", str(ratings), "--trials", "1")
    assert done.returncode == 0, done.stderr
    assert f"{name} trial 0: " in done.stdout
    assert "best: trial 0" in done.stdout


def test_studies_that_cannot_run_here_are_left_out_unless_named(
    tmp_path: Path,
    ratings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, row, space in (
        ("a-gpu", "triton_sgd", "epochs = { low = 1, high = 50 }"),
        ("bias", "bias", "sweeps = { low = 1, high = 20 }"),
    ):
        text = f"description = ''\nimplementations = ['{row}']\n[space]\n{space}\n"
        (tmp_path / "studies").mkdir(exist_ok=True)
        (tmp_path / "studies" / f"{name}.toml").write_text(text)
    monkeypatch.setattr(studies, "STUDIES", tmp_path / "studies")
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "results"
    assert tune([], str(ratings), 1, out, AS_DETECTED, "off") == 0
    assert "left out: study a-gpu: triton_sgd: " in capsys.readouterr().err
    found, _ = RecordStore(out / "tuning").read()
    assert [each.cell.implementation for each in found] == ["bias"]
    with pytest.raises(UsageError, match="study a-gpu: triton_sgd: "):
        tune(["a-gpu"], str(ratings), 1, out, AS_DETECTED, "off")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("random:90/10", "split random:90/10 has no validation part"),
        ("peek:u1", "split peek:u1 reads the test part in training. Use u1"),
    ],
)
def test_a_split_without_validation_is_refused_before_the_first_trial(
    command: Bench, study: Path, tmp_path: Path, split: str, message: str
) -> None:
    study.write_text(f'split = "{split}"\n{study.read_text()}')
    done = command("tune", str(study))
    assert done.returncode == 2
    assert message in done.stderr
    assert not RecordStore(tmp_path / "results" / "tuning").read()[0]


def test_a_trial_that_diverged_is_not_run_again(
    command: Bench,
    study: Path,
    tmp_path: Path,
) -> None:
    study.write_text(study.read_text().replace("high = 0.1", "high = 1e30"))
    assert command("tune", str(study), "--trials", "4").returncode == 0
    statuses = [each.status for each in RecordStore(tmp_path / "results" / "tuning").read()[0]]
    assert "diverged" in statuses
    assert "4 of 4 were already recorded" in command("tune", str(study), "--trials", "4").stdout


def test_trials_that_fail_give_exit_code_1(
    command: Bench,
    tmp_path: Path,
    ratings: Path,
) -> None:
    path = tmp_path / "raises.toml"
    path.write_text(
        f"description = 'never'\nimplementations = ['{MISBEHAVING}:Raises']\n"
        f"dataset = '{ratings}'\n[space]\nepochs = {{ low = 1, high = 9 }}\n"
    )
    done = command("tune", str(path), "--trials", "2")
    assert done.returncode == 1, done.stderr
    assert "none has a result" in done.stdout


def test_a_row_that_is_edited_during_its_search_ends_it(
    command: Bench, tmp_path: Path, ratings: Path
) -> None:
    row = tmp_path / "mine.py"
    edited = "class Mine(Mean):\n    def predict(self, users, items):\n"
    edited += "        with open(__file__, 'a') as file:\n            file.write('ONE = 1\\n')\n"
    edited += "        return super().predict(users, items)\n"
    row.write_text(MISBEHAVING.read_text(encoding="utf-8") + f"\n\n@dataclass\n{edited}")
    path = tmp_path / "edited.toml"
    path.write_text(
        f"description = 'edited'\nimplementations = ['{row}:Mine']\n"
        f"dataset = '{ratings}'\n[space]\nepochs = {{ low = 1, high = 9 }}\n"
    )
    done = command("tune", str(path), "--trials", "3", "--sandbox", "off")
    assert done.returncode == 2
    assert "its source changed after the run began; the search starts anew" in done.stderr
    assert len(RecordStore(tmp_path / "results" / "tuning").read()[0]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonesuch"], "no study 'nonesuch'"),
        (["gone.toml"], "cannot be read"),
        (["bias", "--trials", "0"], "trials"),
        (["bias", "--dataset", "gone.csv"], "neither a dataset of the catalog nor a file"),
        (["bias", "--dataset", "ml-1m", "--zeros", "missing"], "ml-1m is a dataset of the catalog"),
        (["bias", "--out", "mine.toml"], "records cannot be stored there"),
    ],
)
def test_a_mistake_is_one_clear_error(
    command: Bench,
    study: Path,
    words: list[str],
    message: str,
) -> None:
    done = command("tune", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
