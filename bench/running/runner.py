"""Cells to records on this machine: cells with a record are left out, each of the others runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from bench import machine
from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.execute import Executor
from bench.planning.describing import Sources
from bench.planning.plan import Cell
from bench.planning.repeats import Done, Precision, next_repeats
from bench.records import WELL, Record, Status
from bench.running.cells import Cells
from bench.running.goals import Goals
from bench.running.ledger import Ledger
from bench.running.observer import Observer
from bench.store import RecordStore


class Runner:
    """Runs a plan.

    exclusive  holds the machine for one cell at a time
    settled    the statuses of a record that need no other run
    blocks     parts of the test ratings, and of the validation ratings, whose squared errors each
               record has; 0 for none
    """

    def __init__(
        self,
        store: RecordStore,
        executor: Executor,
        observer: Observer,
        memory_limit_bytes: int,
        splits: Splits | None = None,
        exclusive: Callable[[Callable[[], None]], AbstractContextManager[None]] = locks.exclusive,
        settled: Collection[Status] = WELL,
        blocks: int = 0,
    ) -> None:
        self.splits = splits or Splits()
        self._observer, self._exclusive = observer, exclusive
        self._ledger = Ledger(store, observer, settled)
        self._cells = Cells(executor, self.splits, memory_limit_bytes, blocks)
        self._goals = Goals()

    @property
    def unwritten(self) -> list[Record]:
        """Records that the store could not take, the oldest first."""
        return self._ledger.unwritten

    def run(
        self, cells: list[Cell], *, fresh: bool, wanted: Precision | None = None
    ) -> list[Record]:
        """Run what has no record yet (all, where `fresh`), then repeats until the rows' times are
        as precise as `wanted`; returns the records, old and new.

        Raises HarnessError, and whatever else ends a run; every finished cell is recorded then.
        """
        runnable = [cell for cell in cells if cell.skip is None]
        self.watch(Sources({cell.class_path: cell.implementation_hash for cell in runnable}))
        done: list[Done] = []
        try:
            while cells:
                done += [(cell, self.record_of(cell, fresh=fresh)) for cell in cells]
                if cells := next_repeats(done, wanted):
                    self._observer.repeats(cells)
        finally:
            self.close()
        self.splits.discard()
        return [record for _, record in done]

    def watch(self, sources: Sources) -> None:
        """From now on no figure counts of a row whose source is not what was planned any more."""
        self._cells.sources = sources

    def close(self) -> None:
        """Try a last time to store what could not be, and say where it is otherwise."""
        self._ledger.close()

    def record_of(self, cell: Cell, *, fresh: bool = False) -> Record:
        """The record that the cell has, else (or where `fresh`) that of a run of it now."""
        if not fresh and (done := self._done(cell)):
            return done
        with self._exclusive(self._observer.waiting):
            # Once more: another run may have finished it while this one waited.
            if not fresh and (done := self._done(cell)):
                return done
            again = "" if fresh else self._ledger.why_again(cell, machine.environment())
            self._observer.started(cell, again)
            record = self._cells.run(cell, self._goals, self._observer)
            # Written before the next cell starts, so that a crash loses one at most.
            self._ledger.take(record)
        self._observer.finished(record)
        return record

    def _done(self, cell: Cell) -> Record | None:
        self._ledger.refresh()
        done = self._ledger.done(cell, machine.environment(), self._goals)
        if done is not None:
            self._observer.already_done(cell)
        return done
