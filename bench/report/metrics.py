"""The figures that tables, plots and sentences share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.planning.goals import own_goals
from bench.planning.plan import BASELINE
from bench.records import Figure as Figure
from bench.records import Point, Record, Slice, mean_by_seed, values_by_seed
from bench.records import part as part
from bench.report.rows import Row, Runs, Table, lowest_rmse
from bench.roofline.bound import bound_per_s, updates_per_s
from bench.stats import Components, Interval, components, mean_interval, median_interval, ratio
from datasets.entries import CATALOG

REFERENCE = "numpy_sgd"


rmse, mae, fit_s = part("metrics", "rmse"), part("metrics", "mae"), part("times", "fit_s")


SLICES = ("few", "some", "many", "cold start", "oldest", "middle", "newest")
"""Names of slices of the test ratings, in the order of the page."""


def slices_of(runs: Runs) -> list[Slice]:
    """The slices of every scored run, in the order of `SLICES`."""
    every = [it for record in runs.scored if record.metrics for it in record.metrics.slices]
    return sorted((it for it in every if it.name in SLICES), key=lambda it: SLICES.index(it.name))


def slice_name(it: Slice) -> str:
    """`few (1–10)`, `many (51+)`, `cold start`, `newest third`: equal where the bounds are, too."""
    if it.by == "time":
        return f"{it.name} third"
    if it.low is None:
        return it.name
    return f"{it.name} ({it.low}+)" if it.high is None else f"{it.name} ({it.low}–{it.high})"


def rmse_of_slice(name: str) -> Figure:
    """RMSE over the part of the test ratings that `slice_name` calls so."""

    def figure(record: Record) -> float | None:
        slices = record.metrics.slices if record.metrics else []
        return next((it.rmse for it in slices if slice_name(it) == name), None)

    return figure


def millions_of_updates(record: Record) -> float | None:
    """A second: an update is one training rating, visited once in an epoch."""
    rate = updates_per_s(record)
    return rate and rate / 1e6


def share_of_bound(runs: Runs) -> Interval | None:
    """Of the updates that the machine's memory or arithmetic allows; None for one run."""
    both = Runs(tuple(r for r in runs.scored if (updates_per_s(r) or 0) > 0 and bound_per_s(r)))
    if not both.records:
        return None
    return with_level(ratio(by_seed(both, updates_per_s), by_seed(both, bound_per_s)).interval)


def mean(runs: Runs, figure: Figure) -> Interval | None:
    return runs.interval(mean_interval, figure)


def median(runs: Runs, figure: Figure) -> Interval | None:
    return runs.interval(median_interval, figure)


def by_seed(runs: Runs, figure: Figure) -> dict[int, float]:
    """Seed -> `figure`, of the scored runs that have it."""
    return mean_by_seed(runs.scored, figure)


def components_of(runs: Runs) -> Components | None:
    """How much of the fit time's variation is the machine's, and how much the seeds'; None where
    fewer than two seeds ran again.

    Of runs that nothing disturbed: seeds run again for a disturbance are no random choice.
    """
    undisturbed = [record for record in runs.scored if not record.disturbed]
    times = values_by_seed(undisturbed, fit_s).values()
    return components(times) if all(seconds > 0 for some in times for seconds in some) else None


def reference_row(table: Table) -> Row | None:
    """The row that × is against: numpy_sgd as it comes, fitted on the CPU.

    Where it ran in several ways: the one with the most seeds, then the lowest RMSE.
    """
    candidates = [
        (-error.n, error.value, row)
        for row in table.rows
        if row.name == REFERENCE and (runs := row.runs.get("CPU")) and (error := mean(runs, rmse))
    ]
    return min(candidates, key=lambda candidate: candidate[:2])[2] if candidates else None


def times_faster(reference: Row, runs: Runs) -> Interval | None:
    """Fit time of the reference on the CPU over that of `runs`; None where one has none, and
    where the ratio has no interval."""
    own, other = by_seed(runs, fit_s), by_seed(reference.runs["CPU"], fit_s)
    if not own or not other or min(*own.values(), *other.values()) <= 0:
        return None
    return with_level(ratio(other, own).interval)


def with_level(ratio: Interval | None) -> Interval | None:
    """A ratio that may be stated: one with an interval."""
    return ratio if ratio and ratio.level is not None else None


def goals_of(table: Table) -> list[float]:
    """The goal RMSEs, easiest first: the catalog's, as the newest run that had any has them; for
    another dataset those that it gives itself (`_own_goals`)."""
    if own := _own_goals(table):
        return list(own)
    for record in reversed(table.records):
        if record.goals:
            return sorted({goal.rmse for goal in record.goals}, reverse=True)
    return []


def goal_name(table: Table, goal: float) -> str:
    """What gets about as far as a goal; "" for one that the catalog no longer has."""
    entry = CATALOG.get(table.dataset)
    named = entry.goals if entry else {}
    return (named or _own_goals(table) or {goal: BASELINE}).get(goal, "")


def _own_goals(table: Table) -> dict[float, str]:
    """Of a dataset for which the catalog has no goals, easiest first: what the baseline reached,
    and steps from there to what the best row reached.

    Each counts as reached where all runs of that row came so far: of one run alone, which one was
    the newest would decide. Empty where the baseline has no curve.
    """
    entry = CATALOG.get(table.dataset)
    if (entry and entry.goals) or not any(record.goals for record in table.records):
        return {}
    curves = [line for line in table.lines if line.runs.with_curve]
    of_baseline = [line for line in curves if line.row.implementation == BASELINE]
    if not of_baseline:
        return {}
    start = max(_reached_by_all(line.runs) for line in of_baseline)
    best = min(curves, key=lambda line: best_validation(line.runs))
    return own_goals(start, _reached_by_all(best.runs))


@dataclass(frozen=True)
class Reached:
    """How runs came to one goal on validation.

    seconds  of each seed, ∞ for a miss
    best     the median over seeds of the lowest RMSE
    """

    seconds: list[float]
    best: float

    @property
    def hits(self) -> int:
        """Seeds that reached it."""
        return sum(map(math.isfinite, self.seconds))

    @property
    def median(self) -> float:
        return self.interval.value

    @cached_property
    def interval(self) -> Interval:
        """Of the median; it may end at ∞."""
        return median_interval(self.seconds)


def reached(runs: Runs, goal: float) -> Reached | None:
    """None where no run left a curve."""
    if not runs.with_curve:
        return None
    return Reached([*seconds_by_seed(runs, goal).values()], best_validation(runs))


def _reached_by_all(runs: Runs) -> float:
    return max(map(lowest_rmse, runs.with_curve))


def seconds_by_seed(runs: Runs, goal: float) -> dict[int, float]:
    """Seed -> seconds to a goal, ∞ for a miss, of the runs that left a curve."""
    return mean_by_seed(runs.with_curve, lambda record: seconds_to(record, goal))


def best_validation(runs: Runs) -> float:
    """The median over seeds of the lowest validation RMSE; ∞ where no run left a curve."""
    return statistics.median(runs.lowest) if runs.lowest else math.inf


def seconds_to(record: Record, goal: float) -> float:
    """From the record, or from its curve where it has other goals; ∞ for a miss."""
    for each in record.goals:
        if each.rmse == goal:
            return math.inf if each.seconds is None else each.seconds
    return seconds_on(record.curve, goal)


def seconds_on(curve: Sequence[Point], goal: float) -> float:
    """To the first point at `goal` or below; ∞ for a miss."""
    return next((point.seconds for point in curve if point.rmse <= goal), math.inf)
