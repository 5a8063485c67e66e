"""The progress of a run on several machines: a line for each on a terminal, else a line for each
cell that begins or ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich import progress
from rich.console import Console
from rich.table import Column
from rich.text import Text

from bench.cell.events import Checkpoint, Event
from bench.commands.progress import (
    REFRESHES_PER_S,
    StoreProblems,
    duration,
    evaluated_part,
    name_of,
    outcome,
    trained,
    with_part,
)
from bench.commands.terminal import plural
from bench.planning.plan import Cell
from bench.records import Record
from bench.running.cluster.machines import Machine
from bench.running.cluster.work import Work

UNWRITTEN = "unwritten"
"""What the name of such a file has in the place of a machine's id: a store reads all its files."""


class _Words(progress.ProgressColumn):
    """The task's field `words`, called anew at each refresh."""

    def render(self, task: progress.Task) -> Text:
        return Text(task.fields["words"]())


@dataclass
class _Line:
    """What a machine does, in words.

    next_epoch  the first one that has a line of its own where there is no terminal
    lost        dataset of a cell that ended with the machine, and that runs nowhere else
    moved       what becomes of the table of such a cell, where others may run it
    problem     why it cannot run a dataset, which has been shown
    n_skipped   cells that were skipped for that since it was shown
    """

    machine: Machine
    began_s: float
    label: str = ""
    part: str = ""
    trained: str = ""
    next_epoch: int = 1
    lost: str = ""
    moved: str = ""
    problem: str = ""
    n_skipped: int = 0
    task: progress.TaskID | None = None


