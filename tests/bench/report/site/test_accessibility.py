"""The page to axe-core, to a keyboard alone, and to a reader who prefers less motion."""

from __future__ import annotations

from importlib.resources import files

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from tests.support.site import MISSING, Site

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RUN = """
const done = arguments[0];
const levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];
axe.run(document, {runOnly: {type: "tag", values: levels}, resultTypes: ["violations"]}).then(
    found => done(found.violations.map(rule => `${rule.id}: ${rule.help}: ${rule.nodes.slice(0, 3)
        .map(node => `${node.html.slice(0, 200)} ${node.failureSummary}`).join(" ")}`)),
    error => done([String(error)]));
"""
PAGES = ["", "#page=growth&row=bias", "#page=cuda", "#page=published", "#page=searches&row=trial+3"]
OPENED = "#row=numpy_sgd@cpu&hide=autorec@cpu&find=mf"


def violations(site: Site) -> list[str]:
    """Of WCAG 2.1 AA, as far as a program can see them."""
    site.run(AXE)
    return site.driver.execute_async_script(RUN)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_no_violation_on_any_page_of_this_repository(
    own: Site, page: str, colours: str
) -> None:
    own.open(page, color_scheme=colours)
    own.drawn()
    assert violations(own) == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_violation_in_what_opens(site: Site, colours: str) -> None:
    site.open(OPENED, color_scheme=colours)
    for panel in site.all("details.folded summary"):
        panel.click()
        assert violations(site) == []
    site.press(Keys.ESCAPE)
    site.open("", color_scheme=colours)
    site.all(".of-table .note")[0].click()
    assert violations(site) == []


def test_axe_finds_no_violation_where_the_page_is_narrow(site: Site) -> None:
    site.open(OPENED, width=360)
    assert violations(site) == []


def test_a_violation_is_found(site: Site) -> None:
    site.run("document.querySelector('[name=find]').removeAttribute('aria-label')")
    site.run("document.querySelector('[name=find]').removeAttribute('placeholder')")
    site.run("document.querySelector('.answer').style.color = '#999'")
    assert {found.partition(":")[0] for found in violations(site)} == {"label", "color-contrast"}


def test_the_keyboard_alone_reaches_and_works_everything(site: Site, driver: Chrome) -> None:
    site.press(Keys.TAB, Keys.ENTER)  # skips to the results
    assert site.active.tag_name == "main"
    tab_to(site, "[name=find]")
    site.press("sgd")
    assert site.names == ["numpy_sgd", "triton_sgd"]
    site.active.send_keys(Keys.CONTROL + "a" + Keys.NULL + Keys.DELETE)
    tab_to(site, "details.folded summary")
    site.press(Keys.ENTER)
    tab_to(site, "[name=model]")
    site.press(Keys.ESCAPE)
    assert site.active.tag_name == "summary"
    tab_to(site, "[data-column=test-rmse]")
    site.press(Keys.ENTER)
    assert site.sorted_by("test RMSE") == "ascending"
    assert site.active.get_attribute("data-column") == "test-rmse", "the focus stays"
    tab_to(site, ".of-table .name")
    name = site.active.get_attribute("data-row")
    site.press(Keys.ENTER)
    assert site.one(".details")
    assert site.active.get_attribute("data-row") == name
    site.press(Keys.ENTER)
    tab_to(site, ".of-table .hide")
    site.press(Keys.SPACE)
    assert name not in [each.get_attribute("data-row") for each in site.all(".of-table .name")]
    assert site.active.get_attribute("class") == "hide", "the focus goes to the next row"


def tab_to(site: Site, selector: str) -> None:
    """Press Tab until the focus is on the element; where it is must be seen, always."""
    for _ in range(40):
        site.press(Keys.TAB)
        if not site.run("return document.activeElement === document.body"):
            assert site.run(VISIBLE), site.active.get_attribute("outerHTML")
        if site.run("return document.activeElement.matches(arguments[0])", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


VISIBLE = """
const style = getComputedStyle(document.activeElement);
const box = document.activeElement.getBoundingClientRect();
return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
    && box.bottom > 0 && box.top < innerHeight && box.width > 0;
"""


@pytest.mark.parametrize("page", ["", "#page=growth", "#page=cuda"])
def test_each_page_has_one_title_and_its_parts_have_headings(own: Site, page: str) -> None:
    own.open(page)
    levels = [each.tag_name for each in own.all("h1, h2, h3")]
    assert levels.count("h1") == 1
    assert levels[0] == "h1"


def test_a_skip_reason_is_read_with_its_row(site: Site) -> None:
    [head] = [row for row in site.all(".of-table tbody th") if "triton_sgd" in row.text]
    assert MISSING in head.text
    assert head.get_attribute("scope") == "row"


def test_with_less_motion_nothing_moves(site: Site) -> None:
    site.open("", reduced_motion="reduce")
    site.sort("fit s")
    moving = "return document.getAnimations().length"
    assert site.run(moving) == 0


def test_a_chart_that_is_drawn_keeps_the_label_that_says_what_it_shows(site: Site) -> None:
    site.drawn()
    plots = site.all(".plot")
    assert [plot.get_attribute("role") for plot in plots] == ["img", "img"]
    labels = [plot.get_attribute("aria-label") for plot in plots]
    assert labels[0].startswith("test RMSE against fit s, ")
    assert labels[1].startswith("validation RMSE over training seconds, ")
