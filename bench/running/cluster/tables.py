"""The tables of a plan, and those that wait for a machine.

A table is what its readers compare: a dataset, a split and a kind of device, or both kinds where
the goals of CUDA rows are what the baseline reaches on the CPU.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.planning.plan import Cell
from bench.planning.repeats import Done
from bench.records import Record
from bench.report.formats import plural
from bench.running.cluster.machines import Machine, has_figures
from bench.running.cluster.work import MOST_LOST
from bench.running.goals import Goals
from bench.running.ledger import Key, key_of


@dataclass
class Table:
    """Cells that one machine runs.

    cells       as planned
    keys        of the cells
    is_of_cuda  whether it has rows of CUDA
    only        id of the machine for which it is, and no other; "" for any
    block       of cells that run in turn, from `place` on: those that were planned, then repeats
    done        each cell that ended on the machine, and its record
    refused     id -> why a machine cannot run it
    losses      name of a cell -> machines that were lost with it
    """

    cells: Sequence[Cell]
    only: str = ""
    keys: set[Key] = field(init=False)
    is_of_cuda: bool = field(init=False)
    block: Sequence[Cell] = ()
    place: int = 0
    done: list[Done] = field(default_factory=list)
    goals: Goals = field(default_factory=Goals)
    refused: dict[str, str] = field(default_factory=dict)
    losses: Counter[str] = field(default_factory=Counter)
    _ended: dict[tuple[str, str], Record] = field(default_factory=dict)
    _has_figures: bool = False

    def __post_init__(self) -> None:
        self.keys = {key_of(cell.request, cell.facts.data) for cell in self.cells}
        self.is_of_cuda = any(key.cuda for key in self.keys)
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
        self._ended[record.environment.machine, _name(cell)] = record

    def ended_on(self, machine: Machine, cell: Cell) -> Record | None:
        """The record that the cell got on the machine before the table went elsewhere, in this
        run; None where it has to be looked for or made."""
        return self._ended.get((machine.id, _name(cell)))

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
    def name(self) -> str:
        cell = self.cells[0].request
        cuda = all(key.cuda for key in self.keys)
        return f"{cell.dataset}, {cell.split}{', CUDA' * cuda}"

    def not_run(self, why: str) -> str:
        return f"{plural(self.n_left, 'cell')} of {self.name} did not run: {why}"


def spread(cells: Sequence[Cell], only: str = "") -> list[Table]:
    """The tables of a plan in the order of their first cells; those of CUDA last."""
    found: dict[Key, list[Cell]] = {}
    for cell in cells:
        key = key_of(cell.request, cell.facts.data)
        if not cell.facts.goals:
            key = key._replace(cuda=False)  # after its baseline, and on the machine of that
        found.setdefault(key, []).append(cell)
    return [Table(found[key], only) for key in sorted(found, key=lambda key: key.cuda)]


Queue = deque[tuple[int, Table]]
"""Of numbered tables that the same machines can run, the oldest first."""


class Waiting:
    """Tables that wait for any machine, in queues: of a queue only the first table is looked at, so
    a choice costs the same however many wait.

    home_of  id of the machine that is to have a table; "" for any
    can_run  whether a machine can run a table; the same for tables that are alike in `is_of_cuda`
             and in who refused them
    """

    def __init__(
        self,
        tables: Sequence[Table],
        home_of: Callable[[Table], str],
        can_run: Callable[[Table, Machine], bool],
    ) -> None:
        self._home_of, self._can_run = home_of, can_run
        self._numbers = itertools.count()
        self._unsorted: list[tuple[int, Table]] = []
        self._queues: defaultdict[str, dict[object, Queue]] = defaultdict(dict)
        for table in tables:
            self.add(table)

    def __iter__(self) -> Iterator[Table]:
        """All tables, the oldest first."""
        self.machines_changed()
        return iter([table for _, table in self._unsorted])

    def add(self, table: Table) -> None:
        self._unsorted.append((next(self._numbers), table))

    def machines_changed(self) -> None:
        """Who is to have a table may be another machine now: all are queued anew when one is
        wanted next."""
        for alike in self._queues.values():
            self._unsorted += itertools.chain(*alike.values())
        self._unsorted.sort(key=lambda numbered: numbered[0])
        self._queues.clear()

    def pop(self, machine: Machine) -> Table | None:
        """The first table for the machine: one that is to go there first, and one of CUDA that it
        cannot run last, so that a machine which can may still come."""
        self._sort()

        def rank(queue: Queue) -> tuple[bool, int]:
            number, table = queue[0]
            return table.is_of_cuda and not machine.has_cuda, number

        for home in (machine.id, ""):
            alike = self._queues[home]
            able = [key for key, queue in alike.items() if self._can_run(queue[0][1], machine)]
            if able:
                first = min(able, key=lambda key: rank(alike[key]))
                _, table = alike[first].popleft()
                if not alike[first]:
                    del alike[first]
                return table
        return None

    def _sort(self) -> None:
        for numbered in self._unsorted:
            table = numbered[1]
            key = (table.is_of_cuda, frozenset(table.refused))
            self._queues[self._home_of(table)].setdefault(key, deque()).append(numbered)
        self._unsorted.clear()


def _name(cell: Cell) -> str:
    """Of no other cell."""
    return f"{cell.class_path} {cell.request}"
