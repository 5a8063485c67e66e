"""The page of a choice: its sentences, its tables, and the script that it ends with."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from bench.choose import FOLDER
from bench.choose.outcome import CHANGED, FINAL, NO_ROOM, REQUEST, Outcome
from bench.choose.recommendation import recommend
from bench.records import Disturbance, Slice
from bench.report.pages.choose import choose_page
from bench.report.pages.next_steps import python_lines
from bench.report.pages.recommendation import recommendation
from bench.report.plots.anytime import anytime_plot
from bench.report.writing import write
from bench.store import RecordStore
from tests.support.choices import model, outcome, stored
from tests.support.records import cells, data

RESULTS = Path("results")
BIAS = model("bias", test=0.94, default_test=0.951, validations=(0.95, 0.94), fit_s=0.01)
MF = model("numba_sgd", test=0.886, default_test=0.89, validations=(0.9, 0.887), fit_s=0.3)
AUTOREC = model("autorec", test=0.88, default_test=0.9, validations=(0.9, 0.881), fit_s=3.0)
BAYES = model("bayesian_mf", test=0.8799, default_test=0.879, validations=(0.9, 0.88), fit_s=9.0)


def section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def said_of(found: Outcome, begins: str) -> str:
    """The paragraph of the recommendation that begins so."""
    [paragraph] = [each for each in recommendation(found) if each.startswith(f"**{begins}")]
    return paragraph


def test_one_model_that_is_the_most_accurate_is_named_alone_with_its_interval() -> None:
    first = said_of(outcome(BIAS, AUTOREC), "Most accurate")
    assert re.match(r"\*\*Most accurate:\*\* autorec, test RMSE 0\.8800 ± 0\.\d{4}\.", first)
    assert re.search(r"The next: bias \+0\.0600 \(99 % interval \+0\.\d+ to \+0\.\d+\)", first)


def test_models_that_noise_may_have_put_in_order_are_too_close_to_say() -> None:
    found = outcome(BIAS, MF, AUTOREC, BAYES)
    first, quick = said_of(found, "Most accurate"), said_of(found, "Quickest within")
    assert "too close to say.** Lowest is bayesian_mf" in first
    assert "not separable: autorec +0.0001 (99 %" in first
    assert "The next that is less accurate beyond noise: numba_sgd" in first
    assert "**Quickest within 1 % of that:** numba_sgd" in quick
    assert re.search(r"bayesian_mf takes \d\d times as long \(95 % interval \d\d–\d\d\)", quick)


def test_a_model_far_above_whose_runs_differ_much_is_open_and_not_close() -> None:
    unsteady = model("sparse_fc", test=0.93, noise=1.0, fit_s=3.0)
    first = said_of(outcome(BIAS, AUTOREC, unsteady), "Most accurate")
    assert first.startswith("**Most accurate: not certain.** Lowest is autorec, test RMSE 0.8800")
    assert "differ too much leave it open for sparse_fc +0.0500 (99 % interval −" in first
    first = said_of(outcome(MF, AUTOREC, BAYES, unsteady), "Most accurate")
    assert "not separable: autorec +0.0001 (99 %" in first
    assert "leave it open for sparse_fc +0.0501" in first


def test_the_quickest_to_a_goal_is_alone_only_where_none_took_less_than_twice_as_long() -> None:
    near = model("als", test=0.9, validations=(0.92,), fit_s=0.015)
    paragraph = said_of(outcome(BIAS, near, AUTOREC), "Quickest to a val")
    assert "0.940 (bias): too close to say, bias (0.00667 s) and als (0.00833 s)" in paragraph
    assert "0.881 (the best): autorec (2.00 s)" in paragraph
    paragraph = said_of(outcome(BIAS, goal=0.5), "Quickest to a val")
    assert "0.500 (requested): no model reached it" in paragraph


def test_the_goals_of_a_set_are_of_best_trials_and_not_of_those_that_are_lowest_by_luck() -> None:
    lucky = model("bias", test=0.94, validations=(0.95, 0.93), val_noise=1.0)
    assert "0.950 (bias): " in said_of(outcome(lucky, AUTOREC), "Quickest to a val")


@pytest.mark.parametrize(
    ("fit_s", "grows", "sentence"),
    [
        (3.0, [0.99, 1.01, 1.02], r"hyperparameters: autorec 3\d s \(\d\d–\d\d; exponent 1\.0"),
        (3.0, [0.2, 2.0, 0.3], r"autorec too close to say \(exponent"),
        (3.0, [-0.1, 0.01, 0.02], r"too close to say, for its seconds did not grow .*−0\.\d\d to"),
        (0.01, [0.99, 1.01, 1.02], r"autorec 0\.\d+ s \(.*\), unsure: fits that last milliseconds"),
        (3.0, None, "ratings\\*\\*: not measured"),
    ],
)
def test_ten_times_the_ratings_are_by_the_exponent_that_the_choice_measured(
    fit_s: float, grows: list[float] | None, sentence: str
) -> None:
    chosen = model("autorec", test=0.88, fit_s=fit_s, grows=grows)
    paragraph = said_of(outcome(BIAS, chosen), "With 10 times")
    assert re.search(sentence, paragraph), paragraph
    assert ("unsure" in paragraph) == (fit_s < 0.1)


def test_ten_times_the_ratings_of_an_interrupted_call_are_not_measured_yet() -> None:
    paragraph = said_of(outcome(BIAS, AUTOREC, ended=False), "With 10 times")
    assert paragraph.endswith("not measured yet, for the call was interrupted.")


@pytest.mark.parametrize("out", ["results", "/tmp/my results"])
def test_the_line_for_predictions_finds_the_choice_that_is_elsewhere(out: str) -> None:
    option = "" if out == "results" else " --out '/tmp/my results'"
    line = f"bench predict --choice ratings{option} --pairs pairs.csv --output out.csv\n"
    assert line in choose_page(outcome(BIAS), Path(out))


def test_the_script_of_two_files_loads_both() -> None:
    said = recommend(found := outcome(BIAS, test="later.csv"))
    assert said is not None
    script = python_lines(found, said.chosen)
    assert "from datasets import given\n" in script
    assert "dataset = given.load('ratings.csv', 'later.csv'" in script


def test_validation_and_test_stand_side_by_side_and_overfitting_is_named() -> None:
    text = choose_page(outcome(BIAS, AUTOREC, BAYES), RESULTS)
    row = cells(section(text, "Accuracy"))["bayesian_mf"]
    assert (row["validation, default"], row["validation, best"]) == ("0.9000", "0.8800")
    assert row["test, default"].startswith("0.8790 ±")
    assert row["test, best"].startswith("0.8799 ±")
    assert row["gain on test"].startswith("−0.0009 (−0.00")
    assert "bayesian_mf gained 0.0200 on validation and −0.0009" in text
    assert "), and is worse than its default there" in text
    assert "autorec gained" not in text
    assert "No search overfitted" in choose_page(outcome(BIAS, AUTOREC), RESULTS)
    # A gain on validation that is as unsure as this one says nothing of the search.
    of = {"test": 0.89, "default_test": 0.9, "validations": (0.92, 0.9)}
    assert "als gained 0.0200" in choose_page(outcome(model("als", val_noise=0.001, **of)), RESULTS)
    assert "als gained" not in choose_page(outcome(model("als", val_noise=0.04, **of)), RESULTS)


def test_a_default_that_no_trial_beats_beyond_noise_is_the_best_and_named() -> None:
    of = {"test": 0.88, "default_test": 0.88, "validations": (0.9, 0.899, 0.898)}
    lucky = model("als", val_noise=0.01, **of)
    better = model("autorec", val_noise=0.0005, **of)
    older = model("numba_sgd", **of)
    found = outcome(lucky, better, older)
    assert [m.best and m.best.number for m in found.models] == [0, 2, 2]
    text = section(choose_page(found, RESULTS), "Accuracy")
    assert "**The lowest trial is not the best**" in text
    assert "part by part): als (trial 2, 0.8980; the best is the default)." in text
    assert cells(text)["als"]["validation, best"] == "0.9000"
    assert "The lowest trial" not in choose_page(outcome(better, older), RESULTS)


def test_the_best_is_the_lowest_of_those_that_beat_the_default_beyond_noise() -> None:
    """The third trial's parts differ by luck; and one that its limit killed has none."""
    better = model("autorec", test=0.88, validations=(0.9, 0.899, 0.898), val_noise=0.0005)
    rng = np.random.default_rng(0)
    by_luck: list[float] = (0.898**2 + 0.1 * rng.normal(size=50)).tolist()
    for run in better[1]:
        if run.cell.suite == FINAL and run.cell.hyperparameters["factors"] == 24:
            run.cell.hyperparameters["factors"] = 16
    for parts in (by_luck, by_luck[:0]):
        better[1][2].val_blocks = parts
        assert [m.best and m.best.number for m in outcome(better).models] == [1]
        assert "0.8980; the best is trial 1)" in choose_page(outcome(better), RESULTS)


