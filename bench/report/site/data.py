"""What the page holds: typed, and as the JSON that its scripts read.

Every text is plain, never markup: names and reasons come from records, and anybody may have
written those. In the JSON an object leaves out what is at its default, an array (`Cell`, `Run`,
`Curve` and other NamedTuples) leaves out its last entries where these are, and an infinite number
is the text "Infinity", so that `Number(x)` reads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

FORMAT = 1
"""Of the JSON; a page and its data are written together, so no older one is ever read."""
SIGNIFICANT = 5
"""Digits of a number: every text shows fewer."""


class Span(NamedTuple):
    """A stretch of a sentence. `style`: "" as it is, "b" for bold, "code" for what is typed."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, or an entry of a list."""

    spans: list[Span]
    item: bool = False


Prose = list[Paragraph]


class Cell(NamedTuple):
    """One cell of a table.

    text   as the Markdown table shows it, with its rank and without the footnotes' numbers
    value  what the column is sorted by: a number (∞ for a goal that was missed), a text, or None
           where the cell shows —
    low    the ends of the value's 95 % interval; None where it has none
    high
    rank   the first and the last place that its row may have; [] where it has none
    notes  places in the grid's `footnotes`
    """

    text: str
    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    rank: list[int] = []  # noqa: RUF012 - a NamedTuple's default, which nothing changes
    notes: list[int] = []  # noqa: RUF012


@dataclass(frozen=True)
class Head:
    """The head of a column.

    id      short, unique in its grid and stable: for the address
    text    as the Markdown table has it
    group   what the column is about: "row", "goals", "accuracy", "slices", "cost"; "" in grids
            that need no groups
    number  whether its values are numbers
    better  "low" or "high": which end is the better one; "" where neither is
    """

    id: str
    text: str
    group: str = ""
    number: bool = False
    better: str = ""


@dataclass(frozen=True)
class Grid:
    """A table: a Cell for each row and Head. `footnotes`: equal ones are one."""

    heads: list[Head]
    rows: list[list[Cell]]
    footnotes: list[str] = field(default_factory=list)


class Curve(NamedTuple):
    """The checkpoints of a run on validation, in columns.

    epochs   their number where they are 1, 2, …, n; else the epoch of each
    seconds  on the training clock
    """

    epochs: int | list[int]
    seconds: list[float]
    rmse: list[float]
    mae: list[float]


class Run(NamedTuple):
    """One run of a row.

    started   the day
    commit    place in `Site.texts` of the commit, with "+" behind one with changes
    fit_s     seconds of the whole fit
    start_s   seconds of imports and warm-up: with `fit_s`, or a checkpoint's seconds, the time
              since the process began
    reasons   places in `Site.texts`: why it is not ok, and doubts about it
    drawn     0 for the run with the median fit, 1 for one that is drawn faintly, 2 for a run whose
              curve is left out, as there are many
    """

    seed: int
    status: str = "ok"
    started: str = ""
    commit: int = 0
    rmse: float | None = None
    mae: float | None = None
    val_rmse: float | None = None
    fit_s: float | None = None
    epoch_s: float | None = None
    start_s: float | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    peak_mb: float | None = None
    again: int = 0
    reasons: list[int] = []  # noqa: RUF012
    drawn: int = 2
    curve: Curve | None = None


@dataclass(frozen=True)
class Line:
    """A row on one kind of device: what the filters go by, and what a click shows.

    name      unique in its view, as `bench compare` takes it: `numba_sgd:fast@cpu`
    label     the row's, without the device
    origin    "built-in", "third-party", or "own" for a file or a plugin
    device    "CPU", "CUDA"
    look      place of its colour and shape: the same for a row on all of its devices
    command   what repeats it, on the commit of its runs
    budgets   whether each point of its curves is a whole fit, which is no curve
    skipped   why it has no figures
    """

    name: str
    label: str
    implementation: str
    model: str
    device: str
    look: int
    threads: int
    command: str
    runs: list[Run]
    origin: str = "built-in"
    preset: str = "default"
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    pinned: bool = False
    budgets: bool = False
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Goal:
    """A goal RMSE on validation. `name`: what gets about that far; `head`: its column's id."""

    rmse: float
    text: str
    head: str
    name: str = ""


@dataclass(frozen=True)
class View:
    """One dataset on one machine and split.

    dataset   its title
    heading   its split, with more where another view has the same
    notes     what must stand beside every figure
    answers   the verdict: of all rows under "", and where there are several kinds of device, of
              the rows on each under its name
    grid      a row for each of `lines`, in their order: by the time to the hardest goal
    reading   how to read the figures, by the group of their columns
    front     lines on the Pareto front, the fastest first
    near      lines behind it that the intervals do not distinguish from it
    limits    the lowest and the highest RMSE of a curve that the plot has in view; [] without one
    least_s   where what is faster is drawn, on the time axis of the curves
    """

    dataset: str
    machine: str
    split: str
    heading: str
    devices: list[str]
    newest: str
    answers: dict[str, Prose]
    about: Prose
    reading: dict[str, Prose]
    lines: list[Line]
    grid: Grid
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    front: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    least_s: float = 1e-3
    floor: float | None = None


