"""The trials counted, with 95 % intervals.

`python -m bench.gate.evaluation.tally FOLDER` prints the tables.

A run's draws are read here for the first time. An interval is Clopper and Pearson's, which
covers at its level whatever the rate (Clopper & Pearson 1934).
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import scipy.stats
import typer

from bench.gate.evaluation.revisions import Extra
from bench.gate.evaluation.trials import DRAWS, RUNS, Kind, read
from bench.gate.report import markdown
from bench.gate.statistics import Verdict

DECISIONS = (Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE)
Run = Mapping[str, Any]
"""A line of the trials, or the raw timings of a run."""


def main(folder: Annotated[Path, typer.Argument(help="What the trials wrote.")]) -> None:
    """Print the tables."""
    runs = read(folder / RUNS)
    extra = {draw["head"]: draw["extra"] for draw in read(folder / DRAWS)}
    unchanged = [run for run in runs if run["kind"] != Kind.SLOW]
    slow = [(run, extra[run["head"]]) for run in runs if run["kind"] == Kind.SLOW]
    counts = ("with a false alarm", "A/A control failed", "workloads PASS", "exit code 0")
    seconds = ("seconds, median", "most")
    print(markdown(list(false_alarms(unchanged)), ("runs", *counts, *seconds)) + "\n")
    print(markdown(list(by_true_ratio(slow)), ("true head/base", *DECISIONS)) + "\n")


def false_alarms(runs: Sequence[Run]) -> Iterator[list[str]]:
    """Of runs in which nothing is slower, by their setting."""
    settings: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        settings[_setting(run)].append(run)
    for setting, those in sorted(settings.items()):
        of_each = [list(verdicts_of(run).values()) for run in those]
        verdicts = [verdict for each in of_each for verdict in each]
        seconds = [run["seconds"] for run in those]
        yield [
            setting,
            share(sum(Verdict.FAIL in each for each in of_each), len(those)),
            share(sum(run["control_failed"] for run in those), len(those)),
            share(verdicts.count(Verdict.PASS), len(verdicts)),
            share(sum(run["code"] == 0 for run in those), len(those)),
            f"{statistics.median(seconds):.0f}",
            f"{max(seconds):.0f}",
        ]


def verdicts_of(run: Run) -> dict[str, Verdict]:
    """Of the workloads that were timed in full."""
    verdicts = {name: Verdict(series["verdict"]) for name, series in run["workloads"].items()}
    return {name: verdict for name, verdict in verdicts.items() if verdict in DECISIONS}


def _setting(run: Run) -> str:
    cores = f"{run['cores']} core{'s' if run['cores'] > 1 else ''}"
    beside = f" beside {run['beside']}" if run["beside"] else ""
    return f"{run['kind']}, {len(verdicts_of(run))} workloads, {cores}{beside}"


def by_true_ratio(runs: Sequence[tuple[Run, Extra]]) -> Iterator[list[str]]:
    """Verdicts of single workloads, by the extra work that they had."""
    found: defaultdict[float, list[Verdict]] = defaultdict(list)
    for run, extra in runs:
        for name, verdict in verdicts_of(run).items():
            found[extra.get(name, 0.0)].append(verdict)
    for dose, verdicts in sorted(found.items()):
        yield [f"{1 + dose:.2f}", *shares(verdicts)]


def shares(verdicts: Sequence[Verdict | None]) -> list[str]:
    """The share of each verdict that decides, or leaves open."""
    return [share(verdicts.count(verdict), len(verdicts)) for verdict in DECISIONS]


def share(count: int, of: int) -> str:
    """A count with the interval of its rate."""
    if not of:
        return "0 of 0"
    interval = scipy.stats.binomtest(count, of).proportion_ci(0.95)
    return f"{count} of {of} ({100 * interval.low:.1f}–{100 * interval.high:.1f} %)"


if __name__ == "__main__":
    typer.run(main)
