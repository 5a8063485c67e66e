"""The table of the page: sort, filter, hide, copy, download."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.records import Disturbance
from bench.report.site.prose import spans
from bench.store import RecordStore
from tests.support.browser import until
from tests.support.records import cells, record
from tests.support.site import MISSING, Site, built


def number(text: str) -> float:
    """Of a cell, what it is sorted by."""
    return float("inf") if text.startswith("∞") else float(text.split()[0].replace(",", ""))


def test_a_header_sorts_by_its_column_in_both_directions_and_back(site: Site) -> None:
    before = site.names
    assert site.sort("fit s") == "ascending"
    assert len(site.names) == len(before)
    shown = [number(text) for text in site.column("fit s") if text != "—"]
    assert shown == sorted(shown)
    assert site.column("fit s")[-1] == "—", "what has no figure comes last"
    assert site.sort("fit s") == "descending"
    assert [number(text) for text in site.column("fit s") if text != "—"] == shown[::-1]
    assert site.column("fit s")[-1] == "—"
    assert site.sort("fit s") is None
    assert site.names == before


def test_every_column_sorts(site: Site) -> None:
    heads = list(site.rows[0])
    assert len(heads) > 5
    for head in heads:
        first = site.names
        assert site.sort(head) in ("ascending", "descending"), head
        assert sorted(site.names) == sorted(first)
    assert site.sort("implementation") == "ascending"
    assert site.names == sorted(site.names)


def test_an_unreached_goal_comes_after_every_time(site: Site) -> None:
    head = next(head for head in site.rows[0] if "0.915" in head)
    site.sort(head)
    shown = [number(text) for text in site.column(head) if text != "—"]
    assert shown == sorted(shown)
    assert shown[-1] == float("inf")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sgd", {"numpy_sgd@cpu", "triton_sgd@cuda"}),
        ("NEURAL", {"ncf@cpu"}),
        ("third-party", {"peer:als@cpu"}),
        ("embedding cuda", {"embedding_mf@cuda"}),
        ("not installed", {"triton_sgd@cuda"}),
        ("no such row", {"No row passes the filters."}),
    ],
)
def test_words_filter_rows_by_all_that_is_known_of_them(
    site: Site, words: str, expected: set[str]
) -> None:
    site.find(words)
    assert shown(site) == expected
    site.find("")
    assert len(site.names) > 10


def shown(site: Site) -> set[str]:
    """Names of the rows, as `bench compare` takes them."""
    rows = site.all(".of-table .name")
    return {row.get_attribute("data-row") for row in rows} or set(site.names)


@pytest.mark.parametrize(
    ("menu", "value", "expected"),
    [
        ("[name=model]", "neural CF", {"ncf@cpu"}),
        ("[name=origin]", "third-party", {"peer:als@cpu"}),
        ("[name=preset]", "published", {"ncf:published@cpu"}),
        ("#device", "CUDA", {"embedding_mf@cuda", "triton_sgd@cuda"}),
    ],
)
def test_a_menu_filters_rows(site: Site, menu: str, value: str, expected: set[str]) -> None:
    every = shown(site)
    site.choose(menu, value)
    assert shown(site) == expected
    site.button("Show all").click()
    assert shown(site) == every


def test_another_device_has_an_answer_of_its_own(site: Site) -> None:
    answer = site.one(".answer").text
    site.choose("#device", "CUDA")
    assert "embedding_mf" in site.one(".answer").text != answer


def test_a_row_is_hidden_in_the_table_and_in_the_charts_and_comes_back(site: Site) -> None:
    site.drawn()
    every, points = shown(site), len(site.all(".scatter svg .mark-symbol path"))
    site.click("[aria-label='Hide autorec@cpu']")
    assert shown(site) == every - {"autorec@cpu"}
    site.until(lambda: len(site.all(".scatter svg .mark-symbol path")) == points - 1)
    assert "autorec@cpu" not in site.one(".legend").text
    site.click("[aria-label='Show autorec@cpu again']")
    assert shown(site) == every
    site.until(lambda: len(site.all(".scatter svg .mark-symbol path")) == points)


def test_columns_are_hidden_and_shown(site: Site) -> None:
    before = list(site.rows[0])
    assert "test MAE" not in before
    toggle(site, "test MAE", "fit s")
    assert {*site.rows[0]} == {*before, "test MAE"} - {"fit s"}
    toggle(site, "test MAE", "fit s")
    assert list(site.rows[0]) == before
    assert site.state == ""


def toggle(site: Site, *columns: str) -> None:
    with site.unfolded("[name=column]"):
        boxes = {box.find_element(By.XPATH, "..").text: box for box in site.all("[name=column]")}
        for column in columns:
            boxes[column].click()


def test_skip_reasons_and_footnotes_are_where_the_eye_is(site: Site) -> None:
    [row] = [row for row in site.all(".of-table tbody tr") if "triton_sgd" in row.text]
    assert MISSING in row.text
    [row] = [row for row in site.all(".of-table tbody tr") if "ncf:published" in row.text]
    note = row.find_element(By.CSS_SELECTOR, ".note")
    assert "timeout: 60 s" in note.get_attribute("aria-label")
    note.click()
    assert "timeout: 60 s" in site.one("[popover]:popover-open").text
    site.press("\ue00c")
    site.until(lambda: not site.all("[popover]"), "the note's end")
    assert "timeout: 60 s" in site.one(".footnotes").text


def test_what_the_status_notes_is_beside_the_name_while_that_column_is_hidden(
    driver: Chrome, tmp_path: Path
) -> None:
    busy = Disturbance(steal_s=None, wait_s=6.0, involuntary_switches=9)
    path = built(tmp_path, [record(seed=0, disturbance=busy), record(seed=1)])
    site = Site(driver, path).open()
    notes = "tbody th .note"
    assert "disturbed, 1 of 2 runs" in site.one(notes).get_attribute("aria-label")
    assert "disturbed, 1 of 2 runs" in site.one(".footnotes").text
    site.button("Copy as Markdown").click()
    assert "disturbed, 1 of 2 runs" in clipboard(driver)
    toggle(site, "status")
    assert not site.all(notes)
    assert site.all("tbody td[data-column=status] .note")
    assert site.troubles == []


def test_a_row_opens_to_its_runs_and_the_command_that_repeats_it(site: Site) -> None:
    site.click("[data-row='numpy_sgd@cpu']")
    details = site.one(".details").text
    assert "bench run --impl numpy_sgd --dataset ml-100k" in details
    assert all(f"{seed}" in details for seed in range(6))
    assert "epochs=30" in details
    assert site.one("[data-row='numpy_sgd@cpu']").get_attribute("aria-expanded") == "true"
    site.click("[data-row='numpy_sgd@cpu']")
    assert not site.all(".details")


def test_the_table_is_copied_as_markdown_as_it_is_shown(site: Site, driver: Chrome) -> None:
    site.find("sgd")
    site.sort("test RMSE")
    site.button("Copy as Markdown").click()
    text = clipboard(driver)
    table, notes = text.split("\n\n")
    rows = [
        {spans(name)[0].text: text_of(cell) for name, cell in row.items()}
        for row in cells(table).values()
    ]
    assert rows == site.rows
    assert MISSING in notes


def text_of(cell: str) -> str:
    """Of Markdown, without the footnotes' numbers."""
    return spans(re.sub(r"( \[\d+\])+$", "", cell))[0].text