def test_a_model_without_figures_and_one_that_still_improves_say_so() -> None:
    none = model("ncf", test=0.9)
    none[0].problem = "no CUDA device"
    found = outcome((none[0], []), BIAS)
    trial = found.models[1].trials[1].record
    trial.curve = trial.curve[:6]
    text = section(choose_page(found, RESULTS), "Accuracy")
    assert "] no CUDA device" in text
    assert "] still improving when its epochs ended" in text


def test_why_a_model_is_recommended_among_those_that_may_be_the_most_accurate() -> None:
    best = model("bayesian_mf", test=0.88, fit_s=9.0)
    near = model("autorec", test=0.8801, fit_s=3.0)
    far = model("sparse_fc", test=0.9, fit_s=0.1, noise=0.5)
    quicker = choose_page(outcome(best, near, far), RESULTS)
    assert "**Use autorec, the quickest of those that may be the most accurate" in quicker
    assert "at most 0.1 % above the lowest test RMSE.**" in quicker
    assert "This fits autorec on all ratings" in quicker
    lowest = choose_page(outcome(best, far), RESULTS)
    assert "**Use bayesian_mf: its test RMSE is the lowest, though not beyond noise; none" in lowest
    assert "noise; none that is quicker is at most 0.1 % above it.**" in lowest
    slow = model("sparse_fc", test=0.9, fit_s=90, noise=0.5)
    assert said_of(outcome(best, slow), "Use").endswith("the lowest, though not beyond noise.**")
    apart = said_of(outcome(BIAS, AUTOREC), "Use")
    assert apart == "**Use autorec: it is the most accurate.**"
    assert said_of(outcome(BIAS), "Use") == "**Use bias: no other model has a test RMSE.**"


