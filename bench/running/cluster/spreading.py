"""Tables over machines: rows of different machines never share one.

A table is what its readers compare: a dataset, a split and a kind of device, or both kinds where
the goals of CUDA rows are what the baseline reaches on the CPU. It belongs to one machine for its
whole run, repeats included, and its cells keep their order there. It moves to another machine only
while the first one has made no figure of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.planning.plan import Cell
from bench.planning.repeats import Done, Precision, next_repeats
from bench.records import Record
from bench.report.formats import plural
from bench.running.cluster.machines import Machine, has_figures, placed, unrun
from bench.running.cluster.work import MOST_LOST, Observer, Work
from bench.running.goals import Goals
from bench.running.ledger import Key, Ledger, key_of


@dataclass
class Table:
    """Cells that one machine runs.

    cells    as planned
    keys     of the cells
    only     id of the machine for which it is, and no other; "" for any
    block    of cells that run in turn, from `place` on: those that were planned, then repeats
    done     each cell that ended on the machine, and its record
    refused  id -> why a machine cannot run it
    losses   name of a cell -> machines that were lost while it ran
    """

    cells: Sequence[Cell]
    only: str = ""
    keys: set[Key] = field(init=False)
    block: Sequence[Cell] = ()
    place: int = 0
    done: list[Done] = field(default_factory=list)
    goals: Goals = field(default_factory=Goals)
    refused: dict[str, str] = field(default_factory=dict)
    losses: Counter[str] = field(default_factory=Counter)
    _has_figures: bool = False

    def __post_init__(self) -> None:
        self.keys = {key_of(cell.request, cell.facts.data) for cell in self.cells}
        self.begin()

    def begin(self) -> None:
        """From the start, on a machine that is not known yet, without cells that end machines."""
        self.block = [cell for cell in self.cells if self.losses[_name(cell)] < MOST_LOST]
        self.place = 0
        self.done, self.goals, self._has_figures = [], Goals(), False

    def take(self, cell: Cell, record: Record) -> None:
        """The cell at `place` has its record."""
        self.place += 1
        self.done.append((cell, record))
        self.goals.learn(cell, record.curve)
        self._has_figures = self._has_figures or has_figures(record)

    def lose(self) -> bool:
        """The machine was lost; returns whether the cell at `place` is to run again."""
        name = _name(self.block[self.place])
        self.losses[name] += 1
        return self.losses[name] < MOST_LOST

    @property
    def n_left(self) -> int:
        """Cells of the block that have no record."""
        return len(self.block) - self.place

    @property
    def is_bound(self) -> bool:
        """Whether no other machine may run it any more."""
        return bool(self.only) or self._has_figures

    @property
    def is_of_cuda(self) -> bool:
        """Whether it has rows of CUDA."""
        return any(key.cuda for key in self.keys)

    @property
    def name(self) -> str:
        cell = self.cells[0].request
        cuda = all(key.cuda for key in self.keys)
        return f"{cell.dataset}, {cell.split}{', CUDA' * cuda}"


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
        self._waiting = defaultdict[str, list[Table]](list, {"": spread(cells)})
        self._owned: dict[str, Table] = {}
        self._machines: dict[str, Machine] = {}
        self._seen: set[str] = set()
        self._given_up: list[str] = []
        self._gone: dict[str, str] = {}
        observer.planned(len(cells))

    def join(self, machine: Machine) -> None:
        self._machines[machine.id] = machine
        if self._for_each is not None and machine.id not in self._seen:
            cells = self._for_each(machine)
            self._observer.planned(len(cells))
            self._waiting[machine.id] = spread(cells, only=machine.id)
        self._seen.add(machine.id)
        self.changes += 1

    def leave(self, machine: Machine, reason: str) -> None:
        self._machines.pop(machine.id, None)
        self._gone.pop(machine.id, None)
        self._gone[machine.id] = f" ({machine.name}: {reason})"  # the last one
        table = self._owned.get(machine.id)
        if table is not None and not table.is_bound:
            self._release(table, machine, f"it {reason}")
        self.changes += 1
        self._give_up_refused()

    def next(self, machine: Machine) -> Work | None:
        while (table := self._table_for(machine)) is not None:
            if (work := self._next_of(table, machine)) is not None:
                return work
            del self._owned[machine.id]
        return None

    def ended(self, machine: Machine, work: Work, record: Record) -> None:
        table = self._owned[machine.id]
        self.records.append(record)
        if record.status == "lost":
            if table.lose():  # the machine leaves now, and whichever has the table then begins here
                self._observer.planned(1)
                return
            row = work.cell.request.implementation
            why = f"{MOST_LOST} machines were lost while {row} ran"
            self._given_up.append(f"1 cell of {table.name} did not run: {why}")
        table.take(work.cell, record)
        if not table.n_left and not self._goes_on(table, machine):
            del self._owned[machine.id]

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
            self._give_up_refused()

    def left_over(self) -> list[str]:
        waiting = [table for tables in self._waiting.values() for table in tables]
        whose = [*self._owned.items(), *((table.only, table) for table in waiting)]
        return [*self._given_up, *(_not_run(table, self._why(owner)) for owner, table in whose)]

    def _why(self, owner: str) -> str:
        """Why nobody runs a table of the machine, or of any where that is ""."""
        if owner:
            return f"{owner} left, which alone may run them{self._gone.get(owner, '')}"
        return f"no machine is there{next(reversed(self._gone.values()), '')}"

    def _table_for(self, machine: Machine) -> Table | None:
        if machine.id not in self._owned and (table := self._choice(machine)) is not None:
            self._waiting[table.only].remove(table)
            self._owned[machine.id] = table
        return self._owned.get(machine.id)

    def _choice(self, machine: Machine) -> Table | None:
        """The first waiting table that is for the machine: one that it has rows of goes first, and
        one of CUDA that it cannot run last, so that a machine which can may still come."""

        if own := self._waiting[machine.id]:
            return own[0]

        def place(table: Table) -> tuple[bool, bool]:
            strange = table.is_of_cuda and not machine.has_cuda
            return self._preferred(table) != machine.id, strange

        able = [table for table in self._waiting[""] if self._may_take(table, machine)]
        return min(able, key=place, default=None)

    def _may_take(self, table: Table, machine: Machine) -> bool:
        return self._can_run(table, machine) and self._preferred(table) in ("", machine.id)

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
                record = None if self._fresh else self._ledger.done(cell, here, table.goals)
                if record is None:
                    again = "" if self._fresh else self._ledger.why_again(cell, here)
                    return Work(cell, again, table.goals.of(cell))
                table.take(cell, record)
                self.records.append(record)
                self._observer.already_done(machine, cell)
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
        self._waiting[""].append(table)
        self.changes += 1
        self._observer.moved(table.name, machine, reason)

    def _give_up_refused(self) -> None:
        """Skip the cells of the tables that every machine has refused which is there."""
        there = [*self._machines.values()]
        for table in [*self._waiting[""]]:
            if there and all(each.id in table.refused for each in there):
                self._waiting[""].remove(table)
                reasons = "; ".join(f"{each.name}: {table.refused[each.id]}" for each in there)
                self._skip(table, there[0], reasons)

    def _skip(self, table: Table, machine: Machine, reason: str) -> None:
        """Each cell of the table that has not ended gets a record of that."""
        for cell in table.block[table.place :]:
            record = unrun(cell, machine, "skipped", reason)
            self._ledger.take(record)
            self.records.append(record)
            self._observer.finished(machine, record)


def spread(cells: Sequence[Cell], only: str = "") -> list[Table]:
    """The tables of a plan in the order of their first cells; those of CUDA last."""
    found: dict[Key, list[Cell]] = {}
    for cell in cells:
        key = key_of(cell.request, cell.facts.data)
        if not cell.facts.goals:
            key = key._replace(cuda=False)  # after its baseline, and on the machine of that
        found.setdefault(key, []).append(cell)
    return [Table(found[key], only) for key in sorted(found, key=lambda key: key.cuda)]


def _not_run(table: Table, why: str) -> str:
    return f"{plural(table.n_left, 'cell')} of {table.name} did not run: {why}"


def _name(cell: Cell) -> str:
    """Of no other cell."""
    return f"{cell.class_path} {cell.request}"
