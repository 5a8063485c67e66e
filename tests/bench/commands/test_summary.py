"""The end of a run, at several widths."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from bench.commands import summary
from bench.commands.terminal import console
from bench.records import Record
from bench.stats import Interval
from tests.support.records import closed_form, record, training_curve


def records() -> list[Record]:
    rows = []
    for seed in (0, 1, 2):
        fast = training_curve(0.885 + 0.001 * seed, 1.2)
        rows += [
            record("numpy_sgd", seed=seed, rmse=0.92 + 0.001 * seed, fit_s=12.3 + seed),
            record("peer:a_library_of_long_name", seed=seed, rmse=0.91, fit_s=1.2, curve=fast),
            record("bias", seed=seed, rmse=0.944, fit_s=0.01, curve=closed_form(0.944, 0.01)),
        ]
    return [*rows, record("some/folder/mine.py:Own", status="failed", reason="[bold]no luck[/]")]


def shown(width: int, rows: list[Record] | None = None, **options: Any) -> str:
    text = io.StringIO()
    out = Path("results")
    summary.show(console(text, width=width), rows or records(), out, **{"written": True, **options})
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def test_at_80_columns() -> None:
    text = shown(80)
    assert text == EIGHTY
    assert max(map(len, text.splitlines())) <= 80


def test_tables_of_several_machines_name_them_and_share_a_page() -> None:
    rows = [record("numpy_sgd", machine=name) for name in ("box-1", "box-2")]
    text = shown(80, rows)
    heads = [line for line in text.splitlines() if line.startswith("ml-100k, ")]
    assert [head.rpartition(", ")[2] for head in heads] == ["on box-1", "on box-2"]
    assert text.count("Page: ") == 1
    assert text.splitlines()[-1].startswith("Page: ")
    assert ", on box-1" not in shown(80, rows[:1])


def test_at_120_columns_nothing_is_left_out() -> None:
    text = shown(120)
    header = next(line for line in text.splitlines() if line.startswith("implementation"))
    assert re.split("  +", header)[1:5] == ["≤ 0.946", "≤ 0.937", "≤ 0.915", "≤ 0.900"]
    assert "13.3 (12.3–14.3)" in text
    assert "Left out" not in text
    assert "Fit: median and range. Below six seeds a time has no interval, only a range" in text


@pytest.mark.parametrize("width", [40, 50, 60, 70, 90, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = [line for line in shown(width).splitlines() if not line.startswith("Page: ")]
    assert max(map(len, lines)) <= width


def test_one_seed_has_no_interval_and_says_how_to_get_one() -> None:
    text = shown(80, [record("numpy_sgd"), record("als", rmse=0.9)])
    assert "±" not in text
    assert text.count("`--seeds 6`") == 2


def test_a_page_that_is_not_written_names_the_command() -> None:
    assert "Page: results/ml-100k.md (`bench report` writes it)" in shown(80, written=False)


def test_each_dataset_has_its_own_table() -> None:
    rows = [
        record(dataset=name, data=record().data.model_copy(update={"fingerprint": name}))
        for name in ("ml-100k", "mine.csv")
    ]
    assert [line for line in shown(80, rows).splitlines() if line.startswith("Page")] == [
        "Page: results/mine.csv.md",
        "Page: results/ml-100k.md",
    ]


def test_the_page_of_a_file_with_the_ratings_of_another_says_whose_it_is() -> None:
    first = record(dataset="ratings-2024.csv", minute=1)
    mine = [record(dataset="größe.csv", minute=2), record("bias", dataset="größe.csv")]
    text = shown(200, mine, among=[record(dataset="ratings-2024.csv", minute=-1), first, *mine])
    assert "\ngröße.csv, random:80/10/10\n" in text
    shared = "ratings-2024.csv.md: größe.csv has the same ratings, so this page, too\n"
    assert f"Page: results/{shared}" in text
    in_time = [each.model_copy(deep=True) for each in (first, *mine)]
    for each in in_time:
        each.cell.split, each.data.split_digest = "leave-last", each.cell.dataset
    assert "Page: results/größe.csv.md\n" in shown(200, in_time[1:], among=in_time)


def test_two_files_and_two_scripts_of_one_name_are_distinguished() -> None:
    def of(dataset: str, row: str) -> Record:
        known = record().data.model_copy(update={"fingerprint": dataset * 3})
        return record(row, dataset=dataset, data=known)

    one = [of("a/r.csv", "p/x.py:X"), of("a/r.csv", "q/x.py:X"), of("a/r.csv", "q/y.py:Y")]
    text = shown(160, one)
    assert "p/x.py:X" in text
    assert "q/x.py:X" in text
    assert "Page: results/r.csv.md" in text
    text = shown(160, one[1:], among=[*one, of("b/r.csv", "bias")])
    assert "\na/r.csv, random:80/10/10" in text
    assert "Page: results/a-r.csv.md" in text
    assert "\nx.py:X " in text  # alone in its table


def test_a_copy_is_shown_in_full_and_said_to_be_one_run() -> None:
    ran = record("a.py:A")
    copy = ran.model_copy(update={"cell": ran.cell.model_copy(update={"implementation": "b.py:A"})})
    text = shown(160, [ran, copy])
    assert "\na.py:A " in text
    assert "\nb.py:A " in text
    assert "One run under two names" in text


def test_a_time_to_a_goal_has_its_interval_at_every_width() -> None:
    rows = [record(seed=n, fit_s=12.0 + n / 9, rmse=0.913) for n in range(8)]
    missed = [record("als", seed=n, rmse=0.95 if n < 2 else 0.9, fit_s=3.0) for n in range(8)]
    wide, narrow = shown(200, [*rows, *missed]), shown(80, [*rows, *missed])
    assert re.search(r"als .* 1\.\d\d ±∞ \(6 of 8\)|als .* 1\.\d\d ±\S+ % \(6 of 8\)", wide)
    assert re.search(r"numpy_sgd .* \d\.\d\d ±\S+ % ", wide)
    assert re.search(r"numpy_sgd .* \d\.\d\d ±\S+% ", narrow)
    assert "median ± how far its 95 % interval reaches; n/m: in n of m seeds; ∞" in " ".join(
        narrow.split()
    )
    assert "n/m" not in wide


def test_brackets_of_a_time_are_explained_where_every_interval_is_lopsided() -> None:
    seconds = (1.0, 1.0, 1.0, 1.001, 1.5, 1.6, 1.7)
    rows = [
        record(name, seed=n, fit_s=10 * s) for name in ("a", "b") for n, s in enumerate(seconds)
    ]
    text = " ".join(shown(160, rows).split())
    assert "median ± half its 95 % interval, or both its ends where one is far farther" in text


def test_a_short_time_has_the_farther_end_of_its_interval() -> None:
    assert summary.short_seconds(Interval(10, 9.5, 12, 8, 0.95)) == "10.0 ±20%"
    assert summary.short_seconds(Interval(10, 9.5, 12, 3, None)) == "10.0"  # a range is none
    assert summary.short_seconds(Interval(10, 10, 10, 1, None)) == "10.0"


EIGHTY = """\

