"""The command that repeats a row plans the cells of its records."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.arguments import spread
from bench.planning.describing import describe
from bench.planning.loading import class_path_of
from bench.planning.presets import readings
from bench.planning.suite import Block, Overrides, read
from bench.records import Record
from bench.report.rows import Line
from bench.report.site.command import command
from bench.report.writing import results_of
from datasets.reading.layout import Layout
from tests.support.records import data, record, table_of

RESULTS = Path(__file__).parents[4] / "results"


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command of a page as far as its plan: the one block, the settings, layout, test."""
    given: list[tuple[Any, ...]] = []

    def run(
        suite: str, overrides: Overrides, layout: Layout, test: str, *rest: Any, **kw: Any
    ) -> int:
        given.append((overrides.apply(read(suite)).blocks, overrides, layout, test, kw))
        return 0

    monkeypatch.setattr("bench.commands.run.run", run)

    def plan(line: Line) -> tuple[Block, Overrides, Layout, str]:
        first, *words = shlex.split(command(line))
        assert first == "bench"
        done = CliRunner().invoke(app, spread(words), catch_exceptions=False)
        assert done.exit_code == 0, (command(line), done.output)
        blocks, overrides, layout, test, options = given.pop()
        assert options["fresh"]
        [block] = blocks
        return block, overrides, layout, test

    return plan


def assert_repeats(line: Line, block: Block, overrides: Overrides) -> None:
    cell = line.runs.records[-1].cell
    assert (block.implementations, block.datasets) == ([cell.implementation], [cell.dataset])
    assert (block.preset, block.split, block.devices) == (cell.preset, cell.split, [cell.device])
    assert (block.threads, block.pin) == (cell.threads, cell.pinned)
    assert block.seeds == 1 + max(record.cell.seed for record in line.runs.records)
    assert block.time_limit_s == cell.rules.get("time_limit_s", block.time_limit_s)
    given = overrides.settings.get(cell.implementation, {})
    assert given.keys() == cell.hyperparameters.keys()
    for name, value in cell.hyperparameters.items():
        assert value in [list(it) if isinstance(it, tuple) else it for it in readings(given[name])]


def test_of_every_row_of_this_repository(planned: Any) -> None:
    lines = [line for table in results_of(RESULTS).tables for line in table.lines]
    assert len(lines) > 100
    for line in lines:
        block, overrides, _, _ = planned(line)
        assert_repeats(line, block, overrides)


def test_a_built_in_row_gets_the_hyperparameters_of_its_record(planned: Any) -> None:
    lines = {
        line.row.name: line
        for table in results_of(RESULTS).tables
        for line in table.lines
        if line.row.is_built_in and line.runs.scored
    }
    assert len(lines) > 10
    for line in lines.values():
        _, overrides, _, _ = planned(line)
        name = line.row.implementation
        settings = overrides.settings.get(name, {})
        row = describe(class_path_of(name), line.row.preset, settings, None)
        now = json.loads(json.dumps(row.hyperparameters))  # a class may have more fields since
        assert now == {**now, **line.row.hyperparameters}


def of(*records: Record) -> Line:
    return table_of(*records).lines[0]


def test_of_a_file_of_ones_own_with_how_it_is_read(planned: Any) -> None:
    read_by = {"columns": "user=a,item=the song", "delimiter": "semicolon", "missing": ",99"}
    line = of(
        record(
            "my rows/a.py:Own",
            dataset="my data/it's.csv",
            hyperparameters={"layers": [8, 4], "rate": None, "loss": "mse", "bias": True},
            data=data(options=read_by),
        )
    )
    block, overrides, layout, _ = planned(line)
    assert_repeats(line, block, overrides)
    assert layout.options() == read_by


@pytest.mark.parametrize("split", ["given", "given:90/10"])
def test_of_a_test_part_of_ones_own(planned: Any, split: str) -> None:
    line = of(record(dataset="train.csv", split=split, data=data(test="my test.csv")))
    block, _, _, test = planned(line)
    assert (block.split, test) == (split, "my test.csv")


def test_of_a_row_without_hyperparameters_on_one_core(planned: Any) -> None:
    cell = record().cell.model_copy(update={"hyperparameters": {}, "pinned": True, "threads": 1})
    line = of(record(cell=cell))
    assert "--set" not in command(line)
    assert_repeats(line, *planned(line)[:2])
