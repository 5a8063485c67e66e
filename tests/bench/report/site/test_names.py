"""Names, reasons and file names of records are text on the page, never markup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from bench.records import Record
from tests.support.records import data, record
from tests.support.site import Site, built

IMAGE = "<img src=x onerror=\"document.title='broken in'\">"
SCRIPT = "</script><script>document.title='broken in'</script>"
COMMENT = "<!--<script>"
ROW = "mine.py:'\"&<b>=,#%&amp;\\`|"


def hostile() -> list[Record]:
    return [
        record(
            name,
            seed=seed,
            dataset=IMAGE,
            machine=COMMENT,
            model=SCRIPT,
            preset=preset,
            data=data(fingerprint="e" * 16, note=f"{IMAGE} {SCRIPT}"),
            hyperparameters={IMAGE: SCRIPT, "epochs": seed_free},
            status=status,
            reason=f"{IMAGE} {SCRIPT}" if status != "ok" else "",
        )
        for seed in range(2)
        for name, preset, seed_free, status in (
            (ROW, IMAGE, 3, "ok"),
            (IMAGE, "default", 3, "ok"),
            (SCRIPT, "default", 3, "failed"),
        )
    ]


@pytest.fixture(scope="module")
def dangerous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dangerous"), hostile())


@pytest.fixture
def site(driver: Chrome, dangerous: Path) -> Iterator[Site]:
    site = Site(driver, dangerous).open()
    yield site
    assert site.troubles == []
    assert driver.title != "broken in"
    assert not site.all("main img, main script, main b")


def test_they_are_shown_as_they_are_written(site: Site) -> None:
    assert IMAGE in site.one("#dataset").text
    assert COMMENT in site.one("#machine").text
    shown = site.one("main").text
    assert f"{IMAGE} {SCRIPT}" in shown, "the note and the reason"
    assert any(name.startswith(f"{ROW}:{IMAGE}") for name in site.names)
    assert {IMAGE, SCRIPT} <= {name.partition(" ")[0] for name in site.names} | {*site.names}


def test_they_are_chosen_opened_hidden_and_shared(site: Site, driver: Chrome) -> None:
    every = site.names
    buttons = site.all(".of-table .name")
    names = [each.get_attribute("data-row") for each in buttons]
    for name, each in zip(names, buttons, strict=True):
        each.click()
        assert name in site.one(".details caption").text or not site.all(".details .runs tbody")
        assert SCRIPT in site.one(".details").text
        each.click()
    site.all(".of-table .hide")[0].click()
    site.choose("[name=model]", SCRIPT)
    shown = site.names
    assert len(shown) == len(every) - 1
    site.open(f"#{site.state}")
    assert site.names == shown
    site.drawn()
    site.hover(site.one(".scatter svg .mark-symbol path"))
    site.until(lambda: site.one("#tip").is_displayed())


def test_copies_and_downloads_escape_them(site: Site, downloads: Path) -> None:
    site.button("CSV").click()
    [file] = site.until(lambda: [*downloads.glob("*.csv")])
    assert "img" in file.name
    assert "/" not in file.name
    file.unlink()
    site.button("Copy as Markdown").click()
    site.until(lambda: "copied" in site.one("[role=status]").text)


def test_a_name_of_any_length_fits_the_window(driver: Chrome, tmp_path: Path) -> None:
    name = "x" * 10_000
    some = [record(name, seed=seed, model=name, data=data(note=name)) for seed in range(2)]
    missed = record("ncf", status="failed", reason=name)
    site = Site(driver, built(tmp_path, [*some, record("bias"), missed])).open()
    for width in (360, 1280):
        site.open(width=width)
        site.drawn()
        assert site.run("return document.documentElement.scrollWidth <= innerWidth"), width
    assert site.troubles == []
