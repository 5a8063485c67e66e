"""The same cell on the CPU and on CUDA of one machine: each pair, and how the speed-up goes with
the number of ratings and the batch size."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from bench.records import UNRUN, Record, mean_by_seed
from bench.report.grouping import grouped, labelled
from bench.report.growth import epoch_s
from bench.report.metrics import by_seed, rmse
from bench.report.rows import Row, Runs, Table
from bench.stats import Comparison, Interval, ratio

APART = ("batch_size", "epochs")
"""Hyperparameters that no label shows: one has a column of its own, and a median epoch takes as
long whatever the other is."""

WITHOUT_EFFECT_ON_CPU = ("step",)
"""Hyperparameters that change nothing there, so that one run is compared with each of them."""


@dataclass(frozen=True)
class Pair:
    """One cell on both devices, of each the runs with the seeds that both have.

    label  the implementation, and in what it differs from others of its name but for `APART`
    dataset  its title, as no other has
    batch  ratings of a step, or what else it takes by `batch_size`; None where it has no batches
    """

    implementation: str
    label: str
    batch: int | None
    dataset: str
    cpu: Runs
    cuda: Runs

    @property
    def n_ratings(self) -> int:
        return self.cpu.records[-1].data.n_ratings

    @cached_property
    def compared(self) -> Comparison | None:
        """How many times shorter an epoch is on CUDA; None where a side finished no epoch."""
        cpu, cuda = (
            mean_by_seed(runs.records, _positive_epoch_s) for runs in (self.cpu, self.cuda)
        )
        return ratio(cpu, cuda) if cpu and cuda else None

    @property
    def speedup(self) -> Interval | None:
        return self.compared.interval if self.compared else None

    @property
    def rmse_gap(self) -> float | None:
        """RMSE on CUDA less that on the CPU, of the seed with the largest gap; None where none
        ended well on both."""
        ended_well = (
            Runs(tuple(record for record in runs.records if record.status == "ok"))
            for runs in (self.cpu, self.cuda)
        )
        cpu, cuda = (by_seed(runs, rmse) for runs in ended_well)
        gaps = [cuda[seed] - cpu[seed] for seed in sorted(cpu.keys() & cuda.keys())]
        return max(gaps, key=abs, default=None)


@dataclass(frozen=True)
class Speedup:
    """The pairs of one machine and split, in the order of the registry."""

    machine: str
    split: str
    pairs: tuple[Pair, ...]

    @property
    def records(self) -> list[Record]:
        """Every record behind the pairs, oldest first."""
        runs = [runs for pair in self.pairs for runs in (pair.cpu, pair.cuda)]
        return sorted((r for some in runs for r in some.records), key=lambda r: r.started_at)


def speedups(tables: Iterable[Table]) -> list[Speedup]:
    """One for each machine and split with a pair that has a speed-up; the newest machine first."""
    places = grouped(tables, lambda table: (table.machine, table.split))
    found = [Speedup(*place, _pairs(some)) for place, some in places.items()]
    timed = [each for each in found if any(pair.speedup for pair in each.pairs)]
    return sorted(timed, key=lambda each: each.records[-1].started_at, reverse=True)


def _pairs(tables: Sequence[Table]) -> tuple[Pair, ...]:
    found = [
        (table.title, rows[0], *both)
        for table in tables
        for same_on_cpu in grouped(
            table.rows, partial(_cell, without=WITHOUT_EFFECT_ON_CPU)
        ).values()
        for rows in grouped(same_on_cpu, _cell).values()
        if (both := _on_both(same_on_cpu, rows))
    ]
    labels = _labels([row for _, row, *_ in found])
    order = list(dict.fromkeys(labels.values()))
    pairs = [
        Pair(row.implementation, labels[_cell(row, APART)], _batch(row), dataset, cpu, cuda)
        for dataset, row, cpu, cuda in found
    ]
    pairs.sort(key=lambda p: (order.index(p.label), p.batch or 0, p.n_ratings, p.dataset))
    return tuple(pairs)


def _cell(row: Row, without: Sequence[str] = ()) -> tuple[str, str, str]:
    """What the rows of one cell share: all but the number of threads, and what is left out."""
    settings = {n: value for n, value in row.hyperparameters.items() if n not in without}
    return row.implementation, row.preset, json.dumps(settings, sort_keys=True)


def _labels(rows: Iterable[Row]) -> dict[tuple[str, str, str], str]:
    """Cell without `APART` -> the label that tells it from the others, in their order."""
    alike = {_cell(row, APART): row for row in rows}
    bare = [
        replace(row, threads=0, hyperparameters=json.loads(settings))
        for (_, _, settings), row in alike.items()
    ]
    return {_cell(row): row.label for row in labelled(bare)}


def _positive_epoch_s(record: Record) -> float | None:
    """None for one that is not, as where somebody edited it: a ratio has no place for it."""
    seconds = epoch_s(record)
    return seconds if seconds and seconds > 0 else None


def _batch(row: Row) -> int | None:
    size = row.hyperparameters.get("batch_size")
    return size if isinstance(size, int) else None


def _on_both(same_on_cpu: Sequence[Row], rows: Sequence[Row]) -> tuple[Runs, Runs] | None:
    """A cell's runs on the CPU and on CUDA; None where no seed was tried on both."""
    cpu, cuda = _fastest(same_on_cpu, "CPU").records, _fastest(rows, "CUDA").records
    seeds = {record.cell.seed for record in cpu} & {record.cell.seed for record in cuda}
    a, b = (Runs(tuple(r for r in side if r.cell.seed in seeds)) for side in (cpu, cuda))
    return (a, b) if seeds else None


