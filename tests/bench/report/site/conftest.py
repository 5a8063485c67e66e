"""A browser for the tests of a worker; without one they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from bench.report.writing import results_of, site_page
from tests.support.browser import browser, missing
from tests.support.site import Site, built, records

RESULTS = Path(__file__).parents[4] / "results"


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def driver(downloads: Path) -> Iterator[Chrome]:
    if reason := missing():
        pytest.skip(f"{reason}: apt-get install chromium chromium-driver")
    with browser() as driver:
        behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        yield driver


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"), records())


@pytest.fixture(scope="session")
def own_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "index.html"
    path.write_text(site_page(results_of(RESULTS)), encoding="utf-8")
    return path


@pytest.fixture
def own(driver: Chrome, own_path: Path) -> Iterator[Site]:
    """The page of this repository's records, which `open` shows."""
    site = Site(driver, own_path)
    yield site
    assert site.troubles == []


@pytest.fixture
def site(driver: Chrome, path: Path) -> Iterator[Site]:
    """The page of some records; whatever a test does, it causes no trouble."""
    site = Site(driver, path).open()
    yield site
    assert site.troubles == []
