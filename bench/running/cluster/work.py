"""What a run on several machines has to do, and what it reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.cell.events import Event
from bench.planning.plan import Cell
from bench.records import Record
from bench.running.cluster.machines import Machine
from bench.running.observer import StoreObserver

MOST_LOST = 3
"""Machines that one cell may lose: it may be the cell that ends them."""


@dataclass(frozen=True)
class Work:
    """A cell for a machine, as it runs there.

    again  why a cell with a record runs again; "" where it is new
    goals  that the baseline reached on its split, where the catalog has none
    """

    cell: Cell
    again: str = ""
    goals: tuple[float, ...] = ()


class Plan(Protocol):
    """Decides which machine runs what next. Each of its methods costs the same however many cells
    there are.

    changes  grows where a machine that had nothing to do may have something now
    """

    changes: int

    def join(self, machine: Machine) -> None:
        """It takes cells from now on."""

    def leave(self, machine: Machine, reason: str) -> None:
        """It takes no cell any more; one that it had was returned or has ended."""

    def next(self, machine: Machine) -> Work | None:
        """What the machine, which runs nothing, is to run; None for nothing now."""

    def ended(self, machine: Machine, work: Work, record: Record) -> bool:
        """The cell has its record, which is stored: it ran, or was skipped, or the machine is lost
        with it. Returns whether the cell is over; else it runs again, here or elsewhere."""

    def returned(self, machine: Machine, work: Work) -> None:
        """The machine could not run the cell, which may be no fault of the row: it runs again."""

    def refused(self, machine: Machine, work: Work, reason: str) -> None:
        """The machine can run no cell of this dataset."""

    def is_over(self) -> bool:
        """Whether no machine that comes could have anything to do."""

    def close(self) -> list[str]:
        """No machine comes any more, which may decide what a cell has as its record. Returns a
        sentence for each part of the plan that did not run; [] where all is done."""


class Observer(StoreObserver, Protocol):
    """Is called as a run proceeds, for a terminal, a log, or a test."""

    def joined(self, machine: Machine) -> None: ...
    def left(self, machine: Machine, reason: str) -> None: ...
    def sends(self, machine: Machine, name: str, size: int) -> None:
        """A file that the machine does not have."""

    def planned(self, n_cells: int) -> None:
        """So many cells more are to run, or have records."""

    def already_done(self, machine: Machine, cell: Cell) -> None: ...
    def waiting(self, machine: Machine) -> None:
        """Another run is timing a cell there."""

    def started(self, machine: Machine, work: Work) -> None: ...
    def on_event(self, machine: Machine, event: Event) -> None: ...
    def tried_again(self, machine: Machine, reason: str) -> None:
        """The cell runs once more: what came of it may not be the row's fault."""

    def repeats(self, machine: Machine, cells: Sequence[Cell]) -> None:
        """These run, too, since the times of their rows are not known precisely enough yet."""

    def finished(self, machine: Machine, record: Record) -> None: ...
    def runs_again(self, machine: Machine, record: Record) -> None:
        """The cell has this record, and is not over: the machine was lost with it, or cannot run
        it."""

    def idle(self, return_s: float) -> None:
        """Nothing runs, and what is left waits so long for a machine that comes."""

    def moved(self, what: str, machine: Machine, reason: str) -> None:
        """What the machine was to run is for another one now."""