def test_defaults_alone_come_before_the_answer_where_the_minutes_were_over() -> None:
    one = [model(name, test=0.9, validations=(0.9,)) for name in ("als", "ncf")]
    assert "**Defaults alone:**" in recommendation(outcome(*one, wall_s=600.0))[0]
    assert "Defaults alone" not in "".join(recommendation(outcome(*one)))
    assert "Defaults alone" not in "".join(recommendation(outcome(*one, AUTOREC, wall_s=600.0)))


def test_fits_that_others_disturbed_are_marked_beside_their_seconds() -> None:
    found = outcome(BIAS, AUTOREC)
    assert "disturbed" not in choose_page(found, RESULTS)
    [run, *_] = found.models[1].best_runs
    run.disturbance = Disturbance(steal_s=1.5, wait_s=0.0, involuntary_switches=0)
    page = choose_page(found, RESULTS)
    assert "Fits of autorec were disturbed: their seconds are too high." in page
    assert "disturbed, 1 of 3 runs, such as: " in section(page, "Cost")


def test_rows_that_share_a_search_and_lacking_seeds_are_said() -> None:
    found = outcome(BIAS, AUTOREC)
    assert "with 3 seeds of the model" in section(choose_page(found, RESULTS), "How it was found")
    half = outcome((AUTOREC[0].model_copy(update={"rows": ["autorec", "slow"]}), AUTOREC[1][:-1]))
    text = section(choose_page(half, RESULTS), "How it was found")
    assert "with up to 3 seeds of the model" in text
    assert "Rows of the same maths share a search: autorec for slow." in text


def test_models_without_a_first_trial_come_before_the_answer() -> None:
    untried = model("als", test=0.9)
    untried[0].problem = NO_ROOM
    elsewhere = model("ncf", test=0.9)
    elsewhere[0].problem = "no CUDA device"
    found = outcome(BIAS, AUTOREC, (untried[0], []), (elsewhere[0], []))
    assert recommendation(found)[0].startswith("**1 of 3 models were not tried**")
    assert "als" in recommendation(found)[0]
    assert recommendation(found)[0].endswith("fewer models (`--impl`)."), "had more than all needs"
    found.request.minutes = 0.5
    assert "all of it needs about 1 minute at least" in recommendation(found)[0]
    assert "not complete" not in " ".join(recommendation(found))


