"""The progress of a run: two bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rich import progress
from rich.console import Console
from rich.table import Column
from rich.text import Text

from bench.cell.events import Checkpoint, Event
from bench.commands.terminal import plural
from bench.planning.plan import Cell
from bench.records import Record
from datasets.printable import one_line
from datasets.splits import PEEK

REFRESHES_PER_S = 2
"""Few, since the harness shares the machine with the cell that it times."""
NAME_WIDTH, BAR_WIDTH, WORDS_WIDTH = 10, 16, 40


class _Words(progress.ProgressColumn):
    """The task's field `words`, called anew at each refresh."""

    def render(self, task: progress.Task) -> Text:
        return Text(task.fields["words"]())


class StoreProblems:
    """Lines about records that cannot be stored; `store` is the file that they should go to."""

    console: Console
    store: str

    def not_stored(self, count: int, error: OSError, kept: Path | None) -> None:
        meanwhile = f"in {kept}" if kept else "in memory"
        self._warn(
            f"{plural(count, 'record')} could not be stored ({error.strerror or error}); kept "
            f"{meanwhile}, and tried again with the next"
        )

    def never_stored(self, records: Sequence[Record], kept: Path | None) -> None:
        what = f"{plural(len(records), 'record')} could not be stored"
        if kept is not None:
            self._warn(f"{what}; to add them when there is room: cat {kept} >> {self.store}")
            return
        self._warn(f"{what}, nor kept in another file. To add them to {self.store}:")
        for record in records:
            self.console.print(record.to_line(), soft_wrap=True)  # a line stays one

    def _say(self, text: str) -> None:
        self.console.print(text)

    def _warn(self, text: str) -> None:
        self.console.print(f"WARNING: {text}", style="bold yellow")


@dataclass
class Progress(StoreProblems):
    """Shows the cells of a run as they start, train and end; collects the new `records`.

    total     cells of the run, of which `recorded` are known to need no run
    precision how well times are to be known, `±5 %`, until which repeats follow; "" for none
    shared    fields of a cell's name that need not be repeated
    timer     the clock, in seconds
    store     the file that the records go to, for whoever must add some by hand
    """

    console: Console
    total: int
    records: list[Record]
    timer: Callable[[], float] = time.monotonic
    shared: Collection[str] = ("threads",)
    recorded: int = 0
    precision: str = ""
    store: str = "the records"
    number: int = 0
    _already: int = 0
    _repeated: int = 0
    _began: float = field(init=False)
    _spent: float = 0.0
    _cell_began: float = 0.0
    _label: str = ""
    _part: str = ""
    _trained: str = ""

    def __post_init__(self) -> None:
        self._began = self.timer()
        live = self.console.is_interactive and self.console.file.isatty()
        # Narrower than the terminal: at its edge an echoed Ctrl-C would begin a new line.
        name = Column(
            no_wrap=True,
            overflow="ellipsis",
            width=max(NAME_WIDTH, self.console.width - BAR_WIDTH - WORDS_WIDTH - 4),
        )
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}", markup=False, table_column=name),
            progress.BarColumn(BAR_WIDTH),
            _Words(Column(no_wrap=True)),
            console=self.console,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            disable=not live,
        )
        self._live = live
        self._run_task = self._bars.add_task("all cells", total=self.total, words=self._run_words)
        self._cell_task: progress.TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_cell()
        self._bars.stop()
        if self._already > self.recorded:
            self._say(f"{self._already} of {self.total} were already recorded")

    def already_done(self, cell: Cell) -> None:  # noqa: ARG002
        self.number += 1
        self._already += 1
        self._bars.update(self._run_task, completed=self.number)

    def waiting(self) -> None:
        self._say("waiting: another ratebench run is timing a cell on this machine")

    def started(self, cell: Cell, again: str) -> None:
        self.number += 1
        self._label, self._part = name_of(cell, self.shared), evaluated_part(cell.request.split)
        self._trained, self._cell_began = "", self.timer()
        if again:
            self._say(f"{self._place}  runs again: {again}")
        elif not self._live:
            self._say(self._place)
        self._cell_task = self._bars.add_task(self._label, total=None, words=self._cell_words)

    def on_event(self, event: Event) -> None:
        if not isinstance(event, Checkpoint) or not (words := trained(event)):
            return
        epoch, planned, self._trained = event.epoch, event.planned, words
        if self._cell_task is not None:
            self._bars.update(self._cell_task, completed=epoch, total=planned)
        if not self._live and (epoch == planned or epoch & (epoch - 1) == 0):  # 1, 2, 4, 8, …
            self._say(f"    {with_part(words, self._part)}")

    def tried_again(self, reason: str) -> None:
        self._end_cell()
        self._say(f"{self._place}  runs again, since something else may be the cause: {reason}")
        self._trained, self._cell_began = "", self.timer()
        self._cell_task = self._bars.add_task(self._label, total=None, words=self._cell_words)

    def repeats(self, cells: Sequence[Cell]) -> None:
        self.total += len(cells)
        self._bars.update(self._run_task, total=self.total)
        if len(cells) != self._repeated:
            rows = plural(len(cells), "row")
            self._say(f"repeats of {rows}, for times known to {self.precision}")
        self._repeated = len(cells)

    def finished(self, record: Record) -> None:
        self._end_cell()
        self.records.append(record)
        self._bars.update(self._run_task, completed=self.number)
        self._spent = self.timer() - self._began
        left = f"  ({self._remaining} more, {self._time_left()})" if self._remaining else ""
        self._say(f"{self._place}  {outcome(record)}{'' if self._live else left}")

    @property
    def _place(self) -> str:
        return f"[{self.number}/{self._of_total}] {self._label}"

    @property
    def _of_total(self) -> str:
        """With a + where repeats may follow, so that the number grows."""
        return f"{self.total}{'+' * bool(self.precision)}"

    @property
    def _remaining(self) -> int:
        """Cells still to run, less those that are known to be recorded."""
        return self.total - self.number - max(0, self.recorded - self._already)

    def _time_left(self) -> str:
        """As long as the cells so far took on average, for each that is still to run or running."""
        each = self._spent / len(self.records)
        running = self._cell_task is not None
        present = max(0.0, each - (self.timer() - self._cell_began)) if running else 0.0
        repeats = ", then repeats" if self.precision else ""
        return f"about {duration(each * self._remaining + present)}{repeats}"

    def _run_words(self) -> str:
        return f"cell {self.number}/{self._of_total}" + (
            f"  {self._time_left()}{'' if self.precision else ' left'}" if self.records else ""
        )

    def _cell_words(self) -> str:
        return self._trained or f"running for {duration(self.timer() - self._cell_began)}"

    def _end_cell(self) -> None:
        if self._cell_task is not None:
            self._bars.remove_task(self._cell_task)
            self._cell_task = None


