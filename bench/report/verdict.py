"""The sentences above a table: which row to use for time, and which for accuracy.

A row is named alone only where no other one may be the first: each of them is behind it or behind
another row beyond noise, or reached the goal in half of its runs at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report import ranking
from bench.report.formats import MISSED, compared, error, goal_rmse, listed, plural, significant
from bench.report.markdown import escaped
from bench.report.metrics import fit_s, goals_of, mean, median, reached, rmse, seconds_by_seed
from bench.report.ranking import Rank
from bench.report.rows import Line, Table
from bench.report.sentences import more_repeats, repeat_of
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
    """Rows of one run; of those with a lower test RMSE than what is recommended, that, too."""
    names = [escaped(line.name) for line in table.of_one_run]
    if not names:
        return ""
    text = f"Not compared, for one run has no interval: {listed(names)}."
    best = min((value for value, _ in _most_accurate(table)), default=-math.inf)
    lower = [
        f"{escaped(line.name)} ({found.value:.4f})"
        for line in table.of_one_run
        if (found := mean(line.runs, rmse)) and found.value < best
    ]
    if not lower:
        return text
    return f"{text} A lower test RMSE in that run than of any compared row: {listed(lower)}."


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
        f"{significant(seconds)} s{_share(table, goal, line, ' in {}')}"
        for seconds, line in leaders[:NAMED]
    ]
    seconds = f"({listed(times)})"
    if len(leaders) > 1:
        missed = any(_share(table, goal, line, "{}") for _, line in leaders)
        return f"{seconds}: no difference beyond noise{', a miss counted as ∞' * missed}"
    [(_, line)] = leaders
    return ": ".join(filter(None, [seconds, "; ".join(_behind(table, goal, line))]))


def _behind(table: Table, goal: float, line: Line) -> list[str]:
    """How much later others than the one row that leads were, and those that may not have been: of
    a built-in row the first library, and the second row where that is another built-in one."""
    level = ranking.not_later(table, goal, line) if table.has_repeats else []
    found: list[str] = []
    if not line.row.is_third_party:
        libraries, second = _libraries(table, goal), _second(table, goal)
        if libraries and not math.isfinite(libraries[0][0]):
            found = ["no library reached it in more than half of its runs"]
        elif libraries and (library := libraries[0][1]) not in level:
            found = [_sooner(table, goal, line, library)]
        if second is not None and not second.row.is_third_party and second not in level:
            found.append(_sooner(table, goal, line, second))
    if level:
        names = listed(_some([_name(table, goal, each) for each in level]))
        found.append(f"no difference beyond noise from {names}")
    return found


def _libraries(table: Table, goal: float) -> Leaders:
    """The third-party rows that are compared, which takes two runs with a curve, by the median time
    to the goal."""
    libraries = [
        (to.median, line)
        for line in table.lines
        if line.row.is_third_party and (to := reached(line.runs, goal)) and len(to.seconds) > 1
    ]
    return sorted(libraries, key=lambda each: each[0])


def _second(table: Table, goal: float) -> Line | None:
    """The row that has the second place to itself."""
    places = dict(zip(ranking.by_time(table, goal), table.lines, strict=True))
    return places.get(Rank(2, 2))


def _sooner(table: Table, goal: float, line: Line, behind: Line) -> str:
    """That a row reached the goal sooner than another one beyond noise; how many times, where that
    has an interval which excludes a tie."""
    own, other = (seconds_by_seed(each.runs, goal) for each in (line, behind))
    seconds = [*own.values(), *other.values()]
    missed = not all(map(math.isfinite, seconds))
    # A time of 0 s is of a record that was edited.
    found = ranking.times_sooner(own, other) if missed or min(seconds) <= 0 else ratio(other, own)
    times = ""
    if found and found.differs and found.interval.level:
        times = f"{compared(found, repeat_of(table.split), *[MISSED] * missed)} times "
    return f"{times}sooner than {_name(table, goal, behind)}"


def _name(table: Table, goal: float, line: Line) -> str:
    """With how often it reached the goal, where it missed that in some runs."""
    return f"{escaped(line.name)}{_share(table, goal, line, ' (reached in {})')}"


def _share(table: Table, goal: float, line: Line, form: str) -> str:
    """`21 of 28 seeds`, in the form, where some missed the goal; "" where none did."""
    to = reached(line.runs, goal)
    if to is None or to.hits == len(to.seconds):
        return ""
    return form.format(f"{to.hits} of {plural(len(to.seconds), repeat_of(table.split))}")


def _either(leaders: Leaders) -> str:
    """`a`, `a or b`, or `a, b, c or 2 other rows`."""
    return listed(_some([escaped(line.name) for _, line in leaders]), "or")


def _some(names: Sequence[str]) -> list[str]:
    """The first ones, and how many others there are."""
    others = len(names) - NAMED
    return [*names[:NAMED], *([plural(others, "other row")] if others > 0 else [])]


def _timed(line: Line) -> str:
    fit = median(line.runs, fit_s)
    return f"{escaped(line.name)} ({significant(fit.value)} s)" if fit else escaped(line.name)