@dataclass
class MachinesProgress(StoreProblems):
    """Shows machines and their cells; collects the new `records`.

    total     cells that are to run or have records, as far as is known
    already   those that had records
    shared    fields of a cell's name that need not be repeated
    return_s  how long a run waits for a machine that alone may go on; None where any may
    store     a file of the store, for whoever must add records of any machines by hand
    timer     the clock, in seconds
    """

    console: Console
    records: list[Record]
    store: str
    shared: Collection[str] = ()
    timer: Callable[[], float] = time.monotonic
    total: int = 0
    already: int = 0
    return_s: float | None = None
    _lines: dict[str, _Line] = field(default_factory=dict)
    _spent_s: float = 0.0
    _already_shown: int = 0

    def __post_init__(self) -> None:
        self._live = self.console.is_interactive and self.console.file.isatty()
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            _Words(Column(no_wrap=True)),
            console=self.console,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            disable=not self._live,
        )
        self._bars.add_task("all machines", total=None, words=self._words)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        self._say_already()
        for line in self._lines.values():
            self._say_skipped(line)

    def _say_already(self) -> None:
        """Before the first number that counts them."""
        if self.already > self._already_shown:
            self._already_shown = self.already
            self._say(f"{self.already} of {plural(self.total, 'cell')} had records already")

    def on_note(self, text: str) -> None:
        self._say(text)

    def on_joined(self, name: str) -> None:
        """Reported once its first cell can be."""

    def on_refused(self, name: str, reason: str) -> None:
        self._warn(f"{name} gets no cell: {reason}")

    def on_left(self, name: str) -> None:
        """Reported with what becomes of its cells."""

    def joined(self, machine: Machine) -> None:
        line = self._lines[machine.address] = _Line(machine, self.timer())
        line.task = self._bars.add_task(machine.name, total=None, words=lambda: self._doing(line))
        here = machine.environment
        gpu = f", {here.gpu}" if here.gpu else ""
        self._say(f"{machine.name}: {here.cpu}, {plural(here.cores, 'core')}{gpu} ({machine.id})")

    def left(self, machine: Machine, reason: str) -> None:
        line = self._lines.pop(machine.address, None)
        if line is not None:
            self._say_skipped(line)
        if line is not None and line.task is not None:
            self._bars.remove_task(line.task)
        self._warn(f"{machine.name} {reason}{self._awaited(line)}")

    def _awaited(self, line: _Line | None) -> str:
        """What cannot go on without the machine."""
        if line is not None and line.moved:
            return f"; {line.moved}"
        if line is None or not line.lost or self.return_s is None:
            return ""
        why = "rows of two machines never share a table"
        if not self.return_s:
            return f"; {line.lost} cannot go on without it, for {why}"
        return f"; {line.lost} waits for it ({self.return_s:g} s once nothing else runs), for {why}"

    def moved(self, what: str, machine: Machine, reason: str) -> None:
        line = self._lines.get(machine.address)
        others = "goes to another machine"
        if not self._lines.keys() - {machine.address}:
            others = "needs another machine, and no other is there"
        if line is not None and line.lost:  # it leaves, which is to be said
            line.moved = f"{what} {others}"
            return
        self._say(f"{machine.name}: {what} {others}: {reason}")
        if line is not None:
            line.problem = reason

    def _say_skipped(self, line: _Line) -> None:
        if line.n_skipped:
            self._say(f"{line.machine.name}: {plural(line.n_skipped, 'cell')} skipped")
        line.n_skipped = 0

    def sends(self, machine: Machine, name: str, size: int) -> None:
        self._say(f"{machine.name}: gets {name} ({size / 1e6:.1f} MB)")

    def planned(self, n_cells: int) -> None:
        self.total += n_cells

    def already_done(self, machine: Machine, cell: Cell) -> None:  # noqa: ARG002
        self.already += 1

    def waiting(self, machine: Machine) -> None:
        self._say(f"{machine.name}: waiting: another ratebench run is timing a cell there")

    def started(self, machine: Machine, work: Work) -> None:
        self._say_already()
        label = name_of(work.cell, self.shared)
        if line := self._lines.get(machine.address):
            self._say_skipped(line)
            line.label, line.began_s, line.lost = label, self.timer(), ""
            line.part = evaluated_part(work.cell.request.split)
            line.trained, line.next_epoch = "", 1
        if work.again:
            self._say(f"{machine.name}: {label}  runs again: {work.again}")
        elif not self._live:
            self._say(f"{machine.name}: {label}")

    def on_event(self, machine: Machine, event: Event) -> None:
        line = self._lines.get(machine.address)
        if line is None or not isinstance(event, Checkpoint) or not (words := trained(event)):
            return
        line.trained = words
        if event.epoch >= line.next_epoch or event.epoch == event.planned:
            # 1, 2, 4, 8, … or, since a machine does not report every epoch, the next one.
            line.next_epoch = 1 << event.epoch.bit_length()
            if not self._live:
                self._say(f"{machine.name}:     {with_part(words, line.part)}")

    def tried_again(self, machine: Machine, reason: str) -> None:
        self._say(f"{machine.name}: runs again, since something else may be the cause: {reason}")

    def repeats(self, machine: Machine, cells: Sequence[Cell]) -> None:
        self.total += len(cells)
        self._say(f"{machine.name}: repeats of {plural(len(cells), 'row')}")

    def idle(self, return_s: float) -> None:
        if return_s:
            self._say(f"nothing runs; waiting {return_s:g} s for a machine that can go on")

    def runs_again(self, machine: Machine, record: Record) -> None:
        """Neither counted nor among `records`, where its next one will be."""
        if line := self._lines.get(machine.address):
            line.label = line.trained = ""
            line.lost = record.cell.dataset if record.status == "lost" else ""
        self._say(f"{machine.name}: {self._named(record)}  {outcome(record)}")

    def finished(self, machine: Machine, record: Record) -> None:
        self.records.append(record)
        n_busy = max(1, self._n_busy)
        if line := self._lines.get(machine.address):
            self._spent_s += (self.timer() - line.began_s) * bool(line.label)
            line.label = line.trained = line.lost = ""
            if record.status == "skipped" and line.problem and line.problem in record.reason:
                line.n_skipped += 1
                return
        self._say_already()
        left = f"  ({self._remaining} more, {self._time_left(n_busy)})" * bool(self._remaining)
        self._say(
            f"{machine.name}: [{self._done}/{self.total}] {self._named(record)}  {outcome(record)}"
            f"{'' if self._live else left}"
        )

    def _named(self, record: Record) -> str:
        cell = record.cell
        seed = "" if "seed" in self.shared else f"  seed {cell.seed}{' again' * bool(cell.again)}"
        return f"{cell.implementation}  {cell.dataset}{seed}"

    @property
    def _done(self) -> int:
        return len(self.records) + self.already

    @property
    def _remaining(self) -> int:
        return max(0, self.total - self._done)

    @property
    def _n_busy(self) -> int:
        return sum(bool(line.label) for line in self._lines.values())

    def _time_left(self, n_busy: int) -> str:
        """As long as the cells so far took on average, on so many machines at once."""
        each_s = self._spent_s / len(self.records)
        return f"about {duration(each_s * self._remaining / n_busy)}"

    def _words(self) -> str:
        left = (
            f"  {self._time_left(max(1, self._n_busy))} left"
            if self.records and self._remaining
            else ""
        )
        return f"cell {self._done}/{self.total}{left}"

    def _doing(self, line: _Line) -> str:
        if not line.label:
            return "–"
        return f"{line.label}  {line.trained or duration(self.timer() - line.began_s)}"