ml-100k, random:80/10/10
Where time counts, use, by the validation RMSE you need:

- for 0.946 bias (0.0100 s): 32.0 (95 % interval 32.0–32.0, 3 paired seeds)
times sooner than peer:a_library_of_long_name.
- for 0.937 peer:a_library_of_long_name (0.360 s).
- for 0.915 peer:a_library_of_long_name (0.440 s).
- for 0.900 peer:a_library_of_long_name (0.560 s).

Where accuracy counts, use peer:a_library_of_long_name (1.20 s): test RMSE
0.9100 ± 0.0000.

implementation             ≤ 0.915  ≤ 0.900        test RMSE   fit s  status
--------------------------------------------------------------------------------
peer:a_library_of_long_na    0.440    0.560  0.9100 ± 0.0000    1.20  ok
me
numpy_sgd                        ∞        ∞  0.9210 ± 0.0025    13.3  ok
bias                             ∞        ∞  0.9440 ± 0.0000  0.0100  ok
mine.py:Own                      —        —                —       —  failed [1]

[1] failed: [bold]no luck[/]
≤: training seconds until the validation RMSE was at most that; ∞: half of the
runs or more missed it. RMSE: mean over seeds ± its 95 % t interval. Fit:
median. Below six seeds a time has no interval (`--seeds 6` gives one). Left out
at this width: ≤ 0.946, ≤ 0.937.
Page: results/ml-100k.md
"""
