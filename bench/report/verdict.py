"""What a table comes to, in a sentence or two."""

from __future__ import annotations

import math

from bench.report.figures import by_seed, mean, progress, rmse, targets
from bench.report.rows import Runs, Table
from bench.report.text import error, escaped, significant, target
from bench.stats import difference


def verdict(table: Table) -> str:
    """Which row is the most accurate, and which reached the hardest target first."""
    lines = [
        (escaped(row.label) + (f" on {kind}" if len(table.kinds) > 1 else ""), runs)
        for row in table.rows
        for kind, runs in row.runs.items()
    ]
    told = [_most_accurate(lines), _first_to_target(lines, targets(table))]
    return " ".join(sentence for sentence in told if sentence) or "No run has figures yet."


def _most_accurate(lines: list[tuple[str, Runs]]) -> str:
    scored = [(made, name, runs) for name, runs in lines if (made := mean(runs, rmse))]
    if not scored:
        return ""
    best, name, runs = min(scored, key=lambda line: line[0].value)
    told = f"Most accurate: {name}, test RMSE {error(best)}"
    level = [
        other
        for _, other, others in scored
        if other != name and _within_noise(by_seed(others, rmse), by_seed(runs, rmse))
    ]
    return f"{told}; no difference beyond noise from {', '.join(level)}." if level else f"{told}."


def _within_noise(a: dict[int, float], b: dict[int, float]) -> bool:
    interval = difference(a, b).interval
    return interval.level is not None and not interval.excludes(0)


def _first_to_target(lines: list[tuple[str, Runs]], goals: list[float]) -> str:
    """The hardest target that any row reached in the median of its runs."""
    for goal in reversed(goals):
        times = [
            (made.median(goal), name) for name, runs in lines if (made := progress(runs, goals))
        ]
        seconds, name = min(times, default=(math.inf, ""))
        if math.isfinite(seconds):
            return (
                f"First to validation RMSE {target(goal)}: {name}, "
                f"after {significant(seconds)} s of training."
            )
    return ""
