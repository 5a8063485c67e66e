"""A table, its rows, and the runs behind a row."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from bench.records import Record, mean_by_seed
from bench.report.formats import plural
from bench.stats import Interval
from datasets.splits import folds
from impls.registry import IMPLEMENTATIONS

STILL_IMPROVING = "still improving when its epochs ended"


@dataclass(frozen=True)
class Runs:
    """What counts of one row on one kind of device: a record of each run, in seed order.

    A seed that ran again counts once, with the mean of its runs.
    """

    records: tuple[Record, ...]

    @cached_property
    def scored(self) -> list[Record]:
        """The runs with figures: those that ended well, or ran into the time limit."""
        return [r for r in self.records if r.metrics and r.times and r.status in ("ok", "timeout")]

    @cached_property
    def with_curve(self) -> list[Record]:
        """The runs that were validated in training; a killed one may have no score."""
        return [r for r in self.records if r.curve and r.status in ("ok", "timeout")]

    @cached_property
    def lowest(self) -> list[float]:
        """The lowest validation RMSE of each seed with a curve."""
        return list(mean_by_seed(self.with_curve, lowest_rmse).values())

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds that have figures, in order."""
        return sorted({record.cell.seed for record in self.scored})

    @property
    def n_seeds(self) -> int:
        """How many seeds have figures."""
        return len(self.seeds)

    @property
    def any_ok(self) -> bool:
        return any(record.status == "ok" for record in self.records)

    @property
    def epoch_budgets(self) -> bool:
        """Whether a fit cannot be interrupted, so that every point of a curve is a fit."""
        return any(record.epoch_budgets for record in self.records)

    @property
    def status(self) -> str:
        """`ok`, or `2 of 3 ok` where seeds were repeated and at least one ended well.

        Of a cross-validation `4 of 5 folds ok`, those that never ran among the five.
        """
        k = folds(self.records[0].cell.split)
        # A fold that ran again is still one.
        counted = [record for record in self.records if not (k and record.cell.again)]
        statuses = Counter(record.status for record in counted)
        repeats = max(len(counted), k or 1)
        if repeats > 1 and (statuses["ok"] or len(statuses) > 1):
            return f"{statuses['ok']} of {repeats} {'folds ' if k else ''}ok"
        return self.records[0].status

    @property
    def remarks(self) -> list[str]:
        """Each reason why a run is not `ok`, and each doubt about one that is; no repeats. What
        disturbed runs is one remark, with their number; that they were pinned is
        another, and that most of them still improved when they ended."""
        found = []
        for record in self.records:
            if record.status != "ok":
                reason = " ".join(record.reason.split())
                found.append(f"{record.status}: {reason}" if reason else record.status)
            found.extend(record.metrics.flags if record.metrics else [])
        found.extend(disturbances(self.records))
        if any(record.cell.pinned for record in self.records):
            found.append("pinned to one core")
        if 2 * sum(map(still_improving, self.records)) > len(self.records):
            found.append(STILL_IMPROVING)
        return list(dict.fromkeys(found))

    def values(self, figure: Callable[[Record], float | None]) -> list[float]:
        """`figure` of each seed whose scored runs have it."""
        return list(mean_by_seed(self.scored, figure).values())

    def interval(
        self,
        summary: Callable[[list[float]], Interval],
        figure: Callable[[Record], float | None],
    ) -> Interval | None:
        """`summary` of the values, computed once; None where no scored run has the figure."""
        if (summary, figure) not in self._intervals:
            values = self.values(figure)
            self._intervals[summary, figure] = summary(values) if values else None
        return self._intervals[summary, figure]

    @cached_property
    def _intervals(self) -> dict[tuple[object, object], Interval | None]:
        return {}

    def middle(self, figure: Callable[[Record], float | None]) -> float | None:
        """The median over the runs that have `figure`, scored or not."""
        values = [value for record in self.records if (value := figure(record)) is not None]
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Row:
    """One implementation at fixed hyperparameters and threads. `runs`: device kind -> runs.

    pinned  whether its runs were kept on one core
    """

    implementation: str
    preset: str
    hyperparameters: dict[str, object]
    threads: int
    model: str
    runs: dict[str, Runs]
    label: str = ""
    pinned: bool = False

    @property
    def settings(self) -> dict[str, object]:
        """What distinguishes it from rows of its name."""
        return {**self.hyperparameters, "threads": self.threads, "pinned": self.pinned}

    @property
    def name(self) -> str:
        """The implementation, with its preset unless that is the default."""
        default = self.preset == "default"
        return self.implementation if default else f"{self.implementation}:{self.preset}"

    @property
    def is_third_party(self) -> bool:
        """Whether it is a third-party library, and not a built-in implementation."""
        return self.implementation.startswith("peer:")

    @property
    def is_built_in(self) -> bool:
        """Whether it is neither a third-party library nor somebody's own file or plugin."""
        return self.implementation in IMPLEMENTATIONS and not self.is_third_party


