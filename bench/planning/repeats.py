"""Which rows are repeated once more: those whose times are not known precisely enough yet.

A repeat is another seed, which changes the split and the start. Each block of repeats holds every
row that is still open once, in a random order, so that rows are timed close together.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bench.planning.plan import BASELINE, Cell, in_turn
from bench.records import Record
from bench.stats import median_interval
from datasets.splits import folds

MOST = 100
"""Repeats of a row, whatever its budget."""

FEWEST = 6
"""Runs; fewer have no interval of a median."""

Done = tuple[Cell, Record]


@dataclass(frozen=True)
class Precision:
    """When a row has been repeated often enough.

    half_width  of the 95 % interval of the fit time and of the time to each goal, as a share of
                the time
    budget_s    seconds that the cells of a row may take, all its repeats together; without the
                warm-up, in which compilers may fill their caches once
    """

    half_width: float
    budget_s: float

    def __str__(self) -> str:
        return f"±{100 * self.half_width:g} % or {self.budget_s:g} s a row"


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
    open_rows = [row for row in rows.values() if _is_open([r for _, r in row], wanted)]
    # What such a row reaches is the goal of all others, for each seed anew.
    needed = {_place(cell) for [(cell, _), *_] in open_rows if not cell.facts.goals}
    setters = [
        row
        for row in rows.values()
        for [(cell, _), *_] in [row]
        if cell.request.implementation == BASELINE and _place(cell) in needed
    ]
    again = [*open_rows, *(row for row in setters if row not in open_rows)]
    cells = [_with_next_seed([cell for cell, _ in row]) for row in again]
    random.Random(len(rows) + sum(map(len, rows.values()))).shuffle(cells)
    return sorted(cells, key=in_turn)


def row_of(record: Record) -> str:
    """What the records of one row have in common: all but the seed, and what came of it. Read back
    from the store, too, where tuples have become lists."""
    cell, data = record.cell, record.data
    values = json.dumps(cell.hyperparameters, sort_keys=True)
    of_row = (cell.implementation, cell.preset, values, cell.device, cell.threads)
    of_data = (cell.dataset, data.fingerprint, data.split_digest, cell.split)
    return repr((*of_row, *of_data, record.environment.machine))


def imprecise(records: Iterable[Record], wanted: Precision) -> list[str]:
    """The rows whose times are not as precise as wanted, each with how precise they are."""
    rows: dict[str, dict[int, Record]] = {}
    for record in records:
        rows.setdefault(row_of(record), {})[record.cell.seed] = record
    found = []
    for of_row in rows.values():
        name, ran = next(iter(of_row.values())).cell.implementation, list(of_row.values())
        if all(record.status == "ok" and record.times for record in ran):
            reached = precision(ran)
            if reached > wanted.half_width:
                runs = f"{len(ran)} run{'s' * (len(ran) > 1)}"
                missed = ", a goal missed in some" if len(ran) >= FEWEST else ""
                half = f"±{100 * reached:.0f} % after {runs}"
                half = half if reached < math.inf else f"{runs}{missed}"
                found.append(f"{name} ({half})")
    return found


def precision(records: Sequence[Record]) -> float:
    """The widest of the half widths of the row's times, as a share of each; ∞ where one has no
    interval, which takes six runs."""
    return max(map(_half_width, _times(records)), default=math.inf)


def _times(records: Sequence[Record]) -> list[list[float]]:
    """Fit times, and times to each goal that a run reached; ∞ for a run that did not."""
    fit = [record.times.fit_s for record in records if record.times]
    goals = [
        [math.inf if goal.seconds is None else goal.seconds for goal in of_one_goal]
        for of_one_goal in zip(*(record.goals for record in records), strict=False)
    ]
    return [fit, *(times for times in goals if min(times) < math.inf)]


def _half_width(times: Sequence[float]) -> float:
    interval = median_interval(times)
    if interval.level is None or not math.isfinite(interval.high):
        return math.inf
    return interval.half / interval.value if interval.value > 0 else 0.0


def _is_open(records: Sequence[Record], wanted: Precision) -> bool:
    if any(record.status != "ok" or record.times is None for record in records):
        return False
    spent_s = sum(r.times.wall_s - r.times.warmup_s for r in records if r.times)
    n, most = len(records), folds(records[0].cell.split) or MOST
    if n >= most or spent_s * (n + 1) / n > wanted.budget_s:
        return False
    return precision(records) > wanted.half_width


def _with_next_seed(cells: Sequence[Cell]) -> Cell:
    last = max(cells, key=lambda cell: cell.request.seed)
    return replace(last, request=last.request.model_copy(update={"seed": last.request.seed + 1}))


def _row(cell: Cell) -> str:
    """What the repeats of one row share."""
    return f"{cell.class_path} {cell.request.model_copy(update={'seed': 0})!r}"


def _place(cell: Cell) -> tuple[str, str]:
    return cell.request.dataset, cell.request.split
