"""The page on every width, in the dark, and on paper."""

from __future__ import annotations

import base64

import pytest
from selenium.webdriver import Chrome

from tests.support.browser import emulate
from tests.support.site import Site

CUT = """
const clipped = element => {
    const style = getComputedStyle(element);
    return style.overflowX !== "visible" && !["auto", "scroll"].includes(style.overflowX)
        && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1;
};
return [...document.querySelectorAll("main *, header *, footer *")].filter(clipped)
    .filter(each => !each.closest("svg, select, option")).map(each => each.outerHTML.slice(0, 200));
"""
OVERLAPPING = """
const blocks = ".plot svg, figcaption, h2, h3, p, .scroller, .tools, .legend";
const boxes = [...document.querySelectorAll(blocks)]
    .filter(element => !element.parentElement.closest(".scroller"))  // which cuts off what it holds
    .map(element => ({element, box: element.getBoundingClientRect()}))
    .filter(({box}) => box.width > 1 && box.height > 1);
const found = [];
const named = each => each.element.outerHTML.slice(0, 80);
for (const [n, a] of boxes.entries()) for (const b of boxes.slice(n + 1)) {
    if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
    const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
    const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
    if (wide > 1 && high > 1) found.push(`${named(a)} over ${named(b)}`);
}
return found;
"""
WIDTH = "return document.documentElement.scrollWidth"
OPENED = "#row=numpy_sgd@cpu&hide=autorec@cpu"


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
@pytest.mark.parametrize("state", ["", OPENED, "#page=cuda"])
def test_nothing_overlaps_and_nothing_is_cut(site: Site, width: int, state: str) -> None:
    site.open(state, width=width, height=900)
    site.drawn()
    assert site.run(WIDTH) <= width, "only a table scrolls sideways"
    assert site.run(CUT) == []
    assert site.run(OVERLAPPING) == []


@pytest.mark.parametrize("page", ["", "#page=growth&row=bias", "#page=published", "#page=searches"])
def test_every_page_of_this_repository_fits_a_phone(own: Site, page: str) -> None:
    own.open(page, width=360, height=740)
    own.drawn()
    assert own.run(WIDTH) <= 360
    assert own.run(OVERLAPPING) == []


def test_it_follows_the_preferred_colours_and_a_reader_may_choose_others(site: Site) -> None:
    assert brightness(site) > 0.9
    site.open("", color_scheme="dark")
    assert brightness(site) < 0.2
    site.click("#theme")
    assert brightness(site) > 0.9


def brightness(site: Site) -> float:
    """Of the page behind the text, from 0 to 1."""
    script = "return getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number)"
    red, green, blue, *_ = site.run(script)
    return (red + green + blue) / 3 / 255


def test_on_paper_it_is_dark_on_white_without_what_is_to_be_pressed(
    site: Site, driver: Chrome
) -> None:
    site.open(OPENED, color_scheme="dark", width=720)
    site.drawn()
    emulate(driver, "print", color_scheme="dark")
    assert brightness(site) > 0.9
    pressed = {each.text for each in site.all("button, summary") if each.is_displayed()}
    assert not pressed & {"Dark", "Light", "Filter", "Columns", "CSV", "JSON", "Copy", "Show all"}
    assert site.run(WIDTH) <= 720
    site.until(lambda: not site.run(OVERLAPPING), "charts that fit the paper")
    assert "bench run --impl numpy_sgd" in site.one(".details").text
    bars = "return [...document.querySelectorAll('.bar')].map(each => getComputedStyle(each))"
    room = f"{bars}.map(style => parseFloat(style.paddingBottom))"
    assert min(site.run(room)) >= 4, "a bar runs through no figure"


def test_on_paper_no_bar_lies_over_a_figure(site: Site, driver: Chrome) -> None:
    site.open("", width=720)
    emulate(driver, "print")
    room = site.run("""
        const foot = element => element.getBoundingClientRect().bottom;
        const texts = [...document.querySelectorAll(".bar .second")];
        return texts.map(text => foot(text.closest("td")) - foot(text));
    """)
    assert room
    assert min(room) >= 4


def test_its_print_is_not_empty(site: Site, driver: Chrome) -> None:
    site.drawn()
    paper = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    assert base64.b64decode(paper["data"]).startswith(b"%PDF")


def test_nothing_that_was_shown_moves(site: Site) -> None:
    site.drawn()
    shift = """
    const done = arguments[0];
    new PerformanceObserver(list => done(list.getEntries().reduce((sum, it) => sum + it.value, 0)))
        .observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => requestAnimationFrame(() => done(0)));
    """
    assert site.driver.execute_async_script(shift) < 0.01
