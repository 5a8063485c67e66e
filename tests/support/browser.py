"""Headless Chromium, as the distribution has it, and what it reports of a page.

with browser() as driver:
    open_page(driver, path, dark=True)
    assert troubles(driver) == []
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 10.0
"""How long a page may take to do what is waited for; on a busy machine, too."""
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have; the pages are the tests' own
    "--disable-dev-shm-usage",  # a container's may be 64 MB
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # what leaves the page is seen, and gets nowhere
)
Found = TypeVar("Found")


def missing() -> str:
    """Why there is no browser to test with; empty where there is one."""
    if not any(map(shutil.which, BROWSERS)):
        return "no Chromium is installed"
    return "" if shutil.which("chromedriver") else "no chromedriver is installed"


@contextlib.contextmanager
def browser() -> Iterator[Chrome]:
    """A browser that notes every request and every message of the console."""
    options = ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Selenium would look for a driver of its own, and download one.
    driver = Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(
    driver: Chrome,
    page: Path,
    state: str = "",
    *,
    width: int = 1280,
    height: int = 900,
    **media: str,
) -> None:
    """Open the file as a reader does, from the file system.

    state  what follows the file's name in the address, such as `#dataset=ml-1m`
    media  what the reader prefers, such as color_scheme="dark"
    """
    driver.get("about:blank")  # else another state of one page would not load it anew
    resize(driver, width, height)
    emulate(driver, **media)
    forget(driver)
    driver.get(f"{page.as_uri()}{state}")


def resize(driver: Chrome, width: int, height: int) -> None:
    """Set the size of the view in CSS pixels; a window cannot be as narrow as a phone."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def emulate(driver: Chrome, medium: str = "", **media: str) -> None:
    """Show the page as on the `medium`, to a reader who prefers such `media`."""
    features = [
        {"name": f"prefers-{name.replace('_', '-')}", "value": media.get(name, default)}
        for name, default in {"color_scheme": "light", "reduced_motion": ""}.items()
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})


def forget(driver: Chrome) -> None:
    """Drop what was noted so far."""
    for log in ("browser", "performance"):
        driver.get_log(log)


def troubles(driver: Chrome) -> list[str]:
    """Warnings and errors of the console, and requests for anything but the page, since the last
    time."""
    console = [
        f"{entry['level']}: {entry['message']}"
        for entry in driver.get_log("browser")
        if entry["level"] in ("WARNING", "SEVERE")
    ]
    return console + [url for url in _requests(driver) if not _is_inside(url)]


def _requests(driver: Chrome) -> Iterator[str]:
    for entry in driver.get_log("performance"):
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def _is_inside(url: str) -> bool:
    """Whether it is the page itself, or what the page holds or made."""
    return url.partition("#")[0].endswith("/index.html") or url.startswith(
        ("data:", "blob:", "about:")
    )


def until(driver: Chrome, condition: Callable[[Chrome], Found], what: str = "") -> Found:
    """What the condition returns as soon as that is true."""
    return WebDriverWait(driver, WAIT_S, poll_frequency=0.02).until(
        lambda _: condition(driver), what
    )
