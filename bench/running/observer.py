"""What a run reports as it proceeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bench.cell.events import Event
from bench.planning.plan import Cell
from bench.records import Record


class Listener(Protocol):
    """Is called as one cell runs."""

    def on_event(self, event: Event) -> None: ...
    def tried_again(self, reason: str) -> None:
        """The cell runs once more: what came of it may not be the row's fault."""


class StoreObserver(Protocol):
    """Is called where records cannot be stored."""

    def not_stored(self, count: int, error: OSError, kept: Path | None) -> None:
        """`count` records are not in their store yet; the file `kept` has them meanwhile."""

    def never_stored(self, records: list[Record], kept: Path | None) -> None:
        """The run ends, and these are in the file `kept` alone, or in none."""


class Observer(Listener, StoreObserver, Protocol):
    """Is called as a run on this machine proceeds, for a terminal, a log, or a test."""

    def already_done(self, cell: Cell) -> None: ...
    def waiting(self) -> None: ...
    def started(self, cell: Cell, again: str) -> None:
        """`again`: why a cell with a record runs again; "" where it is new."""

    def repeats(self, cells: Sequence[Cell]) -> None:
        """These run, too, since the times of their rows are not known precisely enough yet."""

    def finished(self, record: Record) -> None: ...