def trained(at: Checkpoint) -> str:
    """How far a fit is, and its RMSE there; "" where none is known yet."""
    if at.rmse is None or at.epoch == 0:
        return ""
    left_s = at.seconds / at.epoch * (at.planned - at.epoch)
    words = [f"epoch {at.epoch}/{at.planned}", f"RMSE {at.rmse:.4f}"]
    return "  ".join([*words, f"{duration(left_s)} left"] if left_s else words)


def evaluated_part(split: str) -> str:
    """The part of the ratings that a fit is evaluated on as it trains."""
    return "test" if split.startswith(PEEK) else "validation"


def with_part(words: str, part: str) -> str:
    """These of `trained`, where nothing beside them says of which part the RMSE is."""
    return words.replace("RMSE", f"{part} RMSE")


def shared(cells: Sequence[Cell]) -> dict[str, str]:
    """What all the cells have in common of dataset, split, device, threads and seed."""
    every = [_fields(cell) for cell in cells]
    return {
        name: text
        for name, text in every[0].items()
        if all(fields[name] == text for fields in every)
    }


def name_of(cell: Cell, left_out: Collection[str] = ()) -> str:
    """A cell's implementation, preset, settings and fields, less those `left_out`."""
    request = cell.request
    preset = "" if request.preset == "default" else f":{request.preset}"
    fields = [text for name, text in _fields(cell).items() if name not in left_out]
    name = f"{request.implementation}{preset}{cell.settings_label}"
    return "  ".join([one_line(name), *fields])


def _fields(cell: Cell) -> dict[str, str]:
    request = cell.request
    return {
        "dataset": one_line(request.dataset),
        "split": request.split,
        "device": request.device,
        "threads": plural(request.threads, "thread"),
        "seed": f"seed {request.seed}{' again' * bool(request.again)}",
    }


def outcome(record: Record) -> str:
    """A record in a few words: its scores, or its status and reason."""
    scores = ""
    if record.times is not None:
        fit = f"fit {record.times.fit_s:.3g} s"
        if record.metrics is not None:
            scores = f"RMSE {record.metrics.rmse:.4f}  {fit}"
        elif record.curve:
            best = min(point.rmse for point in record.curve)
            scores = f"{evaluated_part(record.cell.split)} RMSE {best:.4f}  {fit}"
    if record.status == "ok":
        return scores
    return "  ".join(filter(None, (f"{record.status}: {record.reason}", scores)))


def duration(seconds: float) -> str:
    """Whole seconds, minutes or hours, rounded up."""
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
