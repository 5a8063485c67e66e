"""The goal RMSEs of a dataset that has none in the catalog: the baseline's lowest is the goal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bench.planning.plan import BASELINE, Cell
from bench.records import Goal, Point, round_up


@dataclass
class Goals:
    """What the baseline reached on each split, as far as its cells ran or are recorded."""

    _known: dict[tuple[str, str, int], tuple[float, ...]] = field(default_factory=dict)

    def of(self, cell: Cell) -> tuple[float, ...]:
        """The catalog's, else the baseline's on the split of the cell; () where there are none."""
        return cell.facts.goals or self._known.get(_split_of(cell), ())

    def know(self, cell: Cell, goals: tuple[float, ...]) -> None:
        """Of the split of the cell, as the baseline reached them elsewhere."""
        self._known[_split_of(cell)] = goals

    def learn(self, cell: Cell, curve: Sequence[Point]) -> None:
        """Take the lowest RMSE of the curve as the goal where the cell is the baseline's."""
        if cell.request.implementation == BASELINE and curve:
            best = min(point.rmse for point in curve)
            self._known[_split_of(cell)] = (round_up(best),)


def reached(curve: Sequence[Point], goals: Collection[float]) -> list[Goal]:
    """Each goal with the seconds that the curve took to it; None for a miss."""
    return [Goal(rmse=rmse, seconds=_seconds_to(curve, rmse)) for rmse in goals]


def _seconds_to(curve: Sequence[Point], rmse: float) -> float | None:
    return next((point.seconds for point in curve if point.rmse <= rmse), None)


def _split_of(cell: Cell) -> tuple[str, str, int]:
    return cell.request.dataset, cell.request.split, cell.request.seed
