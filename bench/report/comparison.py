"""Two rows against each other, or one against itself, in sentences."""

from __future__ import annotations

import math
import os
import re
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.planning.presets import readings
from bench.records import Record, values_by_seed
from bench.report import ranking
from bench.report.formats import (
    MISSED,
    compared,
    goal_rmse,
    plural,
    signed,
    significant,
    title,
    with_interval,
    without_folder,
)
from bench.report.grouping import tables
from bench.report.metrics import (
    best_validation,
    by_seed,
    fit_s,
    goals_of,
    mean,
    median,
    rmse,
    seconds_on,
    seconds_to,
)
from bench.report.rows import Line, Row, Runs, Table, device_kind, lowest_rmse
from bench.report.sentences import more_repeats, repeat_of
from bench.stats import DECIDES, Comparison, difference, ratio
from datasets.printable import one_line

FEWEST_TO_HALVE = 4
"""Seeds of a row: each half has two, the fewest with an interval."""
NAMED_SEEDS = 3
"""Seeds of a half that are listed."""


class Finding(NamedTuple):
    """What a comparison says of one figure.

    figure   "fit time", "RMSE", or a goal RMSE as text
    differs  whether the sides differ beyond noise
    """

    figure: str
    text: str
    differs: bool


def compare(
    records: Iterable[Record],
    a: str,
    b: str,
    dataset: str | None = None,
    machine: str | None = None,
    here: str | None = None,
) -> str:
    """Which of two rows is faster and which more accurate, a paragraph per table.

    a, b     `implementation[:preset][@device]`, or a row's label as a page or the terminal shows
             it; where both are one row, its runs with every other seed against the others
    dataset  a dataset's name, or the name or path of its file; None: every one
    machine  a machine's id; None: that of `here`, if it has both rows, else every one

    Raises ValueError where no table has both, with the datasets, machines or rows that there are
    or with the rows among which a selector does not decide; and where one row has too few runs to
    be compared with itself.
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
            if left and right:
                paragraphs.append((table.machine, _paragraph(table, left, right)))
        except _UndecidedError as error:
            undecided.append(str(error))
    if not paragraphs:
        neither = f"no table has both '{a}' and '{b}'{_listing(chosen)}"
        raise ValueError(undecided[0] if undecided else neither)
    own = [text for machine, text in paragraphs if machine == here]
    return "\n\n".join(own or [text for _, text in paragraphs])


class _UndecidedError(Exception):
    """A selector could be several rows of one table, or its row has too few runs."""


def _find(table: Table, selector: str) -> Line | None:
    """The row on one device that `selector` names; the CPU's where it names no device.

    Of several rows of one name, those that no suite shortened, and of these that with the most
    runs. Raises _UndecidedError where that leaves more than one.
    """
    found = re.fullmatch(r"(.*?)(?:@(cpu|cuda)(?::\d+)?)?", selector, re.DOTALL | re.IGNORECASE)
    assert found is not None  # it matches any text
    name, device = found.groups()
    matches = _rows(table, name)
    if len(matches) > 1:
        labels = ", ".join(f"'{row.label}'" for row in matches)
        message = f"'{selector}' is several rows of {_where(table)}; name one: {labels}"
        raise _UndecidedError(message)
    on = (
        line
        for line in table.lines
        if any(line.row is row for row in matches)
        and (not device or line.kind == device_kind(device))
    )
    return next(on, None)


def _rows(table: Table, name: str) -> list[Row]:
    """The rows that a name without a device may mean: a label, or an implementation, with those
    settings that are given."""
    if exact := [row for row in table.rows if row.label == name]:
        return exact
    name = _normal(name)
    if rows := [row for row in table.rows if name in _spellings(row.label)]:
        return rows
    implementation, *settings = re.split(r" (?=\w+=)", name)
    rows = [
        row
        for row in table.rows
        if implementation in _spellings(row.name) and all(_has(row, each) for each in settings)
    ]
    most = max(map(_whole_fits, rows), default=0)
    return [row for row in rows if _whole_fits(row) == most]


def _spellings(label: str) -> set[str]:
    """As it is recorded, and as the terminal shows it: on one line, a script without its folder."""
    normal = _normal(label)
    return {each(text) for text in (normal, one_line(normal)) for each in (str, without_folder)}


def _normal(name: str) -> str:
    """`./a/b.py:Row` as `a/b.py:Row`: another spelling of a path is no other row."""
    return re.sub(r"\S*/\S*(?=\.py:)", lambda path: os.path.normpath(path[0]), name)


def _has(row: Row, setting: str) -> bool:
    """Whether a row has `field=value`, however the value is written."""
    field, _, text = setting.partition("=")
    value = row.settings.get(field)
    written = (list(each) if isinstance(each, tuple) else each for each in readings(text))
    return text == str(value) or value in list(written)


def _whole_fits(row: Row) -> int:
    """How many of its runs no suite shortened."""
    return sum(
        record.cell.shortened_to is None for runs in row.runs.values() for record in runs.scored
    )


def _paragraph(table: Table, a: Line, b: Line) -> str:
    sentences = [
        f"{side.name} has no figures on {_where(table)} ({'; '.join(side.runs.remarks)})."
        for side in ((a,) if a.runs is b.runs else (a, b))
        if not side.runs.scored
    ]
    notes = dict.fromkeys(record.data.note for record in table.records if record.data.note)
    heading = ""
    if not sentences and a.runs is b.runs:
        a, b, heading = _against_itself(table, a)
    text = " ".join([*(sentences or _of_different_runs(table, a, b)), *notes])
    return f"{heading}\n{text}" if heading else text


def _against_itself(table: Table, line: Line) -> tuple[Line, Line, str]:
    """The halves of a row's runs, and a line that says so. Raises _UndecidedError where there are
    too few."""
    if (n := line.runs.n_seeds) < FEWEST_TO_HALVE:
        raise _UndecidedError(
            f"{line.name} has figures of {plural(n, 'seed')} on {_where(table)}; to be compared "
            f"with itself a row needs {FEWEST_TO_HALVE}: run it with "
            f"`{more_repeats(table.split)}`"
        )
    a, b = halves(line)
    one, other = (_listed_seeds(side) for side in (a, b))
    heading = (
        f"{line.name} against itself: its runs of seeds {one} against {other}: a difference here "
        "is a false alarm."
    )
    return a, b, heading


def halves(line: Line) -> tuple[Line, Line]:
    """A row's runs with figures of the first, third, fifth … seed, and those of the others."""
    seeds = line.runs.seeds
    sides = (of_seeds(line, seeds[n::2]) for n in (0, 1))
    a, b = (side._replace(name=f"{line.name} (seeds {_listed_seeds(side)})") for side in sides)
    return a, b


