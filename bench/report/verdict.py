"""What a table comes to: which row to use, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report.metrics import by_seed, fit_s, goals_of, mean, median, progress, rmse
from bench.report.rows import Line, Table
from bench.report.text import error, escaped, significant, target
from bench.stats import difference


def verdict(table: Table) -> str:
    """The row that was first at each target, and the most accurate one."""
    told = [_for_speed(table.lines, goals_of(table)), _for_accuracy(table.lines)]
    return " ".join(sentence for sentence in told if sentence) or "No run has figures yet."


def _for_speed(lines: Sequence[Line], goals: Sequence[float]) -> str:
    """A target that no row reached in the median of its runs is left out."""
    reached: dict[str, list[str]] = {}
    for goal in goals:
        if first := _first(lines, goal):
            seconds, line = first
            told = f"{target(goal)} ({significant(seconds)} s{_library(lines, goal, *first)})"
            reached.setdefault(escaped(line.name), []).append(told)
    uses = [f"{name} for {_listed(goals)}" for name, goals in reached.items()]
    needed = "**Where time counts**, by the validation RMSE you need, use"
    return f"{needed} {'; '.join(uses)}." if uses else ""


def _library(lines: Sequence[Line], goal: float, seconds: float, line: Line) -> str:
    """What the first library took where a row of ours was first; nothing where there is none."""
    libraries = [each for each in lines if each.row.is_peer]
    if line.row.is_peer or not libraries:
        return ""
    first = _first(libraries, goal)
    if first is None:
        return ", where no library got"
    factor = significant(first[0] / seconds, 2)
    return f", {factor} times sooner than {escaped(first[1].name)}"


def _first(lines: Sequence[Line], goal: float) -> tuple[float, Line] | None:
    """Who was first at a target, in the median of the runs, and when."""
    times = [(made.median(goal), line) for line in lines if (made := progress(line.runs, [goal]))]
    first = min(times, key=lambda time: time[0], default=None)
    return first if first and math.isfinite(first[0]) else None


def _for_accuracy(lines: Sequence[Line]) -> str:
    scored = [(made, line) for line in lines if (made := mean(line.runs, rmse))]
    if not scored:
        return ""
    best, most_accurate = min(scored, key=lambda each: each[0].value)
    level = [
        _timed(line)
        for _, line in scored
        if line is not most_accurate and _within_noise(line, most_accurate)
    ]
    told = f"**Where accuracy counts**, use {_timed(most_accurate)}: test RMSE {error(best)}"
    return f"{told}; no difference beyond noise from {_listed(level)}." if level else f"{told}."


def _timed(line: Line) -> str:
    fit = median(line.runs, fit_s)
    return f"{escaped(line.name)} ({significant(fit.value)} s)" if fit else escaped(line.name)


def _within_noise(a: Line, b: Line) -> bool:
    interval = difference(by_seed(a.runs, rmse), by_seed(b.runs, rmse)).interval
    return interval.level is not None and not interval.excludes(0)


def _listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