def clipboard(driver: Chrome) -> str:
    permissions = {"permissions": ["clipboardReadWrite"]}
    driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    script = "const done = arguments[0]; navigator.clipboard.readText().then(done, done)"
    return until(driver, lambda _: driver.execute_async_script(script))


def test_downloads_hold_the_figures_of_the_rows_that_are_shown(
    site: Site, downloads: Path, path: Path
) -> None:
    site.choose("[name=origin]", "third-party")
    site.button("CSV").click()
    site.button("JSON").click()
    [row] = csv.DictReader(downloaded(site, downloads, "csv").splitlines())
    [same] = json.loads(downloaded(site, downloads, "json"))
    records, _ = RecordStore(path.parents[1]).read()
    library = [each.metrics.rmse for each in records if each.cell.implementation == "peer:als"]
    assert float(row["test RMSE"]) == pytest.approx(sum(library) / len(library))
    assert row["fit s"] == "2"
    assert same["test RMSE"]["value"] == pytest.approx(float(row["test RMSE"]))
    assert same["implementation"]["text"] == row["implementation"] == "peer:als"


def downloaded(site: Site, folder: Path, ending: str) -> str:
    [file] = site.until(lambda: [*folder.glob(f"*.{ending}")], ending)
    text: str = file.read_text("utf-8")
    file.unlink()
    return text


def test_an_interval_is_shown_as_text_and_as_a_bar(site: Site) -> None:
    [row] = [row for row in site.all(".of-table tbody tr") if "numpy_sgd" in row.text]
    assert "±" in row.text
    assert row.find_elements(By.CSS_SELECTOR, ".bar[data-column=test-rmse]")
