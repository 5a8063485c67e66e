"""How the figures of a row grow with the number of ratings of the synthetic datasets."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from bench.records import Record
from bench.report.grouping import by_row, grouped, labelled, newest_per_seed, row_of
from bench.report.metrics import Figure, part
from bench.report.rows import Runs
from bench.stats import Interval, power
from datasets.splits import PEEK
from datasets.synthetic import SHAPES


@dataclass(frozen=True)
class Trend:
    """One row on one kind of device. `runs`: number of ratings -> runs; `style`: its look."""

    label: str
    kind: str
    style: int
    runs: dict[int, Runs]

    def medians(self, figure: Figure) -> dict[int, float]:
        """Number of ratings -> median of a figure, of the sizes that have it."""
        middles = {size: runs.middle(figure) for size, runs in sorted(self.runs.items())}
        return {size: middle for size, middle in middles.items() if middle is not None}

    def exponent(self, figure: Figure) -> Interval | None:
        """Of the figure's growth; None where fewer than three sizes have it above zero."""
        points = {size: value for size, value in self.medians(figure).items() if value > 0}
        return power(points.keys(), points.values())


@dataclass(frozen=True)
class Growth:
    """Rows that ran alike on several sizes of synthetic dataset, on one machine and split.

    names  number of ratings -> the dataset's name, smallest first
    """

    machine: str
    split: str
    names: dict[int, str]
    trends: tuple[Trend, ...]
    records: tuple[Record, ...]


def growth(records: Iterable[Record]) -> list[Growth]:
    """One for each machine and split on which a row has two sizes; the newest machine first."""
    synthetic = sorted(
        (r for r in records if r.cell.dataset in SHAPES and not r.cell.split.startswith(PEEK)),
        key=lambda record: record.counts_from,
    )
    places = grouped(synthetic, lambda record: (record.environment.machine, record.cell.split))
    grown = [_growth(*place, group) for place, group in places.items()]
    found = [each for each in grown if each.trends]
    return sorted(found, key=lambda each: each.records[-1].started_at, reverse=True)


def _growth(machine: str, split: str, group: list[Record]) -> Growth:
    several = [records for records in by_row(group) if len({_size(r) for r in records}) > 1]
    trends = tuple(
        Trend(row.label, kind, style, _by_size(runs.records))
        for style, row in enumerate(labelled([row_of(records, tuple) for records in several]))
        for kind, runs in row.runs.items()
    )
    counting = [r for trend in trends for runs in trend.runs.values() for r in runs.records]
    names = {_size(record): record.cell.dataset for record in counting}
    counting.sort(key=lambda record: record.started_at)
    return Growth(machine, split, dict(sorted(names.items())), trends, tuple(counting))


def _by_size(records: Iterable[Record]) -> dict[int, Runs]:
    return {size: Runs(newest_per_seed(group)) for size, group in grouped(records, _size).items()}


def _size(record: Record) -> int:
    return record.data.n_ratings


def epoch_s(record: Record) -> float | None:
    """Median seconds of an epoch; of a run that was killed those of its curve, and of a model
    without epochs the whole fit. None where no epoch was finished."""
    if record.status not in ("ok", "timeout"):
        return None
    if record.times:
        return record.times.epoch_s or record.times.fit_s
    ends = [0.0, *(point.seconds for point in record.curve)]
    lengths = [end - start for start, end in itertools.pairwise(ends)]
    return statistics.median(lengths) if lengths else None


peak_bytes, base_bytes = part("memory", "host_peak_bytes"), part("memory", "host_base_bytes")


def grown_bytes(record: Record) -> float | None:
    """The peak less what interpreter, libraries and compiled code take at any size."""
    peak, base = peak_bytes(record), base_bytes(record)
    return None if peak is None or base is None else peak - base
