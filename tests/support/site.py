"""The page of results in a browser, as a reader uses it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from bench.records import Record
from bench.report.files import SITE
from bench.report.writing import write_site
from tests.support.browser import open_page, troubles, until
from tests.support.records import data, eight, record, store

MISSING = "the package 'triton' is not installed"
ML_10M = data(fingerprint="f2" * 8, n_users=69878, n_items=10677, n_ratings=10_000_054)
TABLE = """
const rows = [...document.querySelectorAll(".of-table thead tr:last-child, .of-table tbody > tr")]
    .filter(row => !row.matches(".details"));
const text = cell => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll(".note, .hide, .reason").forEach(each => each.remove());
    return copy.textContent.trim();
};
return rows.map(row => [...row.cells].map(text));
"""


def records() -> list[Record]:
    """Two datasets, the first on the CPU and on CUDA, with a library and a row that was skipped."""
    cuda = {"device": "cuda", "gpu": "H100"}
    return [
        *eight(6),
        *(record("peer:als", seed=seed, rmse=0.913, fit_s=2.0) for seed in range(6)),
        *(
            record("embedding_mf", seed=seed, rmse=0.917, fit_s=1 + 0.01 * seed, **cuda)
            for seed in range(6)
        ),
        record("triton_sgd", status="skipped", reason=MISSING, **cuda),
        record("ncf", preset="published", status="timeout", reason="60 s", fit_s=60.0),
        *eight(2, dataset="ml-10m", data=ML_10M),
    ]


def built(out: Path, some: list[Record]) -> Path:
    """The page of the records."""
    write_site(store(out, some))
    return out / SITE


class Site:
    """One page in the browser. Each action waits for nothing but its own answer."""

    def __init__(self, driver: Chrome, path: Path) -> None:
        self.driver, self.path = driver, path

    def open(self, state: str = "", **how: Any) -> Site:
        """As in `open_page`, and wait until there is something to read."""
        open_page(self.driver, self.path, state, **how)
        self.until(lambda: self.all("main h1, main h2"), "something to read")
        return self

    def until(self, condition: Any, what: str = "") -> Any:
        return until(self.driver, lambda _: condition(), what)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    @property
    def state(self) -> str:
        """What the address holds."""
        return urlsplit(self.driver.current_url).fragment

    @property
    def active(self) -> WebElement:
        return self.driver.switch_to.active_element

    @property
    def troubles(self) -> list[str]:
        return troubles(self.driver)

    @property
    def rows(self) -> list[dict[str, str]]:
        """The table of a dataset as it is shown: header -> text without the footnotes' numbers."""
        head, *body = self.run(TABLE)
        return [dict(zip(head, cells, strict=False)) for cells in body]

    @property
    def names(self) -> list[str]:
        return [next(iter(row.values())) for row in self.rows]

    def column(self, header: str) -> list[str]:
        return [row[header] for row in self.rows]

    def sort(self, header: str) -> str | None:
        """Click on the header; returns its column's `aria-sort`."""
        self.head(header).find_element(By.TAG_NAME, "button").click()
        return self.sorted_by(header)

    def sorted_by(self, header: str) -> str | None:
        return self.head(header).get_attribute("aria-sort")

    def head(self, header: str) -> WebElement:
        place = list(self.rows[0]).index(header)
        return self.all(".of-table thead tr:last-child th")[place]

    def find(self, text: str) -> None:
        """Type into the search field, over what it held."""
        self.one("[name=find]").send_keys(Keys.CONTROL + "a" + Keys.NULL + Keys.DELETE + text)

    def choose(self, selector: str, text: str) -> None:
        """Choose from a menu; a panel that holds it is opened before, and closed after."""
        with self.unfolded(selector):
            Select(self.one(selector)).select_by_visible_text(text)

    @contextlib.contextmanager
    def unfolded(self, selector: str) -> Iterator[None]:
        """With the panel open that holds the element, if one does."""
        panel = self.run("return document.querySelector(arguments[0]).closest('details')", selector)
        if panel is None:
            yield
            return
        panel.find_element(By.TAG_NAME, "summary").click()
        yield
        self.press(Keys.ESCAPE)
        assert panel.get_attribute("open") is None

    def click(self, selector: str) -> None:
        self.one(selector).click()

    def button(self, text: str) -> WebElement:
        return next(each for each in self.all("button") if each.text == text)

    def drawn(self) -> None:
        """Have every chart drawn, which is done when it comes into view, and go back to the top."""
        for plot in self.all(".plot"):
            self.run("arguments[0].scrollIntoView({block: 'center'})", plot)
            self.until(lambda plot=plot: plot.get_attribute("data-drawn"), "a chart")
        self.run("scrollTo(0, 0)")

    def hover(self, element: WebElement) -> None:
        ActionChains(self.driver).move_to_element(element).perform()

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()
