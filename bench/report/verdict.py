"""The sentences above a table: which row to use for time, and which for accuracy.

A row is named alone only where it is better than every other one beyond noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report import ranking
from bench.report.formats import MISSED, compared, error, goal_rmse, listed, plural, significant
from bench.report.markdown import escaped
from bench.report.metrics import fit_s, goals_of, mean, median, reached, rmse, seconds_by_seed
from bench.report.ranking import Rank, Values
from bench.report.rows import Line, Table
from bench.report.sentences import more_repeats
from bench.stats import ratio
from datasets.splits import folds

NAMED = 3
"""Rows of a tie that are named; the others are counted."""

Leaders = list[tuple[float, Line]]
"""What a row is ordered by and the row, best first."""


def verdict(table: Table) -> str:
    """The rows that lead at each goal RMSE, and in accuracy."""
    scored = [line for line in table.lines if line.runs.scored]
    if not scored:
        return "No run has figures yet."
    if len(scored) == 1:
        return f"Only {escaped(scored[0].name)} has figures: there is nothing to compare it with."
    if not table.has_repeats:
        return _in_one_run(table)
    sentences = [_for_speed(table), _for_accuracy(table), _not_compared(table)]
    return "\n\n".join(filter(None, sentences))


def _for_speed(table: Table) -> str:
    """A goal that no row reached in the median of its runs is left out."""
    uses = [
        f"- for {goal_rmse(goal)} {_either(leaders)} {_time(table, goal, leaders)}."
        for goal in goals_of(table)
        if (leaders := _soonest(table, goal))
    ]
    if not uses:
        return ""
    heading = "**Where time counts**, use, by the validation RMSE you need:"
    return "\n".join([heading, "", *uses])


def _for_accuracy(table: Table) -> str:
    leaders = _most_accurate(table)
    if not leaders:
        return ""
    (_, best), *others = leaders
    error_of_best = mean(best.runs, rmse)
    assert error_of_best is not None
    use = f"**Where accuracy counts**, use {_timed(best)}: test RMSE {error(error_of_best)}"
    if not others:
        return f"{use}."
    level = _some([_timed(line) for _, line in others])
    return f"{use}; no difference beyond noise from {listed(level)}."


def _not_compared(table: Table) -> str:
    names = [escaped(line.name) for line in table.of_one_run]
    return f"Not compared, for one run has no interval: {listed(names)}." if names else ""


def _in_one_run(table: Table) -> str:
    parts = [
        f"{goal_rmse(goal)} {escaped(leaders[0][1].name)} ({significant(leaders[0][0])} s)"
        for goal in goals_of(table)
        if (leaders := _soonest(table, goal))
    ]
    first = f" First at a validation RMSE of {listed(parts)}." if parts else ""
    if leaders := _most_accurate(table):
        value, line = leaders[0]
        first += f" Lowest test RMSE: {_timed(line)}, {value:.4f}."
    gives = "runs every fold" if folds(table.split) else "gives every figure one"
    more = f"`{more_repeats(table.split)}` {gives}"
    return f"**One run of each row has no interval**, so nothing is recommended ({more}).{first}"


def _soonest(table: Table, goal: float) -> Leaders:
    """The rows that reached the goal in the median of their runs, and that no other row reached
    sooner beyond noise."""
    times = [
        (to.median if (to := reached(line.runs, goal)) else math.inf, line) for line in table.lines
    ]
    return _leaders(times, ranking.by_time(table, goal) if table.has_repeats else None)


def _most_accurate(table: Table) -> Leaders:
    errors = [
        (found.value if (found := mean(line.runs, rmse)) else math.inf, line)
        for line in table.lines
    ]
    return _leaders(errors, ranking.by_error(table) if table.has_repeats else None)


def _leaders(rows: Leaders, ranks: Sequence[Rank | None] | None) -> Leaders:
    """Those of the first rank that is taken, of the rows with a finite value; by the value alone
    where there are no ranks."""
    finite = [
        (rank.first if rank else 1, *row)
        for row, rank in zip(rows, ranks or [None] * len(rows), strict=True)
        if math.isfinite(row[0]) and (rank or ranks is None)
    ]
    first = min((place for place, _, _ in finite), default=1)
    found = [(value, line) for place, value, line in finite if place == first]
    return sorted(found, key=lambda each: each[0])


def _time(table: Table, goal: float, leaders: Leaders) -> str:
    """Of the leaders, in brackets; and how much later others than one alone were."""
    times = [
        f"{significant(seconds)} s{_share(seconds_by_seed(line.runs, goal))}"
        for seconds, line in leaders[:NAMED]
    ]
    seconds = f"({listed(times)})"
    if len(leaders) > 1:
        return f"{seconds}: no difference beyond noise"
    [(_, line)] = leaders
    if level := ranking.not_later(table, goal, line) if table.has_repeats else []:
        names = _some([_with_share(each, goal) for each in level])
        return f"{seconds}: no difference beyond noise from {listed(names)}"
    return ": ".join(filter(None, [seconds, "; ".join(_ahead(table, goal, line))]))


def _ahead(table: Table, goal: float, line: Line) -> list[str]:
    """How many times sooner a row of ours was than the first library, and than the second row
    where that is another one of ours."""
    library = _first_library(table, goal)
    if line.row.is_third_party or not library:
        return []
    if not math.isfinite(library[0]):
        return ["no library reached it in half of its runs"]
    places = dict(zip(ranking.by_time(table, goal), table.lines, strict=True))
    second = places.get(Rank(2, 2))
    found = [_sooner(line, library[1], goal)]
    if second and not second.row.is_third_party:
        found.append(_sooner(line, second, goal))
    return list(filter(None, found))


def _first_library(table: Table, goal: float) -> tuple[float, Line] | None:
    """The third-party row with the lowest median time, which may be ∞, and that time."""
    libraries = [
        (to.median, line)
        for line in table.lines
        if line.row.is_third_party and (to := reached(line.runs, goal))
    ]
    return min(libraries, key=lambda each: each[0], default=None)


def _sooner(line: Line, behind: Line, goal: float) -> str:
    """How many times sooner a row reached the goal than another one, with the interval. Where that
    may be a tie, the other's name with its share of runs that did; "" where all runs did."""
    own, other = (seconds_by_seed(each.runs, goal) for each in (line, behind))
    name = _with_share(behind, goal)
    seconds = [*own.values(), *other.values()]
    if min(seconds) <= 0:  # of a record that was edited
        return ""
    missed = not all(map(math.isfinite, seconds))
    found = ranking.times_sooner(own, other) if missed else ratio(other, own)
    if found and found.differs:
        times = compared(found, MISSED) if missed else compared(found)
        return f"{times} times sooner than {name}"
    return name if missed else ""


def _share(seconds: Values) -> str:
    """` in 21 of 28 seeds` where some missed the goal; "" where none did."""
    hits = sum(map(math.isfinite, seconds.values()))
    return f" in {hits} of {plural(len(seconds), 'seed')}" if hits < len(seconds) else ""


def _either(leaders: Leaders) -> str:
    """`a`, `a or b`, or `a, b, c or 2 other rows`."""
    return listed(_some([escaped(line.name) for _, line in leaders]), "or")


def _some(names: Sequence[str]) -> list[str]:
    """The first ones, and how many others there are."""
    others = len(names) - NAMED
    return [*names[:NAMED], *([plural(others, "other row")] if others > 0 else [])]


def _with_share(line: Line, goal: float) -> str:
    return f"{escaped(line.name)}{_share(seconds_by_seed(line.runs, goal))}"


def _timed(line: Line) -> str:
    fit = median(line.runs, fit_s)
    return f"{escaped(line.name)} ({significant(fit.value)} s)" if fit else escaped(line.name)
