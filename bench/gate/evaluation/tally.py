"""The trials counted, with 95 % intervals.

`python -m bench.gate.evaluation.tally FOLDER` prints the tables.

A run's draws are read here for the first time. An interval is Clopper and Pearson's, which
covers at its level whatever the rate (Clopper & Pearson 1934).
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import scipy.stats
import typer

from bench.gate.evaluation.revisions import DOSES
from bench.gate.evaluation.trials import DRAWS, RUNS, Kind, read
from bench.gate.report import markdown
from bench.gate.statistics import Verdict
from bench.stats import mean_interval

KINDS_OF_WORK = {
    "pure Python": ("numpy_sgd", "autograd_mf"),
    "BLAS": ("als", "bayesian_mf", "autorec", "ncf"),
    "sparse": ("sparse_embedding_mf",),
    "compiled": ("numba_sgd",),
}
OTHER, ALL = "other", "all"
EDGES = (1.0, 1.025, 1.05, 1.075)
"""Of true ratios: below the second no FAIL is meant, from the third on no PASS."""
DECISIONS = (Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE)
Run = dict[str, Any]
Doses = Mapping[str, Mapping[str, float]]
"""Head -> workload -> rows added, as a share."""
At = tuple[str, float]
"""Workload and rows added."""
Truth = Mapping[At, list[float]]
"""Rounds of the runs that decide nothing."""


def main(folder: Annotated[Path, typer.Argument(help="What the trials wrote.")]) -> None:
    """Print the tables."""
    runs = read(folder / RUNS)
    doses = {draw["head"]: draw["doses"] for draw in read(folder / DRAWS)}
    truth = true_ratios([run for run in runs if run["kind"] == Kind.TRUTH], doses)
    slow = decided([run for run in runs if run["kind"] == Kind.SLOW], doses, truth)
    rows = (
        [name, f"{dose:.0%}", *(f"{figure:.3f}" for figure in ratio_of(Y))]
        for (name, dose), Y in truth.items()
    )
    unchanged = [run for run in runs if run["kind"] not in (Kind.SLOW, Kind.TRUTH)]
    ratio = "true head/base"
    counts = ("with a false alarm", "A/A control failed", "workloads PASS", "seconds, median")
    for lines, headers in (
        (false_alarms(unchanged), ("runs", *counts)),
        (by_dose(slow), ("work", "rows added", ratio, *DECISIONS)),
        (by_true_ratio(slow), (ratio, *DECISIONS)),
        (rows, ("workload", "rows added", "head/base", "± 95 %")),
    ):
        print(markdown(list(lines), headers) + "\n")


def false_alarms(runs: list[Run]) -> Iterator[list[str]]:
    """Of runs in which nothing is slower, by their setting."""
    settings: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        settings[_setting(run)].append(run)
    for setting, those in sorted(settings.items()):
        of_each = [_verdicts(run) for run in those]
        verdicts = [verdict for each in of_each for verdict in each]
        yield [
            setting,
            share(sum(Verdict.FAIL in each for each in of_each), len(those)),
            share(sum(run["control_failed"] for run in those), len(those)),
            share(verdicts.count(Verdict.PASS), sum(each in DECISIONS for each in verdicts)),
            f"{statistics.median(run['seconds'] for run in those):.0f}",
        ]


def _verdicts(run: Run) -> list[str]:
    return [series["verdict"] for series in run["workloads"].values()]


def _setting(run: Run) -> str:
    timed = sum(verdict in DECISIONS for verdict in _verdicts(run))
    cores = f"{run['cores']} core{'s' if run['cores'] > 1 else ''}"
    beside = f" beside {run['beside']}" if run["beside"] else ""
    return f"{run['kind']}, {timed} workloads, {cores}{beside}"


class Decided(NamedTuple):
    """One workload that was timed in full; `ratio` is the true one, None where not measured."""

    kind: str
    dose: float
    ratio: float | None
    verdict: str


def decided(runs: list[Run], doses: Doses, truth: Truth) -> list[Decided]:
    """The workloads of all runs, with what was added to them and what that does to their time."""
    return [
        Decided(kind_of(name), dose, ratio_of(Y)[0] if Y else None, series["verdict"])
        for run in runs
        for name, series in run["workloads"].items()
        if series["verdict"] in DECISIONS
        for dose in [doses[run["head"]][workload_key(name)]]
        for Y in [truth.get((name, dose))]
    ]


def by_dose(workloads: list[Decided]) -> Iterator[list[str]]:
    """Verdicts of single workloads, by the kind of their work and what was drawn for them."""
    for kind in (*KINDS_OF_WORK, OTHER, ALL):
        for dose in DOSES:
            those = [it for it in workloads if it.dose == dose and kind in (it.kind, ALL)]
            if those:
                ratios = sorted(f"{it.ratio:.3f}" for it in those if it.ratio)
                span = "–".join(dict.fromkeys(ratios[:1] + ratios[-1:]))
                yield [kind, f"{dose:.0%}", span, *_shares(those)]


def by_true_ratio(workloads: list[Decided]) -> Iterator[list[str]]:
    """Verdicts of single workloads, by what the rows added to them do to their time."""
    slowed = [(max(it.ratio, 1.0), it) for it in workloads if it.dose and it.ratio]
    for edge, next_edge in pairwise((*EDGES, math.inf)):
        if those := [it for ratio, it in slowed if edge <= ratio < next_edge]:
            yield [f"{edge:.3f}–{next_edge:.3f}".replace("–inf", " and more"), *_shares(those)]


def _shares(those: list[Decided]) -> list[str]:
    verdicts = [it.verdict for it in those]
    return [share(verdicts.count(verdict), len(verdicts)) for verdict in DECISIONS]


def true_ratios(runs: list[Run], doses: Doses) -> dict[At, list[float]]:
    """The rounds of each workload with each dose of rows, from the runs that decided nothing."""
    rounds: defaultdict[At, list[float]] = defaultdict(list)
    for run in runs:
        for name, series in run["workloads"].items():
            rounds[name, doses[run["head"]][workload_key(name)]] += series["Y"]
    return {at: Y for at, Y in rounds.items() if len(Y) > 1}


def ratio_of(Y: list[float]) -> tuple[float, float]:
    """head/base, and half the width of its 95 % interval."""
    log = mean_interval(Y)
    ratio = math.exp(log.value)
    return ratio, ratio * log.half


def kind_of(name: str) -> str:
    """Of its work."""
    key = workload_key(name)
    return next((kind for kind, names in KINDS_OF_WORK.items() if key in names), OTHER)


def workload_key(name: str) -> str:
    """`fit[als]` is `als` in the table of sizes, `parse` is `parse`."""
    return name.partition("[")[2].removesuffix("]") or name


def share(count: int, of: int) -> str:
    """A count with the interval of its rate."""
    interval = scipy.stats.binomtest(count, of).proportion_ci(0.95)
    return f"{count} of {of} ({100 * interval.low:.1f}–{100 * interval.high:.1f} %)"


if __name__ == "__main__":
    typer.run(main)
