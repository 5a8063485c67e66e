"""How fast the page of results is, by the browser's own clock.

`python -m tests.speed.site results` builds the page of a folder's records, and of 10,000 records
that are copies of them, opens each in headless Chromium, and prints the medians of 20.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from tabulate import tabulate

from bench.records import Record
from bench.report.files import SITE
from bench.report.writing import write_site
from bench.store import RecordStore
from tests.support.browser import browser, missing, open_page, until

MANY = 10_000
"""Records of a large folder."""
TIMES = 20
CLICKS = {
    "sort": ".of-table thead button",
    "open a row": ".of-table .name",
    "hide a row": ".of-table .hide",
}
"""What is clicked, each time on the next of its kind."""
PAINT = """
return performance.getEntriesByName("first-contentful-paint")[0]?.startTime
"""
LARGEST = """
const done = arguments[0];
new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
    .observe({type: "largest-contentful-paint", buffered: true});
"""
"""When the answer was painted, the largest text: the first paint may be of the header alone."""
ANSWERED = """
window.answer = null;
addEventListener("click", event => requestAnimationFrame(() => {
    const channel = new MessageChannel();  // its message comes after the frame was drawn
    channel.port1.onmessage = () => { window.answer = performance.now() - event.timeStamp; };
    channel.port2.postMessage(0);
}), {capture: true, once: true});
"""
LOOK = """
return ["thead", "tbody"].map(part => document.querySelector(`.of-table ${part}`).innerHTML).join()
"""


def main(folder: Annotated[Path, typer.Argument(help="As --out of `bench run`.")]) -> None:
    """Print a line for the folder's own records, and one for the copies."""
    if reason := missing():
        sys.exit(reason)
    records, _ = RecordStore(folder).read()
    folders = {
        f"{len(records)} records": records,
        f"{MANY} records": copies(records),
    }
    lines = []
    with tempfile.TemporaryDirectory() as temporary, browser() as driver:
        for number, (name, some) in enumerate(folders.items()):
            page = built(Path(temporary, str(number)), some)
            size = page.stat().st_size / 1e6
            clicks = [click_ms(driver, page, selector) for selector in CLICKS.values()]
            lines.append([name, size, *paints_ms(driver, page), *clicks])
    headers = ["page", "MB", "first paint ms", "answer painted ms"]
    headers += [f"{name} ms" for name in CLICKS]
    print(tabulate(lines, headers, tablefmt="github", floatfmt=".1f"))


def copies(records: Sequence[Record]) -> list[Record]:
    """As many records as MANY: the same rows with further seeds."""
    rounds = (_copy(record, number) for number in itertools.count() for record in records)
    return list(itertools.islice(rounds, MANY))


def built(out: Path, records: Sequence[Record]) -> Path:
    """The page of the records."""
    file = out / "records" / "copies.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"{record.to_line()}\n" for record in records), encoding="utf-8")
    write_site(out)
    return out / SITE


def paints_ms(driver: Chrome, page: Path) -> tuple[float, float]:
    """Median milliseconds from the start of the navigation to the first and the largest paint."""
    first, largest = zip(*(_paints(driver, page) for _ in range(TIMES)), strict=True)
    return statistics.median(first), statistics.median(largest)


def click_ms(driver: Chrome, page: Path, selector: str) -> float:
    """Median milliseconds from a click to the frame that shows what it did to the table."""
    open_page(driver, page)
    until(driver, lambda _: driver.find_elements(By.CSS_SELECTOR, selector))
    return statistics.median(_answer(driver, selector, number) for number in range(TIMES))


def _paints(driver: Chrome, page: Path) -> tuple[float, float]:
    open_page(driver, page)
    first: float = until(driver, lambda _: driver.execute_script(PAINT))
    until(driver, lambda _: driver.find_elements(By.CSS_SELECTOR, CLICKS["open a row"]))
    largest: float = driver.execute_async_script(LARGEST)
    return first, largest


def _answer(driver: Chrome, selector: str, number: int) -> float:
    """Of one click; where nothing is left to click, all hidden rows come back before."""
    buttons = driver.find_elements(By.CSS_SELECTOR, selector)
    if not buttons:
        driver.execute_script("location.hash = ''")
        buttons = until(driver, lambda _: driver.find_elements(By.CSS_SELECTOR, selector))
    button = buttons[number % len(buttons)]
    before = driver.execute_script(LOOK)
    driver.execute_script(ANSWERED)
    button.click()
    took: float = until(driver, lambda _: driver.execute_script("return window.answer"))
    assert driver.execute_script(LOOK) != before, "a click that did nothing"
    return took


def _copy(record: Record, number: int) -> Record:
    cell = record.cell.model_copy(update={"seed": record.cell.seed + 1000 * number})
    return record.model_copy(update={"cell": cell, "identity": f"{record.identity}-{number}"})


if __name__ == "__main__":
    typer.run(main)
