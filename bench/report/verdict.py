"""The sentences above a table: which row to use for time, and which for accuracy.

A row is named alone only where it is better than every other one beyond noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report import ranking
from bench.report.formats import error, goal_rmse, listed, plural, significant, with_interval
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
    return " ".join(filter(None, sentences))


def _for_speed(table: Table) -> str:
    """A goal that no row reached in the median of its runs is left out."""
    uses: dict[str, list[str]] = {}
    for goal in goals_of(table):
        if leaders := _soonest(table, goal):
            use = f"{goal_rmse(goal)} ({_time(table, goal, leaders)})"
            uses.setdefault(_either(leaders), []).append(use)
    if not uses:
        return ""
    rows = "; ".join(f"{names} for {listed(goals)}" for names, goals in uses.items())
    return f"**Where time counts**, by the validation RMSE you need, use {rows}.{_runner_up(table)}"


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
    level = [_timed(line) for _, line in others[:NAMED]]
    if len(others) > NAMED:
        level.append(plural(len(others) - NAMED, "other row"))
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
    """Of the leaders; and how much later the first third-party library was than one alone."""
    seconds = listed([significant(each) for each, _ in leaders[:NAMED]])
    if len(leaders) > 1:
        return f"{seconds} s, no difference beyond noise"
    [(_, line)] = leaders
    own = seconds_by_seed(line.runs, goal)
    hits = sum(map(math.isfinite, own.values()))
    seconds = f"{seconds} s"
    if hits < len(own):
        seconds += f" in {hits} of {plural(len(own), 'seed')}"
    rank = ranking.by_time(table, goal)[table.lines.index(line)] if table.has_repeats else None
    if rank and rank.last > 1:
        rows = plural(rank.last - 1, "row")
        return f"{seconds}, no difference beyond noise from {rows} that reached it more seldom"
    first = _first_library(table, goal)
    if line.row.is_third_party or not first:
        return seconds
    median_s, library = first
    if not math.isfinite(median_s):
        return f"{seconds}, no library reached it in half of its runs"
    name = escaped(library.name)
    other = seconds_by_seed(library.runs, goal)
    hits = sum(map(math.isfinite, other.values()))
    share = f"reached it in {hits} of {plural(len(other), 'seed')}" if hits < len(other) else ""
    if not (found := _sooner(own, other)):
        return f"{seconds}; {name} {share}" if share else seconds
    by, times = found
    ahead = f"{times} than {name}{share and f', which {share}'}"
    return f"{seconds}; {by}{ahead}" if by else f"{seconds}, {ahead}"


def _runner_up(table: Table) -> str:
    """How far the first row is ahead of the second one of any kind, at the hardest goal that has a
    row named alone beside a library; "" where that is the second, or none is by itself."""
    for goal in reversed(goals_of(table)):
        places = dict(zip(ranking.by_time(table, goal), table.lines, strict=True))
        best, second = places.get(Rank(1, 1)), places.get(Rank(2, 2))
        library = _first_library(table, goal)
        if not best or best.row.is_third_party or not library or not math.isfinite(library[0]):
            continue
        if not second or second.row.is_third_party:
            return ""
        found = _sooner(*(seconds_by_seed(line.runs, goal) for line in (best, second)))
        if not found:
            return ""
        by, times = found
        next_row = f"At {goal_rmse(goal)} the next of all rows is {escaped(second.name)}"
        return f" {next_row}: {by}{escaped(best.name)} was {times}."
    return ""


def _first_library(table: Table, goal: float) -> tuple[float, Line] | None:
    """The third-party row with the lowest median time, which may be ∞, and that time."""
    libraries = [
        (to.median, line)
        for line in table.lines
        if line.row.is_third_party and (to := reached(line.runs, goal))
    ]
    return min(libraries, key=lambda each: each[0], default=None)


def _sooner(own: Values, other: Values) -> tuple[str, str] | None:
    """What a ratio is by where a run missed, and how many times sooner `own` was, with its
    interval; None where no interval excludes a tie."""
    seconds = [*own.values(), *other.values()]
    if min(seconds) <= 0:  # of a record that was edited
        return None
    if all(map(math.isfinite, seconds)):
        by, found = "", ratio(other, own)
        stated = found.interval if found.differs else None
    else:
        by = "by the median over paired seeds, a miss counted as ∞, "
        stated = ranking.times_sooner(own, other)
    return (by, f"{with_interval(stated)} times sooner") if stated else None


def _either(leaders: Leaders) -> str:
    """`a`, `a or b`, or `a, b, c or 2 others`."""
    names = [escaped(line.name) for _, line in leaders[:NAMED]]
    if len(leaders) > NAMED:
        names.append(plural(len(leaders) - NAMED, "other"))
    return listed(names, "or")


def _timed(line: Line) -> str:
    fit = median(line.runs, fit_s)
    return f"{escaped(line.name)} ({significant(fit.value)} s)" if fit else escaped(line.name)