def test_models_of_earlier_calls_are_named() -> None:
    found = outcome(BIAS, AUTOREC)
    names = ["als", "ncf", "autorec", "numba_sgd", "blend", "embedding_mf"]
    earlier = [model(name, test=0.9)[0] for name in names]
    call = found.request.model_copy(update={"models": earlier})
    found.request.others = [call.model_copy(update={"split": "time:65/10/25"})]
    assert not found.elsewhere, "on another split they have no trials to compare"
    found.request.others = [call]
    assert recommendation(found)[0] == (
        "**This is of 2 models alone**, those of the last call. Earlier ones searched als, ncf, "
        "numba_sgd, blend and 1 other, too: a call with all of them compares them by those trials."
    )


def test_rows_without_a_study_are_named() -> None:
    mine = model("lab/mine.py:Mine", test=0.9)
    mine[0].studied = False
    mine[1][0].cell.hyperparameters.clear()
    text = section(choose_page(outcome(BIAS, mine), RESULTS), "How it was found")
    said = "Of lab/mine.py:Mine the default alone was tried, for there is no study of it. "
    assert said not in text, "it has no hyperparameters"
    mine[1][0].cell.hyperparameters["damping"] = 3.0
    assert said in section(choose_page(outcome(BIAS, mine), RESULTS), "How it was found")


def test_a_search_that_an_edit_ended_comes_before_the_answer() -> None:
    edited = model("lab/mine.py:Mine", test=0.9)
    edited[0].problem = CHANGED
    found = outcome(BIAS, AUTOREC, (edited[0], edited[1][:1]))
    assert recommendation(found)[0] == (
        "**Edited during the search:** lab/mine.py:Mine. That search ended there, and the same "
        "command starts its trials anew."
    )
    assert not found.is_complete
    assert "not complete" not in " ".join(recommendation(found)), "more minutes run nothing of it"


def test_how_many_test_ratings_there_are_and_how_many_no_model_can_tell_apart() -> None:
    [sentence] = [p for p in recommendation(outcome(BIAS, AUTOREC)) if p.startswith("All of it")]
    assert sentence == (
        "All of it is by 10,000 test ratings. 31 of them (0.31 %) are cold starts, of which every "
        "model predicts the same."
    )
    cold = outcome(BIAS, AUTOREC)
    for each in cold.models:
        for run in each.best_runs:
            assert run.metrics is not None
            run.metrics.n_cold_start = 9_000
            known = {"n": 1_000, "rmse": run.metrics.rmse + 0.1, "mae": 0.7}
            of_cold = {"n": 9_000, "rmse": 0.5, "mae": 0.4, "low": None, "high": None}
            run.metrics.slices = [
                Slice(by="training", name="few", low=1, high=20, **known),
                Slice(by="training", name="cold start", **of_cold),
            ]
    [sentence] = [each for each in recommendation(cold) if each.startswith("All of it")]
    assert "9,000 of them (90 %) are cold starts" in sentence
    assert sentence.endswith("on the others alone: autorec 0.9800 and bias 1.0400.")
    for each in cold.models:
        for run in each.best_runs:
            assert run.metrics is not None
            run.metrics.n_test, run.metrics.n_cold_start = 3, 0
    assert (
        said_of(cold, "All")
        == "**All of it is by 3 test ratings, which is little:** chance decides much."
    )


def test_an_interrupted_call_recommends_what_has_final_runs() -> None:
    found = outcome(BIAS, AUTOREC, ended=False)
    assert recommendation(found)[0].startswith("**The last call was interrupted**: the same")
    assert "final runs" not in recommendation(found)[0]
    # It found a better trial, of which nothing ran yet: the one before it stands for the model.
    plan, runs = AUTOREC
    better = runs[1].model_copy(deep=True)
    better.cell.hyperparameters["factors"] = 64
    better.curve[-1].rmse = 0.8
    later = outcome(BIAS, (plan, [*runs, better]), ended=False)
    assert "Better trials of autorec have no final runs yet." in recommendation(later)[0]
    assert said_of(later, "Use") == said_of(found, "Use")
    page = choose_page(later, RESULTS)
    assert "] a better trial has no final run yet, so an earlier one stands here" in page
    assert "The lowest trial is not the best" not in page
    assert not outcome(BIAS, (plan, [*runs, better])).is_complete