def of_seeds(line: Line, seeds: Collection[int]) -> Line:
    """The row with its runs with figures of these seeds alone."""
    return line._replace(runs=Runs(tuple(r for r in line.runs.scored if r.cell.seed in seeds)))


def _listed_seeds(side: Line) -> str:
    """`0, 2, 4 …`"""
    seeds = list(map(str, side.runs.seeds))
    return ", ".join(seeds[:NAMED_SEEDS]) + " …" * (len(seeds) > NAMED_SEEDS)


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
    sentences = [finding.text for finding in findings(table, a, b)]
    for side in (a, b):
        late = sum(record.status == "timeout" for record in side.runs.scored)
        if late:
            of = f"{late} of {plural(len(side.runs.scored), 'run')}"
            sentences.append(f"{side.name} was stopped by its time limit in {of}.")
    return sentences


def findings(table: Table, a: Line, b: Line) -> list[Finding]:
    """What there is to say of fit time, RMSE and each goal; both sides have runs with figures."""
    fast, slow, speed = _in_order(a, b, *(by_seed(side.runs, fit_s) for side in (a, b)))
    where = _where(table, _seeds(fast, slow, speed))
    gain = difference(by_seed(slow.runs, rmse), by_seed(fast.runs, rmse))
    of_goals = [_sooner(fast, slow, goal) for goal in goals_of(table)]
    of_goals.append(_to_own_best(fast, slow))
    return [
        *(
            [_without_interval(table, fast, slow, where)]
            if speed.interval.level is None
            else [_faster(fast, slow, speed, where), _more_accurate(fast, gain)]
        ),
        *(finding for finding in of_goals if finding is not None),
    ]


def _without_interval(table: Table, a: Line, b: Line, where: str) -> Finding:
    """The figures themselves: a ratio without an interval would claim something."""
    figures = [
        f"{side.name} fit in {significant(fit.value)} s, with a test RMSE of {error.value:.4f}"
        for side in (a, b)
        if (fit := median(side.runs, fit_s)) and (error := mean(side.runs, rmse))
    ]
    option = more_repeats(table.split)
    return Finding(
        "fit time",
        f"One run has no interval, so neither is called better on {where} (`{option}` for both "
        f"gives one): {'; '.join(figures)}.",
        differs=False,
    )


def _faster(a: Line, b: Line, speed: Comparison, where: str) -> Finding:
    times = with_interval(speed.interval)
    if speed.differs:
        text = f"{a.name} ran {times} times faster than {b.name} on {where}."
        return Finding("fit time", text, differs=True)
    return Finding(
        "fit time",
        f"No difference in fit time beyond noise between {a.name} and {b.name} on {where}: a "
        f"ratio of {times}{_barely(speed, tie=1)}.",
        differs=False,
    )


def _barely(found: Comparison, tie: float) -> str:
    """Why a difference is not claimed that the interval shown would have; "" where it has none."""
    if not found.interval.excludes(tie):
        return ""
    return f"; the {100 * DECIDES:g} % interval, which decides, includes {tie:g}"


