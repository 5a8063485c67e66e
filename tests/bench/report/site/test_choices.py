"""The search of a choice is among the searches of the page."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver import Chrome

from bench.report.files import SITE
from bench.report.site.collect import site_of
from bench.report.writing import results_of, write_site
from tests.support.choices import model, outcome, stored
from tests.support.site import Site

BIAS = model("bias", test=0.94, validations=(0.95, 0.94))
CUT = model("autorec", test=0.88, validations=(0.9, 0.881, 0.885))


def test_each_model_is_a_search_with_all_its_trials(tmp_path: Path) -> None:
    found = results_of(stored(tmp_path, outcome(BIAS, CUT)))
    bias, autorec = site_of({}, [], [], [], [], found.choices).searches
    assert [bias.name, autorec.name] == ["choose ratings: bias", "choose ratings: autorec"]
    assert [trial.rmse for trial in autorec.trials] == [0.9, 0.881, 0.885]
    assert autorec.varied == ["factors"]
    assert [row[1].text for row in autorec.grid.rows] == ["0.8810", "0.8850", "0.9000"]
    assert "choose-ratings.md" in str(autorec.about)


def test_a_trial_that_was_pruned_counts_as_the_choice_counts_it() -> None:
    made = outcome(CUT)
    made.models[0].trials[1].record.status = "pruned"
    [autorec] = site_of({}, [], [], [], [], [made]).searches
    assert (autorec.trials[1].rmse, autorec.trials[1].status) == (0.881, "pruned")


def test_a_page_of_nothing_but_a_choice_opens_with_its_searches(
    driver: Chrome, tmp_path: Path
) -> None:
    out = stored(tmp_path, outcome(BIAS, CUT))
    write_site(out)
    site = Site(driver, out / SITE).open()
    assert "Searches" in site.one("h1").text
    assert [each.text for each in site.all("#pages a[aria-current]")] == ["Searches"]
    assert site.state == ""
    assert "choose ratings: bias" in site.one("[name=search]").text
    site.open("#page=results")
    assert "Searches" in site.one("h1").text
    assert site.state == ""
    assert site.troubles == []