def test_one_run_that_is_lower_or_near_leaves_the_most_accurate_open() -> None:
    found = outcome(BIAS, AUTOREC, model("als", test=0.87, seeds=1))
    assert said_of(found, "Use") == "**Use als: its test RMSE is the lowest, of one seed.**"
    first = said_of(found, "Most accurate")
    assert first.startswith(
        "**Most accurate: not known**, for als has one seed, and so no interval."
    )
    first = said_of(outcome(BIAS, AUTOREC, model("als", test=0.8801, seeds=1)), "Most accurate")
    assert first.startswith("**Most accurate: not known**, for one seed has no interval. Lowest is")
    assert "The next that is less accurate beyond noise: bias" in first, "als is between them"
    far = said_of(outcome(BIAS, AUTOREC, model("als", test=0.93, seeds=1)), "Most accurate")
    assert far.startswith("**Most accurate:** autorec, test RMSE")


def test_ratings_that_tell_no_models_apart_choose_none() -> None:
    found = outcome(model("bias", test=0.9), model("als", test=0.9))
    for each in found.models:
        for run in each.best_runs:
            assert run.metrics is not None
            run.metrics.n_cold_start = run.metrics.n_test
    assert recommendation(found)[0].startswith("**These test ratings cannot choose a model**")
    assert len(recommendation(found)) == 1
    assert "What to do next" not in choose_page(found, RESULTS)


def test_a_model_that_stands_alone_is_compared_with_none() -> None:
    alone = outcome(model("bias", test=0.94))
    assert said_of(alone, "Most accurate").startswith("**Most accurate:** not compared. bias has")
    assert "Quickest within" not in " ".join(recommendation(alone))


def test_before_any_trial_there_is_a_page() -> None:
    text = choose_page(outcome((BIAS[0], []), (AUTOREC[0], []), ended=False), RESULTS)
    assert "the searches took: nothing, for none began;" in text


def test_before_any_final_run_nothing_is_recommended() -> None:
    found = outcome((BIAS[0], [r for r in BIAS[1] if r.cell.suite == "choose:search"]))
    assert "nothing is recommended" in choose_page(found, RESULTS)
    assert recommendation(outcome((BIAS[0], [])))
    half = outcome((AUTOREC[0], AUTOREC[1][:-1]), BIAS)
    assert "final runs are missing" in recommendation(half)[0]


def test_a_first_trial_that_ran_out_of_time_is_named() -> None:
    found = outcome(BIAS, model("autorec", test=0.88))
    assert "Too few minutes" not in choose_page(found, RESULTS)
    found.models[1].trials[0].record.status = "timeout"
    page = choose_page(found, RESULTS)
    assert "**Too few minutes** for the first trial of autorec, which a time limit ended." in page
    assert "may be the best" not in page
    found.models[1].trials[0].record.curve = []
    nothing = outcome(BIAS, (found.models[1].plan, [found.models[1].trials[0].record]))
    page = choose_page(nothing, RESULTS)
    assert "There is no result yet of autorec, and it may be the best." in page


def test_seconds_that_are_of_first_trials_alone_are_not_called_equal() -> None:
    slow = [model(name, test=0.9, validations=(0.9,)) for name in ("als", "ncf")]
    assert "(2 of 3 models had one trial, whatever it took)" in choose_page(
        outcome(BIAS, *slow), RESULTS
    )
    assert "had one trial" not in choose_page(outcome(BIAS, AUTOREC, slow[0]), RESULTS)


def test_one_seed_names_the_lowest_and_no_search_that_did_not_overfit() -> None:
    rows = (("global_mean", 1.04, 0.001), ("als", 0.88, 9.0), ("autorec", 0.885, 2.0))
    one = [model(n, test=t, fit_s=s, seeds=1, validations=(0.9,)) for n, t, s in rows]
    text = choose_page(outcome(*one, seeds=1), RESULTS)
    assert "Most accurate: not known**, for one seed has no interval. Lowest is als" in text
    assert "one seed has no interval: autorec 0.8850 and global_mean 1.0400." in text
    assert "Use als: its test RMSE is the lowest, of one seed." in text
    assert "No search overfitted" not in text


