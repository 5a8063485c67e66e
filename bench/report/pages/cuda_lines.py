"""How the speed-up of CUDA goes with a size, an implementation to a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.report.counting import grouped
from bench.report.speedup import Pair, Speedup
from bench.report.text import title


@dataclass(frozen=True)
class Line:
    """One implementation at settings that stay the same.

    style   its place on the page, which decides its look
    points  (size, times faster on CUDA), the smallest size first
    """

    implementation: str
    name: str
    style: int
    points: tuple[tuple[int, float], ...]

    @property
    def sizes(self) -> list[int]:
        return sorted({size for size, _ in self.points})

    @property
    def pays_from(self) -> int | None:
        """The smallest size from which CUDA is faster and stays so; None where there is none."""
        slower = max((size for size, times in self.points if times <= 1), default=0)
        return min((size for size in self.sizes if size > slower), default=None)


def over_ratings(speedup: Speedup) -> list[Line]:
    """A line over the number of ratings for each implementation that has a speed-up."""
    return _longest(speedup, speedup.pairs, _name_with_batch, lambda pair: pair.n_ratings)


def over_batches(speedup: Speedup) -> dict[str, list[Line]]:
    """Dataset -> a line over the batch size for each implementation with two sizes there."""
    batched = grouped((pair for pair in speedup.pairs if pair.batch), lambda pair: pair.dataset)
    smallest_first = sorted(batched, key=lambda dataset: batched[dataset][0].n_ratings)
    panels = {
        title(dataset): [
            line
            for line in _longest(
                speedup, batched[dataset], lambda pair: pair.label, lambda pair: pair.batch or 0
            )
            if len(line.sizes) > 1
        ]
        for dataset in smallest_first
    }
    return {dataset: lines for dataset, lines in panels.items() if lines}


def _longest(
    speedup: Speedup,
    pairs: Iterable[Pair],
    name: Callable[[Pair], str],
    size: Callable[[Pair], int],
) -> list[Line]:
    """Of each implementation the line with the most sizes, of pairs with the same `name`."""
    styles = {pair.implementation: None for pair in speedup.pairs}
    longest: dict[str, Line] = {}
    for same, group in grouped(pairs, name).items():
        points = sorted((size(pair), pair.speedup) for pair in group if pair.speedup)
        implementation = group[0].implementation
        line = Line(implementation, same, list(styles).index(implementation), tuple(points))
        before = longest.setdefault(implementation, line)
        if len(line.sizes) > len(before.sizes):
            longest[implementation] = line
    return [line for line in longest.values() if line.points]


def _name_with_batch(pair: Pair) -> str:
    return f"{pair.label} (batch {pair.batch:,})" if pair.batch else pair.label
