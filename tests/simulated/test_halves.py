"""The count of false alarms, on records with and without one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.report.grouping import tables
from tests.simulated.halves import counted, main
from tests.support.records import record, store


def test_every_group_of_a_row_is_one_comparison() -> None:
    rng = random.Random(0)
    # Of the second group every other run is slower: its halves differ.
    slower = [1.5 if 6 <= seed < 12 and seed % 2 else 1.0 for seed in range(14)]
    noise = [1 + rng.random() / 50 for _ in range(28)]
    runs = [record(seed=n, fit_s=5 * slower[n] * noise[n], rmse=0.92) for n in range(14)]
    other = [record("als", seed=n, fit_s=5 * noise[14 + n], rmse=0.92) for n in range(6)]
    of, differ = counted(tables([*runs, *other, record("bias")]), 6)
    assert of["fit time"] == of["RMSE"] == of["0.937"] == of["any of these"] == 3
    assert differ == {"fit time": 1, "0.946": 1, "0.937": 1, "any time": 1, "any of these": 1}


def test_the_table_has_a_line_for_each_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(store(tmp_path, [record(seed=n, fit_s=5 + n % 3 / 9, rmse=0.95) for n in range(8)]), 4)
    rows = [
        [cell.strip() for cell in line.split("|")] for line in capsys.readouterr().out.split("\n")
    ]
    assert ["", "fit time", "0", "2", "0.0 % (0.0–84.2)", ""] in rows
    with pytest.raises(SystemExit, match="no row has figures of 12 seeds"):
        main(tmp_path, 12)
