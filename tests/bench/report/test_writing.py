"""`bench report`: what it writes, leaves alone, and removes."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import Any

import pytest

from bench.records import Record, Reference
from bench.report.comparison import compare
from bench.report.files import MARK, SITE, page_name
from bench.report.formats import error
from bench.report.grouping import tables
from bench.report.markdown import escaped
from bench.report.metrics import mean, rmse
from bench.report.pages.readme import BEGIN, END
from bench.report.site.collect import site_of
from bench.report.writing import described, results_of, write
from bench.store import RecordStore
from datasets.atomic import replace
from tests.support.records import cells, data, eight, record, store

RESULTS = Path(__file__).parents[3] / "results"
README = f"# ratebench\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n"


def contents(out: Path) -> dict[str, bytes]:
    files = (path for path in out.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def test_the_same_records_give_the_same_bytes_in_any_folder(tmp_path: Path) -> None:
    records = [*eight(2), record("ncf", device="cuda", status="skipped", reason="no CUDA device")]
    first, second = (store(tmp_path / name, records) for name in ("a", "b"))
    written = write(first)
    before = contents(first)
    stamps = [path.stat().st_mtime_ns for path in written]
    assert write(first) == {}
    assert contents(first) == before
    assert [path.stat().st_mtime_ns for path in written] == stamps
    script = (
        "import sys, pathlib; from bench.report.writing import write; "
        "write(pathlib.Path(sys.argv[1]))"
    )
    hashing = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", script, str(second)], check=True, env=hashing)
    assert contents(second) == before


def test_records_from_before_energy_and_numerics_were_stored_give_the_same_pages(
    tmp_path: Path,
) -> None:
    records = [record(), record("ncf"), record("ncf", device="cuda", status="skipped")]
    now, then = store(tmp_path / "now", records), tmp_path / "then"
    lines = [json.loads(each.to_line()) for each in records]
    for line in lines:
        for name in ("energy", "energy_reason", "numerics"):
            del line[name]
    (then / "records").mkdir(parents=True)
    (then / "records" / "box-1.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for out in (now, then):
        write(out)
    pages = [{k: v for k, v in contents(out).items() if "records" not in k} for out in (now, then)]
    assert pages[0] == pages[1]
    assert b"J per fit" not in pages[0]["ml-100k.md"]


def test_it_writes_index_pages_and_plots_and_returns_what_changed(tmp_path: Path) -> None:
    reference = Reference(rmse=1.0, source="log", protocol="p")
    records = [
        record(),
        record("ncf"),
        record(dataset="d/my ratings.csv", data=data(fingerprint="x", note="Beware.")),
        record("ncf", preset="published", curve=[], split="u1", reference=reference),
    ]
    written = write(store(tmp_path, records))
    assert set(written.values()) == {"new"}
    names = {path.relative_to(tmp_path).as_posix() for path in written}
    assert {"index.md", "ml-100k.md", "my-ratings.csv.md", "published.md"} <= names
    assert sum(name.startswith("plots/") for name in names) == 3
    assert sum(name.endswith("-pareto.png") for name in names) == 1
    assert names == contents(tmp_path).keys() - {"records/box-1.jsonl"}
    index = (tmp_path / "index.md").read_text()
    row = cells(index)["[my ratings.csv](my-ratings.csv.md)"]
    assert (row["ratings"], row["rows"], row["newest"]) == ("100,000", "1", "2026-11-20")
    assert "**Beware.**" in index
    assert "(published.md)" in index
    assert "tuning" not in index
    linked = (tmp_path / "ml-100k.md").read_text()
    assert any(f"({name})" in linked for name in names if name.startswith("plots/"))


def test_what_was_read_on_the_test_part_is_on_the_published_page_alone(tmp_path: Path) -> None:
    reference = Reference(rmse=1.0, source="log", protocol="p")
    grown = {"synthetic-100k": 100_000, "synthetic-1m": 1_000_000}
    fair = [
        *eight(2),
        *(record(split="u1", seed=seed, minute=seed, reference=reference) for seed in range(2)),
        record("ncf", device="cuda", gpu="H100"),
        record("ncf"),
        *(record(dataset=d, data=data(fingerprint=d, n_ratings=n)) for d, n in grown.items()),
    ]
    peeking = [peeked(each) for each in fair]
    both, alone = store(tmp_path / "both", [*fair, *peeking]), store(tmp_path / "alone", fair)
    readmes = [tmp_path / name for name in ("README-1.md", "README-2.md")]
    for out, readme in zip((both, alone), readmes, strict=True):
        readme.write_text(README)
        write(out, readme=readme)
    pages = [contents(out) for out in (both, alone)]
    assert pages[0].keys() == pages[1].keys()
    assert {name for name in pages[0] if pages[0][name] != pages[1][name]} == {
        "published.md",
        "records/box-1.jsonl",
        SITE,
    }
    of_site = [replace_fields(site_of(*parts_of_site(out)), published=[]) for out in (both, alone)]
    assert of_site[0] == of_site[1]
    readmes_text = [
        readme.read_text().replace(f"{out.name}/", "")
        for out, readme in zip((both, alone), readmes, strict=True)
    ]
    assert readmes_text[0] == readmes_text[1]
    assert compare([*fair, *peeking], "bias", "numpy_sgd") == compare(fair, "bias", "numpy_sgd")
    write(store(tmp_path / "peeks", peeking))
    assert contents(tmp_path / "peeks").keys() == {"index.md", SITE, "records/box-1.jsonl"}


def peeked(fair: Record) -> Record:
    """A record that would be newer, and better by far, on every page."""
    peeking = fair.model_copy(deep=True)
    peeking.cell.split = f"peek:{fair.cell.split}"
    peeking.identity, peeking.reference = f"peek-{fair.identity}", None
    peeking.started_at = fair.started_at.replace("2026-11-20", "2026-11-21")
    if peeking.metrics and peeking.times:
        peeking.metrics.rmse, peeking.times.fit_s = 0.1, 0.001
    return peeking


def parts_of_site(out: Path) -> tuple[Any, ...]:
    found = results_of(out)
    return (found.by_page, found.growths, found.speedups, found.trials, found.bad)


def test_growth_has_a_page_and_a_plot_that_go_with_their_records(tmp_path: Path) -> None:
    sizes = {"synthetic-100k": 100_000, "synthetic-1m": 1_000_000}
    grown = [record(dataset=d, data=data(fingerprint=d, n_ratings=n)) for d, n in sizes.items()]
    write(store(tmp_path, grown))
    plot = "plots/growth-random-80-10-10-box-1.png"
    assert f"]({plot})" in (tmp_path / "growth.md").read_text()
    assert "(growth.md)" in (tmp_path / "index.md").read_text()
    assert (tmp_path / plot).exists()
    (tmp_path / "records" / "box-1.jsonl").unlink()
    write(store(tmp_path, grown[:1]))
    assert not {"growth.md", plot} & contents(tmp_path).keys()


def test_cuda_has_a_page_and_plots_where_a_cell_ran_on_both_devices(tmp_path: Path) -> None:
    cells = [
        record("embedding_mf", device=device, curve=[], hyperparameters={"batch_size": batch})
        for batch in (256, 1024)
        for device in ("cpu", "cuda")
    ]
    write(store(tmp_path, cells))
    plots = {f"plots/cuda-{over}-random-80-10-10-box-1.png" for over in ("batches", "ratings")}
    assert plots < contents(tmp_path).keys()
    page = (tmp_path / "cuda.md").read_text()
    assert all(f"]({plot})" in page for plot in plots)
    assert "- [From what size CUDA pays](cuda.md)" in (tmp_path / "index.md").read_text()
    (tmp_path / "records" / "box-1.jsonl").unlink()
    skipped = record("ncf", device="cuda", status="skipped", reason="no CUDA device", curve=[])
    write(store(tmp_path, [*cells[::2], skipped]))
    assert not {"cuda.md", *plots} & contents(tmp_path).keys()
    assert "cuda.md" not in (tmp_path / "index.md").read_text()


def test_every_recorded_row_stands_on_its_committed_page_with_its_rmse() -> None:
    every = tables(RecordStore(RESULTS).read()[0])
    assert every
    for table in every:
        page = (RESULTS / page_name(table.dataset)).read_text()
        lines = {re.sub(r" +", " ", line) for line in page.splitlines() if line.startswith("|")}
        for line in table.lines:
            rows = [row for row in lines if row.startswith(f"| {escaped(line.row.label)} |")]
            assert rows, line.name
            if interval := mean(line.runs, rmse):
                # Behind it may stand a rank.
                cell = re.compile(rf" {re.escape(error(interval))}( #[\d–]+)? \|")
                assert any(cell.search(row) for row in rows), line.name


def test_the_links_of_the_committed_pages_lead_somewhere() -> None:
    pages = [*RESULTS.glob("*.md"), RESULTS.parent / "README.md"]
    links = {
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)", page.read_text())
        if not link.startswith("http")
    }
    assert len(links) > len(pages)
    missing = {(page.name, link) for page, link in links if not (page.parent / link).exists()}
    assert not missing
    generated = [page for page in pages if page.read_text().startswith(MARK)]
    assert {page.name for page, _ in links} >= {page.name for page in generated}
    linked = {link for _, link in links}
    assert all(f"plots/{plot.name}" in linked for plot in (RESULTS / "plots").glob("*.png"))


def test_a_report_has_a_line_for_each_page_that_changed_and_counts_plots() -> None:
    results = Path("results")
    plots = {results / "plots" / f"{n}.png": "changed" for n in range(2)}
    changes = {results / "ml-1m.md": "changed", results / "gone.md": "removed", **plots}
    assert described(changes) == [
        "results/ml-1m.md: changed",
        "results/gone.md: removed",
        "results/plots: 2 plots changed",
    ]
    assert described({}) == ["nothing changed"]


def test_pages_without_records_go_and_files_of_others_stay(tmp_path: Path) -> None:
    write(store(tmp_path, [record(dataset="gone")]))
    assert (tmp_path / "gone.md").exists()
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "plots" / "mine.png").write_bytes(b"\x89PNG mine")
    (tmp_path / "records" / "box-1.jsonl").unlink()
    changes = {
        path.name: change for path, change in write(store(tmp_path, [record(curve=[])])).items()
    }
    plot = next(name for name in changes if name.endswith(".png"))
    assert changes == {
        "index.md": "changed",
        "ml-100k.md": "new",
        "gone.md": "removed",
        "index.html": "changed",
        plot: "removed",
    }
    left = {"index.md", "ml-100k.md", "notes.md", "plots/mine.png", "records/box-1.jsonl", SITE}
    assert contents(tmp_path).keys() == left


def test_a_page_that_no_report_made_is_not_overwritten(tmp_path: Path) -> None:
    store(tmp_path, [record(curve=[])])
    (tmp_path / "ml-100k.md").write_text("my own notes")
    with pytest.raises(ValueError, match=r"ml-100k\.md was not written by `bench report`"):
        write(tmp_path)
    assert (tmp_path / "ml-100k.md").read_text() == "my own notes"
    assert not (tmp_path / "index.md").exists()


def test_nothing_recorded_is_reported_with_the_command_that_makes_it(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    out = tmp_path / "results"
    new = {out / "index.md": "new", out / SITE: "new"}
    assert write(out, readme=readme) == {**new, readme: "changed"}
    assert "make bench" in (out / "index.md").read_text()
    assert "`make bench`" in readme.read_text()


def test_unreadable_lines_are_reported_by_file_and_number(tmp_path: Path) -> None:
    store(tmp_path, [record(curve=[])])
    with (tmp_path / "records" / "box-1.jsonl").open("a") as file:
        file.write('{"schema": 99}\n{"torn')
    write(tmp_path)
    index = (tmp_path / "index.md").read_text()
    assert "- box-1.jsonl:2: not a record of schema 2" in index
    assert "- box-1.jsonl:3: " in index


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("old")

    def full(_: Path, __: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        replace(page, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
    assert page.read_text() == "old"


def test_the_readmes_block_has_table_plot_and_verdict_and_the_rest_stays(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    readme.chmod(0o640)
    others = (record(dataset=name, data=data(fingerprint=name)) for name in ("a.csv", "ml-10m"))
    out = store(tmp_path / "results", [*eight(), *others])
    write(out, readme=readme)
    text = readme.read_text()
    assert text.startswith("# ratebench\n\nBefore.\n\n")
    assert text.endswith(f"{END}\n\nAfter.\n")
    assert "\nold\n" not in text
    assert len(cells(text)) == 8
    assert text.index("Lowest test RMSE: autorec") < text.index("| implementation")
    assert "](results/plots/ml-100k-random-80-10-10-box-1-f1f1f1f1-pareto.png)" in text
    assert "On the Pareto front" in text
    assert "(results/ml-100k.md)" in text
    assert "2026-11-20" in text
    assert readme.stat().st_mode & 0o777 == 0o640


def test_the_readme_shows_ml_1m_where_it_ran(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    older = record("ncf", dataset="ml-1m", machine="old", data=data(fingerprint="m"))
    write(store(tmp_path, [older, record(minute=9)]), readme=readme)
    assert "ml-1m, random:80/10/10." in readme.read_text()
    assert list(cells(readme.read_text())) == ["ncf"]


def test_a_newer_machine_without_the_baseline_does_not_take_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    compared = [record(name, machine="compared") for name in ("bias", "ncf")]
    newer = record("als", machine="gpu-box", minute=9)
    write(store(tmp_path, [*compared, newer]), readme=readme)
    assert list(cells(readme.read_text())) == ["bias", "ncf"]


def test_where_synthetic_data_is_all_there_is_the_readme_says_so(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    note = "synthetic-100k stands in for ml-100k"
    out = store(tmp_path, [record(dataset="synthetic-100k", curve=[], data=data(note=note))])
    write(out, readme=readme)
    assert f"**{note}**" in readme.read_text()


def test_the_readmes_table_is_the_fullest_and_of_equals_the_newest(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    records = [
        *(record(name, machine="full", curve=[], minute=1) for name in ("bias", "ncf", "als")),
        *(record(name, machine="part", curve=[], minute=2) for name in ("bias", "ncf")),
        record("bias", machine="part", split="u1", curve=[], minute=3),
    ]
    write(store(tmp_path, records), readme=readme)
    assert sorted(cells(readme.read_text())) == ["als", "bias", "ncf"]
    again = [
        record(name, machine="new", curve=[], minute=4) for name in ("bias", "ncf", "numpy_sgd")
    ]
    write(store(tmp_path, [*records, *again]), readme=readme)
    assert sorted(cells(readme.read_text())) == ["bias", "ncf", "numpy_sgd"]


@pytest.mark.parametrize("text", ["# no markers\n", f"{END} {BEGIN}\n", f"{BEGIN}\n"])
def test_a_readme_without_both_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert readme not in write(tmp_path / "results", readme=readme)
    assert readme.read_text() == text
    assert write(tmp_path / "results", readme=tmp_path / "absent.md") == {}
    assert not (tmp_path / "absent.md").exists()


def test_a_readme_that_is_no_text_is_named(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"README\.md is not UTF-8 text"):
        write(tmp_path, readme=readme)


def test_no_file_of_one_name_overwrites_the_pages_or_plots_of_another(tmp_path: Path) -> None:
    names = ("a/r.csv", "b/r.csv", "a-r.csv", "A/R.CSV")
    records = [
        record(row, dataset=name, data=data(fingerprint=f"{n}" * 16, n_ratings=100 + n))
        for n, name in enumerate(names)
        for row in ("numpy_sgd", "ncf")
    ]
    written = write(store(tmp_path / "all", records))
    pages = {path.name for path in written if path.suffix == ".md"} - {"index.md"}
    plots = [path.name for path in written if path.suffix == ".png"]
    assert len(pages) == 4
    assert len(plots) == len({name.lower() for name in plots}) == 8
    index = cells((tmp_path / "all" / "index.md").read_text())
    assert sorted(row["ratings"] for row in index.values()) == ["100", "101", "102", "103"]


def test_records_that_cannot_be_read_cost_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store(tmp_path, [record()]))
    before = contents(tmp_path)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(RecordStore, "_read_new", broken)
    with pytest.raises(ValueError, match=r"box-1.jsonl: cannot be read: Input/output error"):
        write(tmp_path)
    assert contents(tmp_path) == before
