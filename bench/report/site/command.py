"""The command that repeats the runs of a row."""

from __future__ import annotations

import shlex
from collections.abc import Container

from bench.records import Record
from bench.report.formats import command_options
from bench.report.rows import Line
from datasets.splits import GIVEN


def command(line: Line) -> str:
    """A line for a shell, with every hyperparameter, for another commit may have other defaults.

    The suite `quick` is what the options change; the stopping rule that they do not, its patience,
    is that of the other suites, too.
    """
    seeds = 1 + max(record.cell.seed for record in line.runs.records)
    return " ".join(command_parts(line.runs.records[-1], seeds))


def command_parts(newest: Record, seeds: int, varied: Container[str] = ()) -> tuple[str, str]:
    """What stands before the settings of the hyperparameters that are `varied`, and behind them."""
    cell, data = newest.cell, newest.data
    options = {
        "--impl": cell.implementation,
        "--dataset": cell.dataset,
        "--test": data.test,
        "--preset": cell.preset if cell.preset != "default" else "",
        "--split": cell.split if not (data.test and cell.split == GIVEN) else "",
        "--device": cell.device,
        "--threads": f"{cell.threads}",
        "--seeds": f"{seeds}",
        "--time-limit": _time_limit(newest),
    }
    words = [f"{name} {shlex.quote(value)}" for name, value in options.items() if value]
    settings = [
        shlex.quote(f"{cell.implementation}.{name}={value}")
        for name, value in cell.hyperparameters.items()
        if name not in varied
    ]
    words += ["--set", *settings] if cell.hyperparameters else []
    behind = ["--pin"] if cell.pinned else []
    behind += [read_by] if (read_by := command_options(data.options)) else []
    return " ".join(["bench run", *words]), " ".join([*behind, "--fresh"])


def _time_limit(record: Record) -> str:
    limit = record.cell.rules.get("time_limit_s")
    return f"{limit:g}" if isinstance(limit, int | float) else ""
