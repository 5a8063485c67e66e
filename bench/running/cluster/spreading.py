"""Tables over machines: rows of different machines never share one.

A table belongs to one machine for its whole run, repeats included, and its cells keep their order
there. It moves to another machine only while the first one has made no figure of it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from bench.planning.plan import Cell
from bench.planning.repeats import Precision, next_repeats
from bench.records import Record
from bench.running.cluster.machines import Machine, placed, unrun
from bench.running.cluster.tables import Table, Waiting, spread
from bench.running.cluster.work import MOST_LOST, Observer, Work
from bench.running.ledger import Ledger


class Spreading:
    """A `Plan` of tables, each for one machine, or all for each.

    cells     of the plan, where each table is for one machine
    for_each  the cells of a machine, where the whole plan is for each
    fresh     whether cells run that have a record
    wanted    how well times are to be known, until which rows are repeated
    records   of all cells that have ended, or had one before
    """

    def __init__(
        self,
        ledger: Ledger,
        observer: Observer,
        *,
        cells: Sequence[Cell] = (),
        for_each: Callable[[Machine], Sequence[Cell]] | None = None,
        fresh: bool = False,
        wanted: Precision | None = None,
    ) -> None:
        self.changes = 0
        self.records: list[Record] = []
        self._ledger, self._observer = ledger, observer
        self._for_each, self._fresh, self._wanted = for_each, fresh, wanted
        self._waiting = Waiting(spread(cells), self._preferred, self._can_run)
        self._own: dict[str, deque[Table]] = {}
        self._owned: dict[str, Table] = {}
        self._machines: dict[str, Machine] = {}
        self._given_up: list[str] = []
        self._gone: dict[str, str] = {}
        observer.planned(len(cells))

    def join(self, machine: Machine) -> None:
        self._machines[machine.id] = machine
        if self._for_each is not None and machine.id not in self._own:
            cells = self._for_each(machine)
            self._observer.planned(len(cells))
            self._own[machine.id] = deque(spread(cells, only=machine.id))
        self._machines_changed()

    def leave(self, machine: Machine, reason: str) -> None:
        self._machines.pop(machine.id, None)
        self._gone.pop(machine.id, None)
        self._gone[machine.id] = f" ({machine.name}: {reason})"  # the last one
        table = self._owned.get(machine.id)
        if table is not None and not table.is_bound:
            self._release(table, machine, f"it {reason}")
        self._machines_changed()

    def next(self, machine: Machine) -> Work | None:
        while (table := self._table_for(machine)) is not None:
            if (work := self._next_of(table, machine)) is not None:
                return work
            del self._owned[machine.id]
        return None

    def ended(self, machine: Machine, work: Work, record: Record) -> bool:
        table = self._owned[machine.id]
        self.records.append(record)
        if record.status == "lost":
            if table.lose():
                return False  # the machine leaves now, and whichever has the table then begins here
            row = work.cell.request.implementation
            why = f"{MOST_LOST} machines were lost with {row}"
            self._given_up.append(f"1 cell of {table.name} did not run: {why}")
        table.take(work.cell, record)
        if not table.n_left and not self._goes_on(table, machine):
            del self._owned[machine.id]
        return True

    def returned(self, machine: Machine, work: Work) -> None:
        """Its place in the table is still that of the cell."""

    def refused(self, machine: Machine, work: Work, reason: str) -> None:  # noqa: ARG002
        table = self._owned[machine.id]
        table.refused[machine.id] = reason
        if table.is_bound:
            del self._owned[machine.id]
            self._skip(table, machine, reason)
        else:
            self._release(table, machine, reason)

    def is_over(self) -> bool:
        return not (self._owned or any(self._own.values()) or [*self._waiting])

    def close(self) -> list[str]:
        """Skips the cells of the tables that every machine has refused which is there."""
        own = [(table.only, table) for tables in self._own.values() for table in tables]
        left = [*self._owned.items(), *own]
        there = [*self._machines.values()]
        for table in self._waiting:
            if there and all(each.id in table.refused for each in there):
                reasons = "; ".join(f"{each.name}: {table.refused[each.id]}" for each in there)
                self._skip(table, there[0], reasons)
            else:
                left.append(("", table))
        return [*self._given_up, *(table.not_run(self._why(owner)) for owner, table in left)]

    def _machines_changed(self) -> None:
        self._waiting.machines_changed()
        self.changes += 1

    def _why(self, owner: str) -> str:
        """Why nobody runs a table of the machine, or of any where that is ""."""
        if owner:
            return f"{owner} left, which alone may run them{self._gone.get(owner, '')}"
        return f"no machine is there{next(reversed(self._gone.values()), '')}"

    def _table_for(self, machine: Machine) -> Table | None:
        if machine.id not in self._owned and (table := self._choice(machine)) is not None:
            self._owned[machine.id] = table
        return self._owned.get(machine.id)

    def _choice(self, machine: Machine) -> Table | None:
        if own := self._own.get(machine.id):
            return own.popleft()
        return self._waiting.pop(machine)

    def _can_run(self, table: Table, machine: Machine) -> bool:
        """Whether it has not refused the table, and has a CUDA device where that needs one and a
        machine has one that could run it."""
        if machine.id in table.refused:
            return False
        if machine.has_cuda or not table.is_of_cuda:
            return True
        others = self._machines.values()
        return not any(each.has_cuda and each.id not in table.refused for each in others)

    def _preferred(self, table: Table) -> str:
        """Id of the machine, of those that are there and can run it, that has the most rows of the
        table already; "" where none has any."""
        counts = Counter[str]()
        for key in table.keys:
            counts.update(self._ledger.rows_by_machine(key))
        there = [self._machines[id_] for id_ in counts if id_ in self._machines]
        able = [machine.id for machine in there if self._can_run(table, machine)]
        return max(able, key=lambda id_: counts[id_], default="")

    def _next_of(self, table: Table, machine: Machine) -> Work | None:
        """The first cell of the table that has no record on the machine; None where it is over."""
        here = machine.environment
        while table.block:
            while table.place < len(table.block):
                cell = placed(table.block[table.place], machine)
                if (record := table.ended_on(machine, cell)) is not None:
                    self._observer.planned(-1)  # it was to run once more
                elif not self._fresh and (record := self._ledger.done(cell, here, table.goals)):
                    self.records.append(record)
                    self._observer.already_done(machine, cell)
                else:
                    again = "" if self._fresh else self._ledger.why_again(cell, here)
                    return Work(cell, again, table.goals.of(cell))
                table.take(cell, record)
            self._goes_on(table, machine)
        return None

    def _goes_on(self, table: Table, machine: Machine) -> bool:
        """Whether repeats follow a block that has ended."""
        table.block, table.place = next_repeats(table.done, self._wanted), 0
        if table.block:
            self._observer.repeats(machine, table.block)
        return bool(table.block)

    def _release(self, table: Table, machine: Machine, reason: str) -> None:
        """Any other machine may have it."""
        del self._owned[machine.id]
        before = table.n_left
        table.begin()
        self._observer.planned(table.n_left - before)  # those that ended, once more
        self._waiting.add(table)
        self.changes += 1
        self._observer.moved(table.name, machine, reason)

    def _skip(self, table: Table, machine: Machine, reason: str) -> None:
        """Each cell of the table that has not ended gets a record of that."""
        for cell in table.block[table.place :]:
            record = unrun(cell, machine, "skipped", reason)
            self._ledger.take(record)
            self.records.append(record)
            self._observer.finished(machine, record)
