"""Every figure on the page is the Markdown's, for the records of this repository."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.report.pages.cuda import speedup_page
from bench.report.pages.dataset import page
from bench.report.pages.growth import growth_page
from bench.report.pages.published import published_page
from bench.report.pages.tuning import tuning_page
from bench.report.sentences import shortened
from bench.report.site.collect import site_of
from bench.report.site.data import as_json
from bench.report.site.prose import prose, spans
from bench.report.verdict import verdict
from bench.report.writing import Results, results_of

RESULTS = Path(__file__).parents[4] / "results"
NOTES = re.compile(r" \[(\d+(?:, \d+)*)\]")
Row = dict[str, tuple[str, list[str]]]
"""Header -> the text of a cell, and its footnotes."""


@pytest.fixture(scope="module")
def found() -> Results:
    return results_of(RESULTS)


@pytest.fixture(scope="module")
def site(found: Results) -> Any:
    """As the page's scripts read it."""
    parts = (found.by_page, found.growths, found.speedups, found.trials, found.bad)
    return json.loads(as_json(site_of(*parts)))


def text_of(markdown: str) -> str:
    return "".join(span.text for span in spans(markdown))


def markdown_tables(page: str) -> list[list[Row]]:
    """Every table of a Markdown page, in order."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+(?:\n(?:^- \[\d+\] .*\n)+)?", page, re.MULTILINE):
        notes = dict(re.findall(r"^- \[(\d+)\] (.*)$", block, re.MULTILINE))
        lines = [
            re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines() if line[:1] == "|"
        ]
        header, _, *body = [[cell.strip() for cell in line] for line in lines]
        found.append([_row(header, line, notes) for line in body])
    return found


def _row(header: list[str], cells: list[str], notes: dict[str, str]) -> Row:
    return {
        text_of(name): (
            text_of(NOTES.sub("", cell)),
            [text_of(notes[n]) for found in NOTES.findall(cell) for n in found.split(", ")],
        )
        for name, cell in zip(header, cells, strict=True)
    }


def grid_rows(grid: dict[str, Any]) -> list[Row]:
    """A grid of the page, as a table of Markdown is read."""
    names = [head["text"] for head in grid["heads"]]
    return [
        {
            name: (cell[0], [grid["footnotes"][n] for n in (cell[5] if len(cell) > 5 else [])])
            for name, cell in zip(names, row, strict=True)
        }
        for row in grid.get("rows", [])
    ]


def line_cell(row: Row, header: str, shown: dict[tuple[str, str], Row], kinds: list[str]) -> Any:
    """The page's cell for a header of a row in Markdown, which names the device in one of both,
    or means the first device that has a figure."""
    name, device = re.fullmatch(r"(.*?)(?: \((CPU|CUDA)\))?", header).groups()
    label = row["implementation"][0]
    devices = [device or row.get("device", ("",))[0]]
    lines = [
        shown[label, kind] for kind in (devices if devices[0] else kinds) if (label, kind) in shown
    ]
    cells = [line[name] for line in lines] or [("—", [])]  # it did not run on that device
    return next((cell for cell in cells if cell[0] != "—"), cells[0])


def test_the_tables_of_every_dataset(found: Results, site: Any) -> None:
    every = [table for tables in found.by_page.values() for table in tables]
    compared = 0
    for table, view in zip(every, site["views"], strict=True):
        kinds = view["devices"]
        rows = grid_rows(view["grid"])
        shown = {
            (line["label"], line["device"]): row
            for line, row in zip(view["lines"], rows, strict=True)
        }
        for row in (row for of_page in markdown_tables(page([table])) for row in of_page):
            for header, cell in row.items():
                if header not in ("implementation", "device"):
                    assert cell == line_cell(row, header, shown, kinds), (row, header)
                    compared += cell[0] != "—"
        answer = text_of_all(view["answers"][""])
        assert answer == text_of_all(verdict(table)) + text_of_all(shortened(table))
    assert compared > 2000


def text_of_all(text: Any) -> str:
    """Without marks, of the page's paragraphs or of Markdown."""
    if isinstance(text, str):
        return "".join(span.text for paragraph in prose(text) for span in paragraph.spans)
    return "".join(span[0] for paragraph in text for span in paragraph["spans"])


PAGES: dict[str, tuple[Callable[[Results], str], Callable[[Any], list[Any]]]] = {
    "growth": (
        lambda found: growth_page(found.growths),
        lambda site: [each[name] for each in site["growths"] for name in ("seconds", "memory")],
    ),
    "cuda": (
        lambda found: speedup_page(found.speedups),
        lambda site: [each["grid"] for each in site["cuda"]],
    ),
    "published": (
        lambda found: published_page(found.tables),
        lambda site: [each["grid"] for each in site["published"]],
    ),
    "tuning": (
        lambda found: tuning_page(found.trials),
        lambda site: [each["grid"] for each in site["searches"] if each["grid"].get("rows")],
    ),
}


@pytest.mark.parametrize(("markdown", "grids"), PAGES.values(), ids=PAGES)
def test_the_tables_of_every_other_page(
    found: Results, site: Any, markdown: Callable[[Results], str], grids: Callable[[Any], list[Any]]
) -> None:
    of_page = markdown_tables(markdown(found))
    assert of_page
    assert [grid_rows(grid) for grid in grids(site)] == of_page
