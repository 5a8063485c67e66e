"""What the trials came to: `python -m bench.gate.tally FOLDER`. Counts with 95 % intervals.

A run's draws are looked up here for the first time. An interval is Clopper and Pearson's, which
covers at its level whatever the rate (Clopper & Pearson 1934).
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from tabulate import tabulate

from bench.gate.heads import SHARES
from bench.gate.trials import DRAWS, RUNS, Kind, read

KINDS_OF_WORK = {
    "pure Python": ("numpy_sgd", "autograd_mf"),
    "BLAS": ("als", "bayesian_mf", "autorec", "ncf"),
    "sparse": ("sparse_embedding_mf",),
    "compiled": ("numba_sgd",),
}
Run = dict[str, Any]


def main(folder: Annotated[Path, typer.Argument(help="What the trials wrote.")]) -> None:
    """Print the tables."""
    runs = read(folder / RUNS)
    doses = {draw["head"]: draw["doses"] for draw in read(folder / DRAWS)}
    judged = [run for run in runs if run["kind"] != Kind.TRUTH]
    print(_table(false_alarms(judged), ["runs", "with a false alarm", "with the control failed"]))
    slow = [run for run in judged if run["kind"] == Kind.SLOW]
    headers = ["work", "rows added", "n", "FAIL", "PASS", "INCONCLUSIVE"]
    print(_table(by_dose(slow, doses), headers))
    truth = [run for run in runs if run["kind"] == Kind.TRUTH]
    print(_table(true_ratios(truth, doses), ["workload", "rows added", "head/base", "± 95 %"]))


def false_alarms(runs: list[Run]) -> Iterator[list[str]]:
    """Of the runs in which nothing is slower, by what they were."""
    settings: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run["kind"] != Kind.SLOW:
            cores = f"{run['cores']} core{'s' if run['cores'] > 1 else ''}"
            beside = f" beside {run['beside']}" if run["beside"] else ""
            settings[f"{run['kind']}, {cores}{beside}"].append(run)
    for setting, those in sorted(settings.items()):
        alarms = sum(
            any(series["verdict"] == "FAIL" for series in run["workloads"].values())
            for run in those
        )
        controls = sum(run["control_failed"] for run in those)
        yield [setting, share(alarms, len(those)), share(controls, len(those))]


def by_dose(runs: list[Run], doses: dict[str, dict[str, float]]) -> Iterator[list[str]]:
    """Verdicts of single workloads, by the kind of their work and what was drawn for them."""
    counts: defaultdict[tuple[str, float], list[str]] = defaultdict(list)
    for run in runs:
        for name, series in run["workloads"].items():
            if series["Y"]:
                key = workload_key(name)
                kinds = [kind for kind, names in KINDS_OF_WORK.items() if key in names] or ["other"]
                counts[kinds[0], doses[run["head"]][key]].append(series["verdict"])
    for kind in (*KINDS_OF_WORK, "other"):
        for dose in SHARES:
            if verdicts := counts[kind, dose]:
                shares = [
                    share(verdicts.count(verdict), len(verdicts))
                    for verdict in ("FAIL", "PASS", "INCONCLUSIVE")
                ]
                yield [kind, f"{dose:.0%}", str(len(verdicts)), *shares]


def true_ratios(runs: list[Run], doses: dict[str, dict[str, float]]) -> Iterator[list[str]]:
    """What a dose of rows does to the time of each workload."""
    for run in runs:
        for name, series in run["workloads"].items():
            if len(Y := series["Y"]) > 1:
                ratio = math.exp(statistics.fmean(Y))
                half = 1.96 * ratio * statistics.stdev(Y) / math.sqrt(len(Y))
                dose = doses[run["head"]][workload_key(name)]
                yield [name, f"{dose:.0%}", f"{ratio:.3f}", f"{half:.3f}"]


def workload_key(name: str) -> str:
    """`fit[als]` is `als` in the table of sizes, `parse` is `parse`."""
    return name.partition("[")[2].removesuffix("]") or name


def share(count: int, of: int) -> str:
    """A count with the interval of its rate."""
    from scipy.stats import binomtest

    interval = binomtest(count, of).proportion_ci(0.95)
    return f"{count} of {of} ({100 * interval.low:.1f}–{100 * interval.high:.1f} %)"


def _table(rows: Iterator[list[str]], headers: list[str]) -> str:
    return str(tabulate(list(rows), headers, tablefmt="pipe", disable_numparse=True)) + "\n"


if __name__ == "__main__":
    typer.run(main)
