"""Which rows are repeated once more: those whose times are not known precisely enough yet.

A repeat is another seed, which changes the split and the start. Some seeds run again: their times
differ by the machine alone. Each block of repeats holds every row that is still open once, in a
random order, so that rows are timed close together.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from operator import attrgetter

from bench.planning.plan import BASELINE, Cell
from bench.records import UNRUN, CellRecord, Record, mean_by_seed
from bench.stats import DECIDES, LEVEL, median_interval
from datasets.splits import folds

MOST = 100
"""Repeats of a row, whatever its budget."""

FEWEST = 6
"""Seeds; fewer have no interval of a median."""

AGAIN = 3
"""Seeds that run again of a row that `FEWEST` of them left imprecise: what the machine adds to a
time is known then, by its order of magnitude."""

LEEWAY = 1.25
"""By how much the fewest seeds may exceed the budget: the runs so far, of which there may be one,
say what they cost to about a quarter."""

AFTER_DISTURBED = 2
"""How often a seed may run again for a disturbance."""

_OF_ROW = attrgetter(
    *(each.name for each in fields(CellRecord) if each.name not in ("seed", "again"))
)

Done = tuple[Cell, Record]


@dataclass(frozen=True)
class Precision:
    """When a row has been repeated often enough.

    half_width  of the 95 % interval of the fit time and of the time to each goal, as a share of
                the time
    budget_s    seconds that the cells of a row may take, all its repeats together, and its fewest
                seeds `LEEWAY` times that; without the warm-up, in which compilers may fill their
                caches once
    """

    half_width: float
    budget_s: float

    def __str__(self) -> str:
        return f"{self.share} or {self.budget_s:g} s a row"

    @property
    def share(self) -> str:
        """`±5 %`"""
        return f"±{100 * self.half_width:g} %"


def followed(
    cells: Sequence[Cell], record_of: Callable[[Cell], Record | None], wanted: Precision | None
) -> list[Cell]:
    """The cells and, as far as all before them have a record, the repeats that come next."""
    every: list[Cell] = []
    done: list[Done] = []
    block = list(cells)
    while block:
        every += block
        found = [(cell, record) for cell in block if (record := record_of(cell))]
        if len(found) < len(block):
            break
        done += found
        block = next_repeats(done, wanted)
    return every


def next_repeats(done: Iterable[Done], wanted: Precision | None) -> list[Cell]:
    """The next block of repeats; none where every row is precise enough or has had its budget.

    done  every cell that ran, and its record
    """
    if wanted is None:
        return []
    rows: dict[str, list[Done]] = {}
    for cell, record in done:
        rows.setdefault(_row(cell), []).append((cell, record))
    cells = [
        _run_of(row[0][0], *next_)
        for row in rows.values()
        if (next_ := _next([record for _, record in row], wanted))
    ]
    # What the row that sets the goal reaches is the goal of all others, for each seed anew.
    needed = dict.fromkeys((_place(c), c.request.seed) for c in cells if not c.facts.goals)
    for setter in [row[0][0] for row in rows.values() if _sets_goals(row[0][0])]:
        there = [*(cell for cell, _ in rows[_row(setter)]), *cells]
        seeds = {cell.request.seed for cell in there if _row(cell) == _row(setter)}
        cells += [
            _run_of(setter, seed)
            for place, seed in needed
            if place == _place(setter) and seed not in seeds
        ]
    random.Random(len(rows) + sum(map(len, rows.values()))).shuffle(cells)
    return sorted(cells, key=lambda cell: not _sets_goals(cell))


def row_of(record: Record) -> str:
    """What the records of one row have in common: all but the seed, and what came of it. Read back
    from the store, too, where tuples have become lists."""
    cell, data = record.cell, record.data
    values = json.dumps(cell.hyperparameters, sort_keys=True)
    of_row = (cell.implementation, cell.preset, values, cell.device, cell.threads, cell.pinned)
    of_data = (cell.dataset, data.fingerprint, data.split_digest, cell.split)
    return repr((*of_row, *of_data, record.environment.machine))


def imprecise(rows: Mapping[str, Sequence[Record]], wanted: Precision) -> list[str]:
    """The rows whose times are not as precise as wanted, each with how precise they are.

    rows  what a row is called -> its records that count
    """
    of_runs = {
        name: [record for record in ran if record.status not in UNRUN] for name, ran in rows.items()
    }
    return [
        f"{name} ({_how_precise(ran)})"
        for name, ran in of_runs.items()
        if ran
        and all(record.status == "ok" and record.times for record in ran)
        and precision(ran) > wanted.half_width
    ]


def _how_precise(ran: Sequence[Record]) -> str:
    """By the intervals that pages show, or why there are none."""
    n_seeds = len({record.cell.seed for record in ran})
    runs = f"{len(ran)} run{'s' * (len(ran) > 1)}"
    if (reached := precision(ran, LEVEL)) < math.inf:
        return f"±{100 * reached:.0f} % after {runs}"
    if n_seeds >= FEWEST:
        return f"{runs}, a goal missed in some"
    return runs if n_seeds == len(ran) else f"{runs} of {n_seeds} seeds"


def precision(records: Sequence[Record], level: float = DECIDES) -> float:
    """The widest of the half widths of the row's times, as a share of each; ∞ where one has no
    interval, which takes six seeds."""
    return max((_half_width(times, level) for times in _times(records)), default=math.inf)


def _times(records: Sequence[Record]) -> list[list[float]]:
    """Of each seed: fit times, and times to each goal that most seeds reached; ∞ for one that did
    not. Where half of them missed a goal, no number of runs makes its time known."""
    fit = mean_by_seed(records, lambda record: record.times.fit_s if record.times else None)
    of_goals = [
        mean_by_seed(records, partial(_seconds_to, number))
        for number in range(max(len(record.goals) for record in records))
    ]
    reached = [times for times in of_goals if statistics.median(times.values()) < math.inf]
    return [[*times.values()] for times in (fit, *reached)]


def _seconds_to(number: int, record: Record) -> float | None:
    """To one of the record's goals; ∞ for a miss."""
    if number >= len(record.goals):
        return None
    seconds = record.goals[number].seconds
    return math.inf if seconds is None else seconds