def test_where_the_lowest_alone_has_all_its_seeds_others_are_not_compared() -> None:
    best = model("als", test=0.88, fit_s=9.0, seeds=3)
    others = [model(name, test=0.89, fit_s=1.0, seeds=1) for name in ("autorec", "ncf")]
    text = choose_page(outcome(best, *others, seeds=3), RESULTS)
    assert "Use als: its test RMSE is the lowest; 2 others cannot be compared." in text


def test_the_script_of_a_file_of_ones_own_imports_it() -> None:
    said = recommend(found := outcome(model("lab/mine.py:Mine", test=0.9)))
    assert said is not None
    script = python_lines(found, said.chosen)
    assert ast.parse(script)
    assert "Row = loading.load_class(loading.class_path_of('lab/mine.py:Mine'))\n" in script
    assert "'device': 'cpu', 'seed': 0}" in script, "its own defaults may be others"


def test_the_script_of_a_file_of_ones_own_fits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though a module of Python has the file's name, and its record lists for tuples."""
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("lab").mkdir()
    Path("lab/code.py").write_text(OWN, encoding="utf-8")
    lines = "".join(f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60))
    Path("ratings.csv").write_text("user,item,rating\n" + lines, encoding="utf-8")
    found = outcome(model("lab/code.py:Mine", test=0.9))
    for trial in found.models[0].trials:
        trial.record.cell.hyperparameters.clear()
        trial.record.cell.hyperparameters["damping"] = [3.0, 5.0]
    said = recommend(found)
    assert said is not None
    exec(python_lines(found, said.chosen), {})
    assert len(capsys.readouterr().out.split()) == 2


OWN = """
from dataclasses import dataclass
import numpy as np


@dataclass
class Mine:
    damping: tuple[float, ...] = (1.0,)
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=None):
        assert self.damping == (3.0, 5.0)
        return self

    def predict(self, users, items):
        return np.full(len(users), 3.0, np.float32)
"""


def test_the_script_fits_the_chosen_model_on_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{n % 9},{n // 9},{n % 5 + 1}\n" for n in range(60))
    Path("ratings.csv").write_text(lines, encoding="utf-8")
    found = outcome(model("numba_sgd", test=0.9))
    options = {"columns": "user=1,item=2,rating=3", "no-header": "yes"}
    for trial in found.models[0].trials:
        trial.record.data = data(options=options)
    for run in found.models[0].best_runs:
        run.data = data(options=options)
    object.__setattr__(found, "data", data(options=options))
    said = recommend(found)
    assert said is not None
    script = python_lines(found, said.chosen)
    assert ast.parse(script)
    assert "from impls.numba_sgd import NumbaSGD\n" in script
    exec(script, {})
    assert len(capsys.readouterr().out.split()) == 2
    # An id without ratings is left out: as -1 it would be read as the last one.
    exec(script.replace("dataset.user_ids[:2].astype(str)", "['0', 'nobody']"), {})
    assert len(capsys.readouterr().out.split()) == 1


def test_bench_report_writes_the_page_and_the_plot_and_links_them(tmp_path: Path) -> None:
    out = stored(tmp_path, outcome(BIAS, AUTOREC))
    write(out)
    page = (out / "choose-ratings.md").read_text(encoding="utf-8")
    assert "](plots/choose-ratings.png)" in page
    assert (out / "plots" / "choose-ratings.png").is_file()
    index = (out / "index.md").read_text(encoding="utf-8")
    assert "(choose-ratings.md)" in index
    assert "No result is recorded" not in index
    assert RecordStore(out / FOLDER / "ratings").read()[1] == []
    assert write(out) == {}
    (out / FOLDER / "ratings" / REQUEST).write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"request\.json"):
        write(out)


def test_the_plot_is_of_the_models_that_have_a_trial_with_a_result() -> None:
    plot = anytime_plot(outcome(BIAS, AUTOREC, (model("als", test=0.9)[0], [])))
    assert plot is not None
    assert plot.png() == plot.png()
    assert anytime_plot(outcome((BIAS[0], []))) is None