class Behind(NamedTuple):
    """Runs behind a figure: those of a line of a view, by their places; [] for all of them."""

    view: int
    line: int
    runs: list[int] = []  # noqa: RUF012


class Size(NamedTuple):
    """What a row took at one number of ratings: of each figure the median and, where it has one,
    both ends of its interval; [] where it is not known."""

    ratings: int
    behind: list[Behind]
    epoch_s: list[float] = []  # noqa: RUF012
    peak_mb: list[float] = []  # noqa: RUF012
    grown_mb: list[float] = []  # noqa: RUF012


@dataclass(frozen=True)
class Trend:
    """How a row grows. `look` as of a Line, among the trends."""

    name: str
    device: str
    look: int
    sizes: list[Size]


@dataclass(frozen=True)
class Growth:
    """Seconds per epoch and peak memory over the synthetic sizes; `trends` are the grids' rows."""

    machine: str
    split: str
    about: Prose
    trends: list[Trend]
    seconds: Grid
    memory: Grid


class Faster(NamedTuple):
    """How many times as fast CUDA was at a number of ratings or batch size; low and high are
    None of one run. `row`: of the grid."""

    size: int
    times: float
    row: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Speedups:
    """A row's speed-up over a size. `look`: equal for equal settings, in both plots."""

    name: str
    look: int
    points: list[Faster]


@dataclass(frozen=True)
class Cuda:
    """CUDA beside the CPU of one machine and split.

    behind      of each row of the grid the runs on the CPU, and those on CUDA
    by_ratings  curves over the number of ratings
    by_batch    dataset -> curves over the batch size
    """

    machine: str
    split: str
    about: Prose
    grid: Grid
    behind: list[list[Behind]]
    by_ratings: list[Speedups]
    by_batch: dict[str, list[Speedups]] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """Published numbers beside those of one machine. `behind`: of each row the runs."""

    machine: str
    about: Prose
    grid: Grid
    behind: list[list[Behind]]


class Trial(NamedTuple):
    """One trial of a search, in the order in which they ran.

    rmse    its best on validation, None where it did not end well
    values  of `Search.varied`, as `--set` takes them
    commit  places in `Site.texts`, as of a Run
    reasons
    """

    rmse: float | None = None
    epoch: int | None = None
    fit_s: float | None = None
    status: str = "ok"
    values: list[str] = []  # noqa: RUF012
    commit: int = 0
    reasons: list[int] = []  # noqa: RUF012


@dataclass(frozen=True)
class Search:
    """A search for hyperparameters.

    varied   the hyperparameters in which trials differ: what `Trial.values` are
    fixed    the others
    command  what repeats a trial: what stands before and behind the settings that vary
    grid     the best trials
    """

    name: str
    implementation: str
    dataset: str
    split: str
    machine: str
    about: Prose
    model: str
    device: str
    seed: int
    threads: int
    command: list[str]
    varied: list[str]
    trials: list[Trial]
    grid: Grid
    fixed: dict[str, Any] = field(default_factory=dict)
    pinned: bool = False


@dataclass(frozen=True)
class Site:
    """All of the page. `first`: the view that it opens with; None without records.

    machines  id -> its hardware
    texts     what runs share: commits and reasons
    bad       lines of the records' files that are no record
    """

    views: list[View]
    machines: dict[str, str]
    texts: list[str]
    first: int | None = None
    growths: list[Growth] = field(default_factory=list)
    cuda: list[Cuda] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    format: int = FORMAT


def as_json(site: Site) -> str:
    """The data for a `<script type="application/json">`: no `<` ends that, or begins a comment."""
    text = json.dumps(_plain(site), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.encode("utf-8", "replace").decode()  # half a character, as of a file name
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _plain(value: Any) -> Any:
    """Of a Site or any part of it, what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        shown = ((each, getattr(value, each.name)) for each in fields(value))
        return {
            each.name: _plain(it)
            for each, it in shown
            if each.name == "format" or it != _default(each)
        }
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _trimmed(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _number(value) if isinstance(value, float) else value


def _default(of: Any) -> Any:
    return of.default if of.default_factory is MISSING else of.default_factory()


def _trimmed(value: Any) -> list[Any]:
    """A NamedTuple without its last entries that are at their defaults."""
    defaults = value._field_defaults
    parts = list(value)
    while parts and value._fields[len(parts) - 1] in defaults:
        if parts[-1] != defaults[value._fields[len(parts) - 1]]:
            break
        parts.pop()
    return [_plain(each) for each in parts]


def _number(value: float) -> float | int | str:
    if math.isnan(value):  # a hyperparameter; records have no such figure
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.{SIGNIFICANT}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
