"""Where rows stand in fit time and accuracy, and which of them no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.metrics import fit_s, mean, median, rmse
from bench.report.rows import Line, Table


@dataclass(frozen=True)
class Place:
    """Median fit seconds and mean test RMSE of one row on one kind of device."""

    line: Line
    seconds: float
    rmse: float


def places(table: Table) -> list[Place]:
    """One for each row and kind of device that has figures."""
    return [
        Place(line, fit.value, error.value)
        for line in table.lines
        if (fit := median(line.runs, fit_s)) and (error := mean(line.runs, rmse))
    ]


def front(among: Sequence[Place]) -> list[Place]:
    """The Pareto front, fastest first: each more accurate than every one that is as fast."""
    ahead: list[Place] = []
    for place in sorted(among, key=lambda place: (place.seconds, place.rmse)):
        if not ahead or place.rmse < ahead[-1].rmse:
            ahead.append(place)
    return ahead
