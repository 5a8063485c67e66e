"""The tables and charts of Growth, CUDA, Published and Searches are linked, and tell their runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from bench.records import Record, Reference
from bench.report.files import SITE
from bench.report.grouping import grouped, tables
from bench.report.growth import growth
from bench.report.site.collect import site_of
from bench.report.site.command import command
from bench.report.site.data import as_json
from bench.report.speedup import speedups
from bench.report.writing import write_site
from bench.tune import FOLDER
from tests.support import studies
from tests.support.records import data, record, store, table_of
from tests.support.site import Site

IMAGE = "<img src=x onerror=\"document.title='broken in'\">"
SIZES = {"synthetic-100k": 100_000, "synthetic-1m": 1_000_000}
RATE = 0.012345678901
MARKS = ".lines svg .mark-symbol path"
REPEATED = ("Seed", "Settings", "Commit", "Machine", "bench run --impl")
PAGES = ["growth", "cuda", "published", "searches"]


def grown(name: str, seeds: int, machine: str = "box-1", **fields: Any) -> list[Record]:
    return [
        record(
            name,
            dataset=dataset,
            seed=seed,
            machine=machine,
            fit_s=(3 + 0.1 * seed) * ratings / 1e5,
            data=data(fingerprint=f"{ratings:016}", n_ratings=ratings),
            **fields,
        )
        for dataset, ratings in SIZES.items()
        for seed in range(seeds)
    ]


def trial(number: int, rmse: float, **fields: Any) -> Record:
    settings = {"rate": RATE * (number + 1), "loss": f"it's {number}"}
    return studies.trial(number, rmse, settings, **fields)


def records() -> list[Record]:
    reference = Reference(
        rmse=0.93, mae=0.73, clipped=True, of="SVD", source="a log", protocol="p", within=0.02
    )
    return [
        *grown("numpy_sgd", 6),
        *grown("numba_sgd", 14),
        *grown(IMAGE, 1),
        *grown("als", 6, device="cuda", gpu="H100"),
        *grown("als", 6),
        *grown("ncf", 6, device="cuda", gpu="H100", minute=1),
        *grown("ncf", 6),
        *grown("bias", 1, "box-2", minute=60),
        *(record("svd", seed=seed, rmse=0.92, reference=reference) for seed in range(3)),
    ]


TRIALS = [trial(n, 0.95 - n / 100) for n in range(12)]
FAILED = trial(12, 0.5, status="failed", reason=f"{IMAGE} no memory")


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = store(tmp_path_factory.mktemp("linked"), records())
    store(out / FOLDER, [*TRIALS, FAILED])
    write_site(out)
    return out / SITE


@pytest.fixture
def site(driver: Chrome, linked: Path) -> Iterator[Site]:
    """Whatever a test does, it causes no trouble, and no name is markup."""
    site = Site(driver, linked)
    yield site
    assert site.troubles == []
    assert driver.title != "broken in"
    assert not site.all("main img")


def drawn(site: Site, page: str, more: str = "") -> list[WebElement]:
    """The points of the chart of a page."""
    site.open(f"#page={page}{more}", height=1800)
    site.drawn()
    return site.all(MARKS if page != "published" else ".beside svg .mark-symbol path")


def strong(points: list[WebElement]) -> list[WebElement]:
    return [each for each in points if each.get_attribute("opacity") in ("1", None, "")]


def tip_of(site: Site, point: WebElement) -> str:
    site.hover(point)
    site.until(lambda: site.one("#tip").is_displayed(), "a tip")
    return site.one("#tip").text


@pytest.mark.parametrize("page", PAGES)
def test_a_row_lights_its_points_and_a_point_its_row(site: Site, page: str) -> None:
    points = drawn(site, page)
    site.hover(site.one("main tbody .name"))
    site.until(lambda: 0 < len(strong(points)) < len(points), "some points stand out")
    site.hover(site.one("h1"))
    site.until(lambda: len(strong(points)) == len(points), "none stands out")
    tip_of(site, points[0])
    lit = site.until(lambda: site.all("main tbody tr.lit"), "a row is lit")
    assert len(lit) < len(site.all("main tbody tr"))
    site.hover(site.one("h1"))
    site.until(lambda: not site.all("tr.lit"), "no row is lit")


@pytest.mark.parametrize("page", ["growth", "cuda"])
def test_a_name_of_the_legend_lights_its_rows(site: Site, page: str) -> None:
    drawn(site, page)
    name = site.one(".legend li")
    site.hover(name)
    site.until(lambda: site.all("main tbody tr.lit"))
    assert name.get_attribute("class") == "lit"
    for row in site.all("main tbody tr.lit"):
        assert row.text.split("\n")[0] in name.text


@pytest.mark.parametrize("page", PAGES)
def test_a_row_that_is_hidden_is_hidden_in_the_chart_and_comes_back(site: Site, page: str) -> None:
    points = len(drawn(site, page))
    rows = len(site.all("main tbody tr"))
    hide = site.one("main tbody .hide")
    name = site.one("main tbody .name").get_attribute("data-row")
    hide.send_keys(Keys.ENTER)
    assert "hide=" in site.state
    assert "hide" in site.active.get_attribute("class")
    fewer = ".lines svg .mark-symbol path" if page != "published" else ".beside .mark-symbol path"
    site.until(lambda: len(site.all(fewer)) < points, "fewer points")
    assert len(site.all("main tbody tr")) < rows
    assert name in site.one(".hidden-rows").text
    site.one(".hidden-rows button").click()
    site.until(lambda: len(site.all(fewer)) == points, "all points")
    assert len(site.all("main tbody tr")) == rows


def test_rows_are_found_here_and_in_the_chart(site: Site) -> None:
    drawn(site, "growth")
    site.find("numpy")
    assert site.state == "page=growth&find=numpy"
    assert [each.text for each in site.all(".legend li")] == ["numpy_sgd"]
    assert [each.text for each in site.all("main tbody .name")] == ["numpy_sgd"] * 2
    assert site.one(".found").text == "1 of 7 rows are found."
    site.find("no such row")
    assert {each.text for each in site.all("main tbody tr")} == {"No row that is shown."}


@pytest.mark.parametrize("page", PAGES)
def test_a_point_tells_its_runs(site: Site, page: str) -> None:
    shown = tip_of(site, drawn(site, page)[0])
    for fact in REPEATED:
        assert fact in shown, fact


def test_a_point_of_cuda_tells_the_runs_on_both(site: Site) -> None:
    shown = tip_of(site, drawn(site, "cuda")[0])
    assert "--device cpu" in shown
    assert "--device cuda" in shown
    assert shown.count("epochs=30\n") == 1, "what both share once"


@pytest.mark.parametrize("page", PAGES)
def test_an_opened_row_has_its_runs_and_is_in_the_address(site: Site, page: str) -> None:
    drawn(site, page)
    name = site.one("main tbody .name")
    name.send_keys(Keys.ENTER)
    assert name.get_attribute("aria-expanded") == "true"
    opened = [each.text for each in site.all(".details")]
    assert "Repeat it: bench run" in opened[0]
    site.open(f"#{site.state}")
    assert [each.text for each in site.all(".details")] == opened


def test_a_row_of_growth_has_the_runs_of_each_size(site: Site) -> None:
    drawn(site, "growth", "&row=numba_sgd")
    details = site.one(".details").text
    for dataset in SIZES:
        assert f"12 of 14 runs of numba_sgd@cpu, {dataset}" in details, "on paper, too"
        assert f"--dataset {dataset}" in details
    site.button("Show 2 more runs").click()
    assert "\nRuns of numba_sgd@cpu, synthetic-100k" in site.one(".details").text


def test_growth_opens_with_the_machine_that_has_most_rows(site: Site) -> None:
    drawn(site, "growth")
    assert site.one("[name=place]").get_attribute("value") == "box-1, random:80/10/10"
    assert len(site.all(".legend li")) == 7
    site.choose("[name=place]", "box-2, random:80/10/10")
    assert site.state == "page=growth&place=box-2,+random:80/10/10".replace(",", "%2C")
    assert len(site.all(".legend li")) == 1


def test_a_point_of_growth_has_its_interval_where_six_seeds_ran(site: Site) -> None:
    drawn(site, "growth", "&find=numpy")
    assert len(site.all(".lines svg .mark-rule line")) >= len(SIZES)
    shown = tip_of(site, site.all(MARKS)[0])
    assert "0.108 (0.100–0.117) at 100,000 ratings" in shown


def as_read() -> Any:
    some = records()
    every = tables(some)
    pages = grouped(every, lambda table: table.title)
    made = site_of(pages, growth(some), speedups(every), [*TRIALS, FAILED], [])
    return json.loads(as_json(made))


def test_what_is_behind_a_figure_are_runs_of_a_view() -> None:
    read = as_read()
    [cuda] = read["cuda"]
    for [implementation, *_], behind in zip(cuda["grid"]["rows"], cuda["behind"], strict=True):
        lines = [read["views"][view]["lines"][line] for view, line, *_ in behind]
        assert [line["device"] for line in lines] == ["CPU", "CUDA"]
        assert {line["implementation"] for line in lines} == {implementation[0]}
    big = next(each for each in read["growths"] if each["machine"] == "box-1")
    for trend in big["trends"]:
        for ratings, [[view, line]], seconds, *_ in trend["sizes"]:
            shown = read["views"][view]
            assert SIZES[shown["dataset"]] == ratings
            runs = shown["lines"][line]["runs"]
            assert len(seconds) == (3 if len(runs) >= 6 else 1)


def test_every_trial_is_in_a_table_with_its_reason(site: Site) -> None:
    drawn(site, "searches")
    table = site.all("main table")[1]
    assert len(table.find_elements("css selector", "tbody tr")) == 13
    last = table.find_elements("css selector", "tbody tr")[-1].text
    assert last.endswith("failed[1]")
    assert f"{IMAGE} no memory" in site.one("main").text


def test_the_command_of_a_trial_has_its_exact_settings(site: Site) -> None:
    drawn(site, "searches", "&row=trial+3")
    words = shlex.split(site.one(".details code").text)
    assert f"ncf.rate={RATE * 4}" in words
    assert sorted(words) == sorted(shlex.split(command(table_of(TRIALS[3]).lines[0])))
    assert words[-1] == "--fresh"
