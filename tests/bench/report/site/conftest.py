"""A browser for the tests of a worker; without one they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.support.browser import browser, missing


@pytest.fixture(scope="session")
def driver() -> Iterator[Chrome]:
    if reason := missing():
        pytest.skip(f"{reason}: apt-get install chromium chromium-driver")
    with browser() as driver:
        yield driver
