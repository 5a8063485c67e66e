"""Records of people who ran apart, beside those of a store."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.arguments import spread
from bench.records import Record, Reference
from bench.report.combining import Combined
from tests.support.records import record, store

ONE = record(machine="box-1")
TWO = record("ncf", machine="box-2", minute=1)


def report(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, spread(["report", *map(str, words)]))
    return done.exit_code, re.sub(r"\s+", " ", done.output)


def test_records_of_others_stand_beside_the_own(tmp_path: Path) -> None:
    own, theirs = store(tmp_path / "own", [ONE]), store(tmp_path / "theirs", [TWO])
    code, output = report("--out", own, "--records", theirs)
    assert (code, "WARNING" in output) == (0, False)
    page = (own / "ml-100k.md").read_text(encoding="utf-8")
    assert "ncf" in page
    assert "numpy_sgd" in page
    assert [*(own / "records").glob("*.jsonl")] == [own / "records" / "box-1.jsonl"]


@pytest.mark.parametrize("part", ["", "records", "records/box-2.jsonl"])
def test_a_folder_of_results_or_of_records_or_a_file_is_read(tmp_path: Path, part: str) -> None:
    own, theirs = store(tmp_path / "own", [ONE]), store(tmp_path / "theirs", [TWO])
    assert Combined(own, [theirs / part]).read() == ([ONE, TWO], [])


def test_several_are_read_and_copies_are_one_record(tmp_path: Path) -> None:
    own = store(tmp_path / "own", [ONE])
    copies = [store(tmp_path / name, [ONE, TWO]) for name in "ab"]
    combined = Combined(own, copies)
    assert combined.read() == ([ONE, TWO], [])
    assert combined.disagreements() == []
    assert report("--out", own, "--records", *copies)[0] == 0


def test_the_stores_own_file_may_be_named_too(tmp_path: Path) -> None:
    own = store(tmp_path / "own", [ONE])
    assert Combined(own, [own, own / "records" / ".." / "records"]).read() == ([ONE], [])


def test_lines_that_are_no_records_are_reported_by_file_and_line(tmp_path: Path) -> None:
    own = store(tmp_path / "own", [ONE])
    torn = tmp_path / "torn.jsonl"
    torn.write_text(TWO.to_line() + "\n{", encoding="utf-8")
    records, [line] = Combined(own, [torn]).read()
    assert records == [ONE, TWO]
    assert str(line).startswith(f"{torn}:2: ")


def ran(minute: int, rmse: float, **parts: object):
    """One cell of one machine."""
    return record(minute=minute, rmse=rmse, **parts).model_copy(update={"identity": "one"})


def test_two_runs_of_one_cell_are_reported_and_the_newer_is_shown(tmp_path: Path) -> None:
    own = store(tmp_path / "own", [ran(0, 0.92)])
    a, b = store(tmp_path / "a", [ran(5, 0.91, fit_s=8.0)]), store(tmp_path / "b", [TWO])
    [line] = Combined(own, [a, b]).disagreements()
    files = [folder / "records" / "box-1.jsonl" for folder in (own, a)]
    assert line == (
        "numpy_sgd on ml-100k, random:80/10/10, seed 0 ran twice on box-1: ok RMSE 0.9200 fit "
        f"12.3 s in {files[0]}, ok RMSE 0.9100 fit 8.00 s in {files[1]}; the tables show the newer "
        f"run, of {files[1]}"
    )
    code, output = report("--out", own, "--records", a)
    assert code == 0
    assert output.count("ran twice") == 1
    page = (own / "ml-100k.md").read_text(encoding="utf-8")
    assert "0.9100" in page
    assert "0.9200" not in page


def test_a_file_that_goes_on_from_a_copy_disagrees_with_nothing(tmp_path: Path) -> None:
    own = store(tmp_path / "own", [ran(0, 0.92)])
    later = store(tmp_path / "later", [ran(0, 0.92), ran(5, 0.91)])
    assert Combined(own, [later]).disagreements() == []


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([ran(5, 0.92, status="lost")], id="lost later"),
        pytest.param([ran(0, 0.92, reused_at="2026-11-21T09:00:00Z")], id="stored again"),
    ],
)
def test_what_is_no_other_run_disagrees_with_nothing(tmp_path: Path, later: list[Record]) -> None:
    own = store(tmp_path / "own", [ran(0, 0.92)])
    assert Combined(own, [store(tmp_path / "b", later)]).disagreements() == []


def test_a_published_number_that_is_new_is_no_other_figure(tmp_path: Path) -> None:
    """A later run of the row stores the record with it once more, in the store's own file."""
    number = Reference(rmse=0.9, source="a paper", protocol="their split")
    own = store(tmp_path / "own", [ran(0, 0.92), ran(0, 0.92, reference=number)])
    copy = store(tmp_path / "copy", [ran(0, 0.92)])
    assert Combined(own, [copy]).read() == ([ran(0, 0.92, reference=number)], [])


def test_one_run_with_other_figures_is_refused(tmp_path: Path) -> None:
    own, edited = store(tmp_path / "own", [ran(0, 0.92)]), store(tmp_path / "b", [ran(0, 0.5)])
    code, output = report("--out", own, "--records", edited)
    assert code == 2
    assert "metrics.rmse 0.92 and 0.5: one of them was changed; take it out" in output
    assert not (own / "ml-100k.md").exists()


@pytest.mark.parametrize("place", ["missing", "empty"])
def test_where_there_are_no_records_is_an_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    code, output = report("--out", tmp_path, "--records", tmp_path / place)
    assert code == 2
    assert f"{place}: neither a file of records nor a folder with any" in output
