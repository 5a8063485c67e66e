"""`bench choose` for real, on a small file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bench.choose.command import name_of
from bench.choose.outcome import FINAL, REQUEST, SEARCH, read
from bench.store import RecordStore
from tests.support.command_line import MEAN, Bench, write

ONE_THREAD = ("--seeds", "1", "--threads", "1")
WORDS = ("--minutes", "0.15", "--impl", "bias", "--impl", "numpy_sgd", *ONE_THREAD)


def test_a_file_gets_trials_final_runs_and_a_table(
    bench: Bench, ratings: Path, tmp_path: Path
) -> None:
    done = bench("choose", str(ratings), *WORDS, "--split", "random:75/25")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "choose" / "ratings"
    records, bad = RecordStore(folder).read()
    assert not bad
    trials = [each for each in records if each.cell.suite == SEARCH]
    final = [each for each in records if each.cell.suite == FINAL]
    assert {each.cell.split for each in trials} == {"random:65/10/25"}
    assert {each.cell.split for each in final} == {"random:75/25"}
    assert all(each.metrics is None for each in trials), "the search is blind to the test part"
    assert all(each.metrics and len(each.metrics.blocks) == 50 for each in final)
    assert all(not each.curve for each in final)
    found = read(folder)
    assert any(model.best_runs for model in found.models)
    assert "Most accurate" in done.stdout
    assert re.search(r"Predict by (bias|numpy_sgd): bench predict --choice ratings", done.stdout)
    assert "Most accurate" in (tmp_path / "results" / "choose-ratings.md").read_text()
    assert [model.plan.implementation for model in found.models] == ["bias", "numpy_sgd"]
    assert len(trials) >= 2

    again = bench("choose", str(ratings), *WORDS, "--split", "random:75/25")
    assert again.returncode == 0, again.stderr
    assert len(RecordStore(folder).read()[0]) == len(records)
    assert not (tmp_path / "results" / "records").exists(), "trials are not results"


def test_names_that_differ_in_case_alone_are_one_choice_as_they_are_one_page() -> None:
    assert name_of("a/Ratings.CSV") == name_of("b/ratings.csv") == "ratings"


# With nothing to search for it has one trial, and the choice ends before its minutes do.
ONE_TRIAL = ("--minutes", "0.1", "--impl", "global_mean", *ONE_THREAD)


def test_the_latest_rating_of_each_user_may_be_the_test_part(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    head, *lines = ratings.read_text().splitlines()
    timed = [f"{line},{n}" for n, line in enumerate(lines)]
    ratings.write_text("\n".join([f"{head},timestamp", *timed]))
    done = command("choose", str(ratings), *ONE_TRIAL, "--split", "leave-last")
    assert done.returncode == 0, done.stderr
    found = read(tmp_path / "results" / "choose" / "ratings")
    assert found.is_complete
    [run] = {each.run: each for each in found.models[0].best_runs}.values()
    assert run.metrics is not None
    assert run.metrics.n_test == 40, "one of each user"


def test_a_file_of_its_own_may_be_the_test_part(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    head, *lines = ratings.read_text().splitlines()
    ratings.write_text("\n".join([head, *lines[:500]]))
    (tmp_path / "later.csv").write_text("\n".join([head, *lines[500:]]))
    done = command("choose", str(ratings), *ONE_TRIAL, "--test", str(tmp_path / "later.csv"))
    assert done.returncode == 0, done.stderr
    found = read(tmp_path / "results" / "choose" / "ratings")
    assert (found.request.split, found.request.final_split) == ("given:90/10", "given")
    [run] = {each.run: each for each in found.models[0].best_runs}.values()
    assert run.metrics is not None
    assert run.metrics.n_test == 100
    (tmp_path / "pairs.csv").write_text("user,item\nu1,i1\n")
    line = next(
        x for x in done.stdout.splitlines() if x.startswith("Predict by global_mean: bench ")
    )
    done = command(*line.partition("bench ")[2].split())
    assert done.returncode == 0, done.stderr
    assert "global_mean trained on all 600 ratings of" in done.stderr


def test_another_cut_is_another_choice_and_its_line_for_predictions_works(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "my results"
    for cut in ("0", "1"):
        done = command("choose", str(ratings), *ONE_TRIAL, "--cut", cut, "--out", str(out))
        assert done.returncode == 0, done.stderr
    first, second = (read(out / "choose" / name) for name in ("ratings", "ratings-cut-1"))
    digests, rmses = [], []
    for found in (first, second):
        run = found.models[0].best_runs[0]
        assert run.metrics is not None
        digests.append(run.data.split_digest)
        rmses.append((found.models[0].trials[0].rmse, run.metrics.rmse))
    assert len(set(digests)) == 2
    assert rmses[0] != rmses[1], "search and final runs are on another cut"
    (tmp_path / "pairs.csv").write_text("user,item\nu1,i1\n")
    line = next(
        x for x in done.stdout.splitlines() if x.startswith("Predict by global_mean: bench ")
    )
    done = command(*shlex.split(line.partition("bench ")[2]))
    assert done.returncode == 0, done.stderr


def test_a_row_from_outside_has_its_default_alone(command: Bench, ratings: Path) -> None:
    words = ("--minutes", "0.1", "--impl", MEAN, "--seeds", "1")
    done = command("choose", str(ratings), *words)
    assert done.returncode == 0, done.stderr
    assert "1 trial" in done.stdout
    folder, _, name = MEAN.rpartition("/")
    words = ("--minutes", "0.1", "--impl", f"{folder}/./{name}", "--seeds", "1")
    again = command("choose", str(ratings), *words)
    assert "goes on from 1 trial" in again.stdout, "a path in another spelling is the same row"
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--split", "u1"), "no validation part for split u1"),
        (("--split", "peek:random:80/20"), "no validation part for split peek:random:80/20"),
        (("--split", "5-fold"), "split 5-fold is 5 cuts"),
        (("--split", "5-fold"), "Use random:80/20,"),
        (("--split", "leave-last"), "leave-last needs timestamps"),
        (("--split", "given"), "split given needs a test file"),
        (("--split", "random:80/20", "--test", "t.csv"), "--test t.csv gives them"),
        (("--split", "random:5/95"), "no ratings for training beside 10 %"),
        (("--split", "random:0/50/50"), "no ratings for training beside 50 %"),
        (("--split", "time:80/20", "--cut", "1"), "--cut 1: a split in time has one cut only"),
        (("--impl", "nonesuch"), "nonesuch"),
        (("--impl", "triton_sgd", "--device", "cpu"), "no row can run here"),
        (("--device", "tpu"), "devices: 'tpu'"),
        (("--minutes", "inf"), "--minutes inf: must be finite"),
        (("--goal", "inf"), "--goal inf: must be finite"),
    ],
)
def test_a_mistake_is_one_clear_error(
    command: Bench, ratings: Path, words: tuple[str, ...], message: str
) -> None:
    done = command("choose", str(ratings), *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("n", "words", "message"),
    [
        (3, (), "split random:80/10/10 of 3 ratings leaves a part empty"),
        (
            4,
            ("--split", "random:75/25"),
            "split random:75/25 is random:65/10/25 in the search, which needs a validation part",
        ),
    ],
)
def test_ratings_that_are_too_few_for_the_split_are_found_before_anything_runs(
    command: Bench, ratings: Path, tmp_path: Path, n: int, words: tuple[str, ...], message: str
) -> None:
    ratings.write_text("\n".join(ratings.read_text().splitlines()[: n + 1]))
    done = command("choose", str(ratings), *ONE_TRIAL, *words)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert "90/10" not in done.stderr
    assert not (tmp_path / "results" / "choose" / "ratings" / REQUEST).exists()


@pytest.mark.parametrize("taken", ["choose-ratings.md", "plots/choose-ratings.png"])
def test_a_page_whose_name_is_taken_is_found_before_anything_runs(
    command: Bench, ratings: Path, tmp_path: Path, taken: str
) -> None:
    own = tmp_path / "results" / taken
    own.parent.mkdir(parents=True)
    own.write_text("My notes.\n")
    done = command("choose", str(ratings), *ONE_TRIAL)
    assert done.returncode == 2
    problem = f"{Path('results', taken)} was not written by `bench report`: move it away"
    assert problem in done.stderr.splitlines()[-1]
    assert own.read_text() == "My notes.\n"
    assert not (tmp_path / "results" / "choose" / "ratings" / REQUEST).exists()


def test_the_choice_of_other_ratings_is_not_added_to(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    assert command("choose", str(ratings), *ONE_TRIAL).returncode == 0
    write(tmp_path / "ratings.csv", scale=(1, 4))
    done = command("choose", str(ratings), *ONE_TRIAL)
    assert done.returncode == 2
    assert "has the choice of other ratings" in done.stderr


def test_a_damaged_request_is_one_clear_error_and_its_trials_stay(
    command: Bench, ratings: Path, tmp_path: Path
) -> None:
    assert command("choose", str(ratings), *ONE_TRIAL).returncode == 0
    folder = tmp_path / "results" / "choose" / "ratings"
    records = RecordStore(folder).read()[0]
    (folder / REQUEST).write_text('{"minutes": nu')
    done = command("choose", str(ratings), *ONE_TRIAL)
    assert done.returncode == 2
    assert "request.json cannot be read" in done.stderr
    assert "Traceback" not in done.stderr

    (folder / REQUEST).unlink()
    assert command("choose", str(ratings), *ONE_TRIAL).returncode == 0
    assert RecordStore(folder).read()[0][: len(records)] == records