class Line(NamedTuple):
    """A row on one kind of device. `place` is the row's in its table, and decides its look; `name`
    is what it is called, on pages, on the terminal and for `bench compare`."""

    place: int
    row: Row
    kind: str
    name: str
    runs: Runs


@dataclass(frozen=True)
class Table:
    """Rows that may stand together: one dataset, one split, one machine.

    title  what the dataset is called on pages, as no other dataset of the records is
    also   other names under which its ratings were recorded
    peeks  rows of the same split that read its test part in training (`datasets.splits.PEEK`): for
           the page of published numbers, and for nothing else that is made of a table
    """

    dataset: str
    split: str
    machine: str
    rows: tuple[Row, ...]
    title: str
    also: tuple[str, ...] = ()
    peeks: tuple[Row, ...] = ()

    @cached_property
    def records(self) -> list[Record]:
        """Every record that counts, oldest first."""
        runs = [runs for row in self.rows for runs in row.runs.values()]
        return sorted((r for some in runs for r in some.records), key=lambda r: r.started_at)

    @property
    def newest(self) -> Record:
        """Not one that was lost, but where all were."""
        found = (record for record in reversed(self.records) if record.status != "lost")
        return next(found, self.records[-1])

    @cached_property
    def lines(self) -> list[Line]:
        """Each row on each kind of device that it has a record for."""
        several = len(self.kinds) > 1
        return [
            Line(place, row, kind, f"{row.label}@{kind.lower()}" if several else row.label, runs)
            for place, row in enumerate(self.rows)
            for kind in self.kinds
            if (runs := row.runs.get(kind))
        ]

    @property
    def with_figures(self) -> int:
        """How many rows have figures."""
        return sum(any(runs.scored for runs in row.runs.values()) for row in self.rows)

    @cached_property
    def has_repeats(self) -> bool:
        """Whether a row has several runs, so that differences have intervals."""
        return any(line.runs.n_seeds > 1 for line in self.lines)

    @property
    def of_one_run(self) -> list[Line]:
        """The lines that have no interval, where others have one."""
        return [line for line in self.lines if self.has_repeats and line.runs.n_seeds == 1]

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of device that have a record, CPU first."""
        kinds = {kind for row in self.rows for kind in row.runs}
        return sorted(kinds, key=lambda kind: (kind != "CPU", kind))


def lowest_rmse(record: Record) -> float:
    """On validation, of a run with a curve."""
    return min(point.rmse for point in record.curve)


def disturbances(records: Sequence[Record]) -> list[str]:
    """A remark on what made their times too high; none where nothing is known against them."""
    disturbed = [record.disturbed for record in records if record.disturbed]
    of = f"{len(disturbed)} of {plural(len(records), 'run')}"
    return [f"disturbed, {of}, such as: {disturbed[0]}"] if disturbed else []


def still_improving(record: Record) -> bool:
    """Whether a fit came to its last epoch, and that was its best: more might have been better.
    Not of one that a rule or a suite ended early."""
    early = record.cell.rules.get("until_rmse") or record.cell.shortened_to
    if record.status != "ok" or len(record.curve) < 2 or early:
        return False
    return min(record.curve, key=attrgetter("rmse")).epoch == record.curve[-1].epoch


def device_kind(device: str) -> str:
    """`CPU` or `CUDA`, whatever the device's number."""
    return device.partition(":")[0].upper()
