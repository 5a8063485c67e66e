"""What is said of the cells of a choice, whose better trials and final runs have lines of their
own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cell.events import Event
from bench.planning.plan import Cell
from bench.records import Record
from bench.report.formats import plural
from bench.running.cells import was_refused


@dataclass
class Watching:
    """An observer of its runs.

    note  receives lines beside the result
    warn  receives what must not be missed
    """

    note: Callable[[str], None]
    warn: Callable[[str], None]

    def already_done(self, cell: Cell) -> None: ...
    def started(self, cell: Cell, again: str) -> None: ...
    def on_event(self, event: Event) -> None: ...
    def repeats(self, cells: Sequence[Cell]) -> None: ...

    def waiting(self) -> None:
        self.note("waiting: another ratebench run is timing a cell on this machine")

    def tried_again(self, reason: str) -> None:
        self.note(f"a trial runs again, since something else may be the cause: {reason}")

    def finished(self, record: Record) -> None:
        if record.status in ("failed", "out of memory") and not was_refused(record):
            self.warn(f"{record.cell.implementation}: {record.status}: {record.reason}")

    def not_stored(self, count: int, error: OSError, kept: Path | None) -> None:
        meanwhile = f"in {kept}" if kept else "in memory"
        count_of = plural(count, "record")
        self.warn(f"{count_of} could not be stored ({error.strerror or error}); {meanwhile}")

    def never_stored(self, records: list[Record], kept: Path | None) -> None:
        self.warn(
            f"{plural(len(records), 'record')} could not be stored; {kept or 'they are lost'}"
        )
