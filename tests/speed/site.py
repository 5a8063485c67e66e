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
SORTING = "thead button"
PAINT = """
return performance.getEntriesByName("first-contentful-paint")[0]?.startTime
"""
ANSWERED = """
window.answer = null;
addEventListener("click", event => requestAnimationFrame(() => {
    const channel = new MessageChannel();  // its message comes after the frame was drawn
    channel.port1.onmessage = () => { window.answer = performance.now() - event.timeStamp; };
    channel.port2.postMessage(0);
}), {capture: true, once: true});
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
            lines.append([name, size, paint_ms(driver, page), click_ms(driver, page)])
    headers = ["page", "MB", "first paint ms", "click to answer ms"]
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


def paint_ms(driver: Chrome, page: Path) -> float:
    """Median milliseconds from the start of the navigation to the first contentful paint."""
    return statistics.median(_first_paint(driver, page) for _ in range(TIMES))


def click_ms(driver: Chrome, page: Path) -> float:
    """Median milliseconds from a click on a header to the frame that shows the sorted table."""
    open_page(driver, page)
    until(driver, lambda _: driver.find_elements(By.CSS_SELECTOR, SORTING))
    return statistics.median(_answer(driver, number) for number in range(TIMES))


def _first_paint(driver: Chrome, page: Path) -> float:
    open_page(driver, page)
    return until(driver, lambda _: driver.execute_script(PAINT))


def _answer(driver: Chrome, number: int) -> float:
    driver.execute_script(ANSWERED)
    buttons = driver.find_elements(By.CSS_SELECTOR, SORTING)
    buttons[number % len(buttons)].click()
    return until(driver, lambda _: driver.execute_script("return window.answer"))


def _copy(record: Record, number: int) -> Record:
    cell = record.cell.model_copy(update={"seed": record.cell.seed + 1000 * number})
    return record.model_copy(update={"cell": cell, "identity": f"{record.identity}-{number}"})


if __name__ == "__main__":
    typer.run(main)
