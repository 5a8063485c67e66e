"""The page of searches."""

from __future__ import annotations

from typing import Any

from bench.records import Record
from bench.report.pages.tuning import tuning_page
from tests.support import studies
from tests.support.records import cells, data


def trial(number: int, rmse: float, **changes: Any) -> Record:
    return studies.trial(number, rmse, {"rate": number / 10}, **{"metrics": None, **changes})


def test_the_best_trials_come_first_and_the_default_is_always_there() -> None:
    text = tuning_page([trial(0, 1.5), *(trial(n, 0.9 + n / 100) for n in range(1, 13))])
    rows = cells(text)
    assert list(rows) == [*map(str, range(1, 11)), "0"]
    assert rows["2"] == {
        "trial": "2",
        "validation RMSE": "0.9200",
        "epochs": "2/3",
        "fit s": "12.3",
        "rate": "0.2",
    }
    assert (
        "### ncf\n\n13 trials of ncf, on ml-100k, random:80/10/10, seed 0, source source-a." in text
    )


def test_a_trial_without_a_result_is_counted() -> None:
    text = tuning_page([trial(0, 0.95), trial(1, 0.5, status="timeout")])
    assert "2 trials of ncf, 1 of them without a result" in text
    assert list(cells(text)) == ["0"]
    assert "1 trial of ncf, 1 of them" in tuning_page([trial(0, 0.9, status="failed", curve=[])])


def test_a_trial_that_ran_again_counts_once_at_its_place() -> None:
    again = trial(0, 0.91, minute=5, identity="ncf-0-cpu-0")
    rows = cells(tuning_page([trial(0, 0.95, status="failed"), trial(1, 0.92), again]))
    assert {n: row["validation RMSE"] for n, row in rows.items()} == {"0": "0.9100", "1": "0.9200"}


def test_trials_of_another_source_or_space_are_another_search() -> None:
    one = trial(0, 0.95)
    space = one.cell.model_copy(update={"suite": "tune:ncf#abc"})
    text = tuning_page([one, trial(1, 0.9, source="source-b"), trial(2, 0.91, cell=space)])
    assert text.count("### ncf\n\n1 trial of ncf") == 3


def test_without_a_search_there_is_no_page() -> None:
    assert tuning_page([]) == ""


def test_searches_on_two_files_of_one_name_are_distinguished() -> None:
    def on(dataset: str, fingerprint: str) -> Record:
        one = trial(0, 0.95)
        cell = one.cell.model_copy(update={"dataset": dataset})
        return trial(0, 0.95, cell=cell, identity=fingerprint, data=data(fingerprint=fingerprint))

    text = tuning_page([on("a/r.csv", "f1" * 8), on("b/r.csv", "f2" * 8)])
    assert "on a/r.csv, " in text
    assert "on b/r.csv, " in text
