"""What `bench predict --choice` fits, and predictions by it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.choose import FOLDER
from bench.choose.chosen import ChoiceError, chosen
from bench.choose.outcome import REQUEST, read_request
from bench.choose.session import write
from bench.cli import app
from bench.planning.describing import describe
from bench.planning.loading import class_path_of
from tests.support.choices import model, outcome, stored
from tests.support.records import data

RATINGS = "user,item,rating\n" + "".join(
    f"{60 + n % 9},{40 + n // 9},{n % 5 + 1}\n" for n in range(60)
)
BIAS = {"sweeps": 3, "user_damping": 2.0}


def test_the_recommended_row_has_its_best_trials_hyperparameters_and_epochs(tmp_path: Path) -> None:
    models = (model("bias", test=0.94), model("autorec", test=0.88))
    out = stored(tmp_path, outcome(*models))
    found = chosen("ratings", out)
    assert (found.implementation, found.dataset, found.device) == ("autorec", "ratings.csv", "cpu")
    assert found.hyperparameters == {"epochs": 6, "factors": 16}
    assert chosen("ratings", out, "bias").implementation == "bias"
    assert chosen(str(out / FOLDER / "ratings"), Path("elsewhere")) == found
    with pytest.raises(ChoiceError, match="has no ncf; it has bias, autorec"):
        chosen("ratings", out, "ncf")
    stored(tmp_path, outcome(model("mine.py:Mine", test=0.9), name="mine"))
    assert chosen("mine", out, "./mine.py:Mine").implementation == "mine.py:Mine"


def test_a_choice_that_says_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChoiceError, match="There is none"):
        chosen("ratings", tmp_path)
    stored(tmp_path, outcome(model("bias", test=0.94, status="failed")))
    with pytest.raises(ChoiceError, match="no test score yet"):
        chosen("ratings", tmp_path)
    with pytest.raises(ChoiceError, match="There are: ratings"):
        chosen("films", tmp_path)
    (tmp_path / FOLDER / "ratings" / REQUEST).write_text("{}", encoding="utf-8")
    with pytest.raises(ChoiceError, match="cannot be read"):
        chosen("ratings", tmp_path)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with a choice of `bias` for a file that has other names of columns."""
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("ratings.csv").write_text(RATINGS.replace("user,item", "who,what"), encoding="utf-8")
    Path("pairs.csv").write_text("who,what\n60,40\n68,41\n999,41\n", encoding="utf-8")
    found = outcome(model("bias", test=0.9))
    options = {"columns": "user=who,item=what"}
    for trial in found.models[0].trials:
        trial.record.cell.hyperparameters = dict(BIAS)
        trial.record.data = data(options=options)
    for run in found.models[0].best_runs:
        run.cell.hyperparameters = dict(BIAS)
    return stored(tmp_path / "out", found)


def predict(*words: str) -> Result:
    return CliRunner().invoke(app, ["predict", "--pairs", "pairs.csv", *words])