def _fastest(rows: Sequence[Row], kind: str) -> Runs:
    """What was tried on a kind of device, with the number of threads that was fastest."""
    tried = [
        Runs(tuple(record for record in row.runs[kind].records if record.status not in UNRUN))
        for row in rows
        if kind in row.runs
    ]
    return min(tried, key=lambda runs: runs.middle(epoch_s) or math.inf, default=Runs(()))


@dataclass(frozen=True)
class Curve:
    """The speed-up of one implementation at settings that stay the same, over a size.

    label   the pairs'; curves of one label look the same
    name    the label, with what else stays the same
    points  (size, how many times faster on CUDA), the smallest size first
    """

    implementation: str
    label: str
    name: str
    points: tuple[tuple[int, Comparison], ...]

    @property
    def sizes(self) -> list[int]:
        return sorted({size for size, _ in self.points})

    @property
    def pays_from(self) -> int | None:
        """The smallest size from which CUDA is faster and stays so; None if it never does.

        Faster beyond noise: one run has no interval, and does not count as faster.
        """
        slower = max(
            (size for size, it in self.points if not it.differs or it.interval.value <= 1),
            default=0,
        )
        return min((size for size in self.sizes if size > slower), default=None)


def over_ratings(speedup: Speedup) -> list[Curve]:
    """A curve over the number of ratings for each implementation that has a speed-up."""
    return _longest(speedup.pairs, _name_with_batch, lambda pair: pair.n_ratings)


def over_batches(speedup: Speedup) -> dict[str, list[Curve]]:
    """Dataset -> a curve over the batch size for each implementation with two sizes there."""
    batched = grouped((pair for pair in speedup.pairs if pair.batch), lambda pair: pair.dataset)
    panels = {}
    for dataset in sorted(batched, key=lambda dataset: batched[dataset][0].n_ratings):
        found = _longest(batched[dataset], lambda pair: pair.label, lambda pair: pair.batch or 0)
        if several := [curve for curve in found if len(curve.sizes) > 1]:
            panels[dataset] = several
    return panels


def _longest(
    pairs: Iterable[Pair], name: Callable[[Pair], str], size: Callable[[Pair], int]
) -> list[Curve]:
    """Of each implementation the curve with the most sizes, of pairs with the same `name`."""
    longest: dict[str, Curve] = {}
    for same, group in grouped(pairs, name).items():
        points = sorted(
            ((size(pair), pair.compared) for pair in group if pair.compared),
            key=lambda point: (point[0], point[1].interval.value),
        )
        curve = Curve(group[0].implementation, group[0].label, same, tuple(points))
        before = longest.setdefault(curve.implementation, curve)
        if len(curve.sizes) > len(before.sizes):
            longest[curve.implementation] = curve
    return [curve for curve in longest.values() if curve.points]


def _name_with_batch(pair: Pair) -> str:
    return f"{pair.label} batch_size={pair.batch}" if pair.batch else pair.label
