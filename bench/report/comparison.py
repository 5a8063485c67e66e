"""Two rows against each other, in sentences."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

from bench.records import Record
from bench.report.formats import goal_rmse, plural, signed, title, with_interval
from bench.report.grouping import tables
from bench.report.metrics import by_seed, fit_s, goals_of, rmse, seconds_to
from bench.report.rows import Line, Row, Runs, Table, device_kind
from bench.stats import Comparison, Interval, difference, ratio


def compare(
    records: Iterable[Record],
    a: str,
    b: str,
    dataset: str | None = None,
    machine: str | None = None,
    here: str | None = None,
) -> str:
    """Which of two rows is faster and which more accurate, a paragraph per table.

    a, b     `implementation[:preset][@device]`, or a row's label as the tables show it
    dataset  a dataset's name, or the name or path of its file; None: every one
    machine  a machine's id; None: that of `here`, if it has both rows, else every one

    Raises ValueError where no table has both, with the datasets, machines or rows that there are
    or with the rows among which a selector does not decide.
    """
    every = tables(records)
    of_dataset = [table for table in every if dataset is None or _is_called(table, dataset)]
    if every and not of_dataset:
        titles = dict.fromkeys(table.title for table in every)
        raise ValueError(f"'{dataset}' is not in the records; there are {', '.join(titles)}")
    chosen = [table for table in of_dataset if machine in (None, table.machine)]
    if of_dataset and not chosen:
        machines = ", ".join(dict.fromkeys(table.machine for table in of_dataset))
        of = f" of {dataset}" if dataset else ""
        raise ValueError(f"no records{of} are of machine '{machine}'; there are {machines}")
    paragraphs: list[tuple[str, str]] = []
    undecided: list[str] = []
    for table in chosen:
        try:
            left, right = _find(table, a), _find(table, b)
        except _SeveralRowsError as error:
            undecided.append(str(error))
            continue
        if left and right:
            paragraphs.append((table.machine, _paragraph(table, left, right)))
    if not paragraphs:
        neither = f"no table has both '{a}' and '{b}'{_listing(chosen)}"
        raise ValueError(undecided[0] if undecided else neither)
    own = [text for machine, text in paragraphs if machine == here]
    return "\n\n".join(own or [text for _, text in paragraphs])


class _SeveralRowsError(Exception):
    """A selector could be several rows of one table."""


def _find(table: Table, selector: str) -> Line | None:
    """The row on one device that `selector` names; the CPU's where it names no device.

    Of several rows of one name, those that no suite shortened, and of these that with the most
    runs. Raises _SeveralRowsError where that leaves more than one.
    """
    name, at, device = selector.rpartition("@")
    name = name if at else selector
    matches = [row.label for row in table.rows if row.label == name]
    if not matches and (namesakes := [row for row in table.rows if row.name == name]):
        most = max(map(_whole_fits, namesakes))
        matches = [row.label for row in namesakes if _whole_fits(row) == most]
    if len(matches) > 1:
        labels = ", ".join(f"'{label}'" for label in matches)
        message = f"'{selector}' is several rows of {_where(table)}; name one: {labels}"
        raise _SeveralRowsError(message)
    for line in table.lines:
        if line.row.label in matches and (not at or line.kind == device_kind(device)):
            on = "" if line.kind == "CPU" else f"@{line.kind.lower()}"
            return line._replace(name=f"{line.row.label}{on}")
    return None


def _whole_fits(row: Row) -> int:
    """How many of its runs no suite shortened."""
    return sum(
        record.cell.shortened_to is None for runs in row.runs.values() for record in runs.scored
    )


def _paragraph(table: Table, a: Line, b: Line) -> str:
    sentences = [
        f"{side.name} has no figures on {_where(table)} ({'; '.join(side.runs.remarks)})."
        for side in (a, b)
        if not side.runs.scored
    ]
    notes = dict.fromkeys(record.data.note for record in table.records if record.data.note)
    return " ".join([*(sentences or _of_different_runs(table, a, b)), *notes])


def _of_different_runs(table: Table, a: Line, b: Line) -> list[str]:
    """A comparison by the runs that are not one run under two names."""
    runs = {record.run for record in a.runs.scored} & {record.run for record in b.runs.scored}
    if not runs:
        return _sentences(table, a, b)
    why = "their code, data and settings are the same"
    left, right = (_without(side, runs) for side in (a, b))
    if not (left.runs.scored and right.runs.scored):
        return [
            f"{a.name} and {b.name} are the same runs on {_where(table)}, since {why}: there is no "
            "difference between them."
        ]
    seeds = sorted(record.cell.seed for record in a.runs.scored if record.run in runs)
    which = f"Seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    same = f"{which}: the same runs under both names, since {why}; left out here."
    return [*_sentences(table, left, right), same]


def _without(side: Line, runs: Collection[tuple[str, str]]) -> Line:
    return side._replace(runs=Runs(tuple(r for r in side.runs.records if r.run not in runs)))


def _sentences(table: Table, a: Line, b: Line) -> list[str]:
    fast, slow, speed = _in_order(a, b, *(by_seed(side.runs, fit_s) for side in (a, b)))
    where = _where(table, _seeds(a, b, speed))
    gain = difference(by_seed(slow.runs, rmse), by_seed(fast.runs, rmse)).interval
    sentences = [
        f"No difference in fit time beyond noise between {fast.name} and {slow.name} on "
        f"{where}: a ratio of {with_interval(speed.interval)}."
        if _may_be(1, speed.interval)
        else f"{fast.name} ran {with_interval(speed.interval)} times faster than {slow.name} on "
        f"{where}.",
        _more_accurate(fast, gain),
        *(_sooner(fast, slow, goal) for goal in goals_of(table)),
    ]
    if speed.interval.level is None:
        once = "In one run of each, which has no interval (run both with `--seeds 3` or more):"
        sentences.insert(0, once)
    for side in (fast, slow):
        late = sum(record.status == "timeout" for record in side.runs.scored)
        if late:
            of = f"{late} of {plural(len(side.runs.scored), 'run')}"
            sentences.append(f"{side.name} was stopped by its time limit in {of}.")
    return [sentence for sentence in sentences if sentence]


def _in_order(
    a: Line, b: Line, seconds_a: Mapping[int, float], seconds_b: Mapping[int, float]
) -> tuple[Line, Line, Comparison]:
    """The faster side, the slower one, and how many times faster it was."""
    speed = ratio(seconds_b, seconds_a)
    return (a, b, speed) if speed.interval.value >= 1 else (b, a, ratio(seconds_a, seconds_b))


def _more_accurate(side: Line, gain: Interval) -> str:
    """`gain`: the other side's RMSE less this side's."""
    margin = f" ± {gain.half:.4f}" if gain.level is not None else ""
    if _may_be(0, gain):
        return f"No difference in RMSE beyond noise ({side.name}: {signed(-gain.value)}{margin})."
    if f"{abs(gain.value):.4f}" == "0.0000":
        return "No difference in RMSE to four decimals."
    more = "more" if gain.value > 0 else "less"
    return f"{side.name} is {more} accurate by {abs(gain.value):.4f}{margin} RMSE."


def _sooner(a: Line, b: Line, goal: float) -> str:
    """Which side's validation RMSE reached a goal sooner; "" where a side left no curve.

    A ratio needs a time from every run: left out, a miss would count for nothing.
    """
    taken = [
        by_seed(side.runs, lambda record: seconds_to(record, goal) if record.curve else None)
        for side in (a, b)
    ]
    if not all(taken):
        return ""
    hits = [sum(map(math.isfinite, seconds.values())) for seconds in taken]
    if not any(hits):
        return f"Neither reached {goal_rmse(goal)} on validation."
    if hits != [len(seconds) for seconds in taken]:
        counts = [
            f"{side.name} in {some} of {plural(len(seconds), 'run')}"
            for side, some, seconds in zip((a, b), hits, taken, strict=True)
        ]
        return f"{goal_rmse(goal)} on validation was reached by {' and by '.join(counts)}."
    sooner, _, speed = _in_order(a, b, *taken)
    times = with_interval(speed.interval)
    if _may_be(1, speed.interval):
        return (
            f"No difference beyond noise in the time to {goal_rmse(goal)} on validation: "
            f"a ratio of {times}."
        )
    return f"{sooner.name} reached {goal_rmse(goal)} on validation {times} times sooner."


def _may_be(value: float, interval: Interval) -> bool:
    """Whether there is an interval, and it includes `value`."""
    return interval.level is not None and not interval.excludes(value)


def _seeds(a: Line, b: Line, speed: Comparison) -> str:
    if speed.pairs:
        return plural(speed.pairs, "paired seed")
    return f"{len(a.runs.scored)} and {plural(len(b.runs.scored), 'seed')}, unpaired"


def _where(table: Table, seeds: str = "") -> str:
    parts = [table.split, seeds, f"machine {table.machine}"]
    return f"{table.title} ({', '.join(filter(None, parts))})"


def _is_called(table: Table, dataset: str) -> bool:
    """By its title, by a name of the records, or by the last part of one."""
    names = (table.dataset, *table.also)
    paths = map(os.path.normpath, (*names, *map(title, names)))
    return dataset == table.title or os.path.normpath(dataset) in paths


def _listing(among: Sequence[Table]) -> str:
    if not among:
        return ": nothing is recorded yet"
    names = {row.name: None for table in among for row in table.rows}
    return f"; there are {', '.join(names)}"