def test_predictions_are_by_a_fit_on_all_ratings_as_the_file_was_read(out: Path) -> None:
    done = predict("--choice", "ratings", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "bias trained on all 60 ratings of ratings.csv" in done.stderr
    # The choice of the fixture has another fingerprint.
    assert "ratings.csv is not as `bench choose` read it" in done.stderr.replace("\n", " ")
    rows = [line.split(",") for line in done.stdout.splitlines()[1:]]
    assert [row[3] for row in rows] == ["0", "0", "1"]


@pytest.mark.parametrize("header", ["user,item", "User,what", "who,ITEM"])
def test_pairs_may_be_named_user_and_item_where_the_ratings_are_not(out: Path, header: str) -> None:
    expected = predict("--choice", "ratings", "--out", str(out)).stdout.splitlines()[1:]
    Path("pairs.csv").write_text(f"{header}\n60,40\n68,41\n999,41\n", encoding="utf-8")
    done = predict("--choice", "ratings", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [f"{header},prediction,cold_start", *expected]


def test_another_file_may_take_the_place_of_that_of_the_choice(out: Path) -> None:
    Path("newer.csv").write_text(RATINGS, encoding="utf-8")
    Path("pairs.csv").write_text("user,item\n60,40\n", encoding="utf-8")
    done = predict("--choice", "ratings", "--out", str(out), "--dataset", "newer.csv")
    assert done.exit_code == 0, done.output
    assert "60 ratings of newer.csv" in done.stderr
    assert "not as `bench choose` read it" not in done.stderr


def test_a_row_whose_code_has_changed_since_the_choice_is_a_warning(out: Path) -> None:
    Path("mine.py").write_text(MINE, encoding="utf-8")
    for row in ("bias", "mine.py:Mine"):
        chosen_now(out, row, source_of(row))
        done = predict("--choice", "ratings", "--out", str(out))
        assert done.exit_code == 0, done.output
        assert "has changed since" not in done.stderr
        assert f"{row} trained on" in done.stderr
    Path("mine.py").write_text(MINE.replace("PLUS = 0", "PLUS = 1"), encoding="utf-8")
    changed = predict("--choice", "ratings", "--out", str(out))
    chosen_now(out, "bias", "of an older version")
    for row, done in {
        "mine.py:Mine": changed,
        "bias": predict("--choice", "ratings", "--out", str(out)),
    }.items():
        assert done.exit_code == 0, done.output
        warning = f"WARNING: the code of {row} has changed since `bench choose`"
        assert warning in " ".join(done.stderr.split())


MINE = """
from dataclasses import dataclass
from impls.bias import Bias

PLUS = 0

@dataclass
class Mine(Bias):
    def predict(self, users, items):
        return super().predict(users, items) + PLUS
"""


def source_of(row: str) -> str:
    return describe(class_path_of(row), "default", {}, None).implementation_hash


def chosen_now(out: Path, row: str, source: str) -> None:
    """The choice in `out` anew, of a row at this source."""
    found = outcome(model(row, test=0.9))
    trials = [trial.record for trial in found.models[0].trials]
    for each in (*trials, *found.models[0].best_runs):
        each.cell.hyperparameters = dict(BIAS)
        each.data = data(options={"columns": "user=who,item=what"})
        each.source.implementation_hash = source
    shutil.rmtree(out)
    stored(out, found)


def test_ratings_that_are_not_found_from_another_folder_are_the_choices_own(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path("pairs.csv").rename(elsewhere / "pairs.csv")
    monkeypatch.chdir(elsewhere)
    done = predict("--choice", "ratings", "--out", str(out))
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert line == (
        "error: choice ratings is of the file ratings.csv, which is not found from this folder: "
        "run this in the folder where `bench choose` ran, or give the path by --dataset, with the "
        "options for reading it"
    )
    words = ("--dataset", str(tmp_path / "ratings.csv"), "--columns", "user=who,item=what")
    assert predict("--choice", "ratings", "--out", str(out), *words).exit_code == 0
    chosen_now(out, "mine.py:Mine", "")
    done = predict("--choice", "ratings", "--out", str(out), *words)
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert "choice ratings is of the file mine.py, which is not found" in line
    assert line.endswith("run this in the folder where `bench choose` ran")


def test_a_test_file_that_is_not_found_is_the_choices_own(out: Path) -> None:
    request = read_request(out / FOLDER / "ratings").model_copy(update={"test": "later.csv"})
    write(out / FOLDER / "ratings", request)
    done = predict("--choice", "ratings", "--out", str(out))
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert "choice ratings is of the file later.csv" in line
    assert line.endswith("run this in the folder where `bench choose` ran"), "it needs both files"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--choice", "ratings", "--set", "bias.sweeps=2"], "--set: --choice ratings has its"),
        (["--choice", "ratings", "--preset", "fast"], "--preset: --choice ratings has its"),
        (["--choice", "films"], "no choice films"),
        (["--impl", "bias"], "name --impl and --dataset, or --choice"),
        (["--dataset", "ratings.csv"], "name --impl and --dataset, or --choice"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(
    out: Path, words: list[str], message: str
) -> None:
    done = predict(*words, "--out", str(out))
    assert done.exit_code == 2
    assert message in done.stderr.replace("\n", " ")
