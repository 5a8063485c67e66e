"""The page as a file: who writes it, when, and what it never takes the place of."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.report.files import MARK, SITE
from bench.report.writing import write, write_site
from tests.support.records import eight, record, store


def data_of(page: Path) -> dict[str, object]:
    """What the page's scripts read."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_report_writes_it_with_the_mark_of_its_files(tmp_path: Path) -> None:
    out = store(tmp_path, [record(curve=[])])
    assert write(out)[out / SITE] == "new"
    assert MARK in (out / SITE).read_text(encoding="utf-8")[:1000]
    assert out / SITE not in write(out)
    assert data_of(out / SITE)["views"]


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        out = store(tmp_path / name, eight(2))
        assert write_site(out) == "new"
        pages.append((out / SITE).read_bytes())
    assert pages[0] == pages[1]
    assert write_site(out) is None


def test_its_policy_allows_nothing_from_elsewhere_and_no_other_base(tmp_path: Path) -> None:
    write_site(tmp_path)
    found = re.search(r'Content-Security-Policy" content="(.*?)">', (tmp_path / SITE).read_text())
    assert found is not None
    policy = dict(each.split(maxsplit=1) for each in found[1].split("; "))
    # What `default-src` does not cover.
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert not re.search(r"https?:|\*", found[1])


def test_without_records_it_is_written_too(tmp_path: Path) -> None:
    assert write_site(tmp_path) == "new"
    assert data_of(tmp_path / SITE)["views"] == []


def test_a_page_that_no_report_made_is_not_overwritten(tmp_path: Path) -> None:
    page = store(tmp_path, [record(curve=[])]) / SITE
    page.parent.mkdir()
    page.write_text("<!doctype html>mine", encoding="utf-8")
    for attempt in (write, write_site):
        with pytest.raises(ValueError, match=r"index\.html was not written by `bench report`"):
            attempt(tmp_path)
    assert page.read_text(encoding="utf-8") == "<!doctype html>mine"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_read_and_not_overwritten(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    page = store(tmp_path, [record(curve=[])]) / SITE
    page.parent.mkdir()
    make(page)
    make(tmp_path / "notes.md")  # of no concern to a report
    with pytest.raises(ValueError, match=r"index\.html was not written by `bench report`"):
        write_site(tmp_path)
    assert not page.is_file()


def test_a_folder_that_is_a_link_to_itself_is_one_error(tmp_path: Path) -> None:
    (store(tmp_path, [record(curve=[])]) / "site").symlink_to("site")
    done = CliRunner().invoke(app, ["site", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "symbolic links" in done.output


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)


def test_without_its_packages_it_goes_and_the_report_says_how_to_have_it(
    tmp_path: Path, without_extra: None
) -> None:
    page = store(tmp_path, [record(curve=[])]) / SITE
    page.parent.mkdir()
    page.write_text(f"<!doctype html>\n{MARK}\nof older records", encoding="utf-8")
    done = CliRunner().invoke(app, ["report", "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "pip install 'ratebench[site]'" in done.output
    assert not page.exists()
    assert (tmp_path / "index.md").exists()


def test_bench_site_without_its_packages_is_one_error(tmp_path: Path, without_extra: None) -> None:
    done = CliRunner().invoke(app, ["site", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "pip install 'ratebench[site]'" in done.output
    assert not (tmp_path / SITE).exists()


@pytest.mark.parametrize(("options", "shown"), [([], 0), (["--open"], 1)])
def test_bench_site_writes_the_page_alone_and_names_or_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], shown: int
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    out = store(tmp_path, [record(curve=[])])
    done = CliRunner().invoke(app, ["site", "--out", str(out), *options])
    assert done.exit_code == 0
    page = (out / SITE).resolve()
    assert str(page) in done.output.replace("\n", "")
    assert opened == [page.as_uri()] * shown
    assert not (out / "index.md").exists()


def test_where_there_is_no_browser_the_page_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    done = CliRunner().invoke(app, ["site", "--out", str(tmp_path), "--open"])
    assert done.exit_code == 2
    assert "no browser" in done.output
    assert (tmp_path / SITE).exists()