def _half_width(times: Sequence[float], level: float) -> float:
    interval = median_interval(times, level)
    if interval.level is None or not math.isfinite(interval.high):
        return math.inf
    return interval.half / interval.value if interval.value > 0 else 0.0


def _next(records: Sequence[Record], wanted: Precision) -> tuple[int, int] | None:
    """The seed that a row runs next, and how often it ran before; None where that is enough, and
    where the row does not end well."""
    if any(record.status != "ok" or record.times is None for record in records):
        return None
    spent_s = sum(r.times.wall_s - r.times.warmup_s for r in records if r.times)
    n, most = len(records), folds(records[0].cell.split) or MOST
    runs = Counter(record.cell.seed for record in records)
    fewest = min(FEWEST, most)
    # Fewer seeds than `FEWEST` have no interval: a row that cannot have them in time has no more.
    missing = fewest - len(runs)
    budget_s = wanted.budget_s * (LEEWAY if missing > 0 else 1)
    if n >= MOST or spent_s / n * (n + max(1, missing)) > budget_s:
        return None
    newest = {record.cell.seed: record for record in sorted(records, key=lambda r: r.cell.again)}
    if len(runs) < fewest:
        return max(runs) + 1, 0
    # Where most runs are disturbed the machine is busy, and another run is no better.
    if sum(bool(record.disturbed) for record in records) <= n / 2:
        for seed, record in sorted(newest.items()):
            if record.disturbed and runs[seed] <= AFTER_DISTURBED:
                return seed, runs[seed]
    if precision(records) <= wanted.half_width:
        return None
    if sum(times > 1 for times in runs.values()) < min(AGAIN, len(runs)):
        return min(seed for seed, times in runs.items() if times == 1), 1
    return (max(runs) + 1, 0) if len(runs) < most else None


def _row(cell: Cell) -> str:
    """What the repeats of one row share."""
    return f"{cell.class_path} {_OF_ROW(cell.request)}"


def _sets_goals(cell: Cell) -> bool:
    return not cell.facts.goals and cell.request.implementation == BASELINE


def _run_of(cell: Cell, seed: int, again: int = 0) -> Cell:
    request = cell.request.model_copy(update={"seed": seed, "again": again})
    return replace(cell, request=request)


def _place(cell: Cell) -> tuple[str, str]:
    return cell.request.dataset, cell.request.split