def _in_order(
    a: Line, b: Line, seconds_a: Mapping[int, float], seconds_b: Mapping[int, float]
) -> tuple[Line, Line, Comparison]:
    """The faster side, the slower one, and how many times faster it was."""
    speed = ratio(seconds_b, seconds_a)
    return (a, b, speed) if speed.interval.value >= 1 else (b, a, ratio(seconds_a, seconds_b))


def _more_accurate(side: Line, less: Comparison) -> Finding:
    """`less`: the other side's RMSE less this side's."""
    gain = less.interval
    margin = f" ± {gain.half:.4f}"
    if not less.differs:
        known = f"{side.name}: {signed(-gain.value)}{margin}{_barely(less, tie=0)}"
        return Finding("RMSE", f"No difference in RMSE beyond noise ({known}).", differs=False)
    if f"{abs(gain.value):.4f}" == "0.0000":
        return Finding("RMSE", "No difference in RMSE to four decimals.", differs=False)
    more = "more" if gain.value > 0 else "less"
    text = f"{side.name} is {more} accurate by {abs(gain.value):.4f}{margin} RMSE."
    return Finding("RMSE", text, differs=True)


def _sooner(a: Line, b: Line, goal: float) -> Finding | None:
    """Which side's validation RMSE reached a goal sooner; None where a side left no curve.

    A ratio needs a time from every run: left out, a miss would count for nothing.
    """
    taken = [
        by_seed(side.runs, lambda record: seconds_to(record, goal) if record.curve else None)
        for side in (a, b)
    ]
    if not all(taken):
        return None
    text, differs = _of_times(a, b, taken, f"{goal_rmse(goal)} on validation")
    return Finding(goal_rmse(goal), text, differs)


def _to_own_best(a: Line, b: Line) -> Finding | None:
    """Which side's validation RMSE came sooner to the best of the less accurate one, seed by seed;
    None where a side left no curve, and for one row against itself."""
    if a.row is b.row or not (a.runs.lowest and b.runs.lowest):
        return None
    weaker = max((a, b), key=lambda side: best_validation(side.runs))
    best = {
        seed: max(lowest)
        for seed, lowest in values_by_seed(weaker.runs.with_curve, lowest_rmse).items()
    }

    def seconds(record: Record) -> float | None:
        if not record.curve or (goal := best.get(record.cell.seed)) is None:
            return None
        return seconds_on(record.curve, goal)

    taken = [by_seed(side.runs, seconds) for side in (a, b)]
    if not all(taken):
        return None
    median = f"{best_validation(weaker.runs):.4f}"
    goal = f"{weaker.name}'s best on validation in each seed (median {median})"
    return Finding("its best", *_of_times(a, b, taken, goal))


def _of_times(
    a: Line, b: Line, taken: Sequence[Mapping[int, float]], goal: str
) -> tuple[str, bool]:
    hits = [sum(map(math.isfinite, seconds.values())) for seconds in taken]
    repeat = repeat_of(a.runs.records[0].cell.split)
    if not any(hits):
        return f"Neither reached {goal}.", False
    if hits != [len(seconds) for seconds in taken]:
        counts = [
            f"{side.name} in {some} of {plural(len(seconds), repeat)}"
            for side, some, seconds in zip((a, b), hits, taken, strict=True)
        ]
        return _with_misses(a, b, taken, repeat, f"{goal} was reached by {' and by '.join(counts)}")
    medians = [
        f"{side.name} in {significant(statistics.median(seconds.values()))} s"
        for side, seconds in zip((a, b), taken, strict=True)
    ]
    reached = f"{goal} was reached by {' and by '.join(medians)}."
    if min(map(min, (seconds.values() for seconds in taken))) <= 0:  # of a record that was edited
        return reached, False
    sooner, _, speed = _in_order(a, b, *taken)
    if speed.interval.level is None:
        return reached, False
    times = compared(speed, repeat)
    if speed.differs:
        return f"{sooner.name} reached {goal} {times} times sooner.", True
    why = _barely(speed, tie=1)
    return f"No difference beyond noise in the time to {goal}: a ratio of {times}{why}.", False


def _with_misses(
    a: Line, b: Line, taken: Sequence[Mapping[int, float]], repeat: str, counts: str
) -> tuple[str, bool]:
    """With how many times sooner a side was, where an interval of that excludes a tie; else whether
    it was sooner beyond noise."""
    [_, b_first], [a_first, _] = ranking.beyond_noise([*map(ranking.logs, taken)])
    if not (a_first or b_first):
        return f"{counts}; no difference beyond noise.", False
    sooner, seconds = (a, taken) if a_first else (b, taken[::-1])
    found = ranking.times_sooner(*seconds)
    times = f"{compared(found, repeat, MISSED)} times sooner" if found else "sooner beyond noise"
    return f"{counts}; {sooner.name} was {times}.", True


def _seeds(a: Line, b: Line, speed: Comparison) -> str:
    repeat = repeat_of(a.runs.records[0].cell.split)
    if speed.pairs:
        return plural(speed.pairs, f"paired {repeat}")
    return f"{a.runs.n_seeds} and {plural(b.runs.n_seeds, repeat)}, unpaired"


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
