"""The tests of the page see what goes wrong on a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.support.browser import open_page, troubles, until


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "index.html"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("<script>throw new Error('broken')</script>", "broken"),
        ("<script>console.warn('doubtful')</script>", "doubtful"),
        ("<img src='https://example.com/a.png' alt=''>", "https://example.com/a.png"),
        ("<img src=x alt=''>", "/x"),
        ("<link rel=stylesheet href=other.css>", "other.css"),
        ("<script>fetch('https://example.com/b').catch(() => 0)</script>", "example.com/b"),
    ],
)
def test_an_error_a_warning_and_a_request_are_seen(
    driver: Chrome, page: Path, body: str, what: str
) -> None:
    page.write_text(f"<!doctype html><title>page</title>{body}", encoding="utf-8")
    open_page(driver, page)
    until(driver, lambda _: any(what in each for each in troubles(driver)), what)


def test_a_page_that_holds_what_it_shows_has_no_trouble(driver: Chrome, page: Path) -> None:
    body = (
        "<link rel=icon href='data:,'><img alt='' src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"
    )
    page.write_text(f"<!doctype html><title>page</title>{body}", encoding="utf-8")
    open_page(driver, page, "#state")
    assert troubles(driver) == []


def test_what_the_reader_prefers_reaches_the_page(driver: Chrome, page: Path) -> None:
    page.write_text("<!doctype html><title>page</title>", encoding="utf-8")
    open_page(driver, page, width=360, color_scheme="dark", reduced_motion="reduce")
    script = """return [innerWidth, matchMedia("(prefers-color-scheme: dark)").matches,
        matchMedia("(prefers-reduced-motion: reduce)").matches]"""
    assert driver.execute_script(script) == [360, True, True]
    open_page(driver, page)
    assert driver.execute_script(script) == [1280, False, False]
