"""The address of the page holds what the reader chose: a link, back, forward, and a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

from selenium.webdriver import Chrome

from tests.support.site import Site


def test_the_address_of_what_the_page_opens_with_is_empty(site: Site) -> None:
    assert site.state == ""
    site.sort("fit s")
    assert site.state == "sort=fit-s"
    site.sort("fit s")
    site.sort("fit s")
    assert site.state == ""


def test_a_link_reproduces_the_view(site: Site, driver: Chrome) -> None:
    site.sort("test RMSE")
    site.click("[aria-label='Hide autorec@cpu']")
    site.find("mf")
    site.choose("#device", "CPU")
    site.choose("[name=across]", "test MAE")
    site.click("[data-row='embedding_mf@cpu']")
    before = picture(site)
    link = driver.current_url
    assert link.count("&") == 5
    driver.switch_to.new_window("tab")
    try:
        driver.get(link)
        site.until(lambda: site.all(".name"))
        assert picture(site) == before
        assert driver.current_url == link
    finally:
        driver.close()
        driver.switch_to.window(driver.window_handles[0])


def picture(site: Site) -> list:
    """What a reader sees of the state."""
    controls = [each.get_attribute("value") for each in site.all("select, input[type=search]")]
    opened = [each.text for each in site.all(".details .command")]
    sort = [(each.text, each.get_attribute("aria-sort")) for each in site.all("th[aria-sort]")]
    return [site.rows, sort, site.one(".answer").text, controls, opened]


def test_a_link_to_another_dataset(site: Site) -> None:
    site.choose("#dataset", "ml-10m")
    assert site.state == "dataset=ml-10m"
    first = site.rows
    site.open("#dataset=ml-10m")
    assert site.rows == first
    assert "ml-10m" in site.one(".about").text


def test_back_and_forward_go_through_what_was_chosen(site: Site, driver: Chrome) -> None:
    steps = [site.rows]
    site.sort("fit s")
    steps.append(site.rows)
    site.choose("#dataset", "ml-10m")
    steps.append(site.rows)
    site.click("#pages [data-page=cuda]")
    for step in reversed(steps):
        driver.back()
        site.until(lambda step=step: site.rows == step, "the step before")
    assert site.state == ""
    for step in steps[1:]:
        driver.forward()
        site.until(lambda step=step: site.rows == step, "the step after")
    driver.forward()
    site.until(lambda: site.state == "page=cuda")


def test_a_search_is_one_step_back_whatever_its_letters(site: Site, driver: Chrome) -> None:
    site.sort("fit s")
    site.find("sgd")
    assert site.state == "sort=fit-s&find=sgd"
    driver.back()
    site.until(lambda: site.state == "sort=fit-s", "the step before the search alone")
    assert site.one("[name=find]").get_attribute("value") == ""
    driver.back()
    site.until(lambda: site.state == "")


def test_back_from_a_search_does_not_leave_the_page(site: Site, driver: Chrome) -> None:
    every = site.names
    site.find("sgd")
    driver.back()
    site.until(lambda: site.names == every)


def test_a_wrong_address_is_repaired_and_the_reader_learns_of_it(site: Site) -> None:
    every = site.names
    site.open("#dataset=ml-100k&sort=nothing&hide=ghost@cpu&colour=red&find=%E0%A4&up=test-rmse")
    assert site.names == every
    assert site.state == ""
    said = site.one("[role=status]").text
    assert all(wrong in said for wrong in ("nothing", "ghost@cpu", "colour", "find"))


def test_what_is_right_in_an_address_is_kept_beside_what_is_wrong(site: Site) -> None:
    site.open("#sort=-fit-s&machine=elsewhere")
    assert site.state == "sort=-fit-s"
    assert site.sorted_by("fit s") == "descending"


def test_the_address_in_the_docs_is_one_of_this_repository(own: Site) -> None:
    docs = (Path(__file__).parents[4] / "docs" / "the-site.md").read_text("utf-8")
    [address] = re.findall(r"`#(.+?)`", docs)
    own.open(f"#{address}")
    assert own.state == address
    assert own.sorted_by("fit s") == "ascending"
    assert "bias" not in own.names


def test_names_with_signs_of_an_address_survive_it(site: Site) -> None:
    site.find("a&b=c#d e+f%20")
    state = site.state
    site.open(f"#{state}")
    assert site.one("[name=find]").get_attribute("value") == "a&b=c#d e+f%20"
    assert site.state == state


def test_of_an_address_that_is_wrong_at_length_a_few_lines_are_said(site: Site) -> None:
    for wrong in (f"dataset={'x' * 10_000}", "&".join(f"k{n}=1" for n in range(2000))):
        site.open(f"#{wrong}")
        said = site.one("[role=status]")
        assert "left out of the address" in said.text
        assert len(said.text) < 500
        assert site.run("return arguments[0].offsetHeight < 200", said)
    assert "and 1,995 more" in said.text


def test_the_column_of_the_names_cannot_be_dropped(site: Site) -> None:
    site.open("#drop=implementation")
    assert site.state == ""
