"""The client of a cluster: hands out cells, one to each free machine, and stores what comes back.

All of it happens in one thread. The work for a cell is constant: one task, the few reports of it,
and one line at the end of the store.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from bench.cell.events import parse
from bench.cell.watch import Limits
from bench.planning.plan import EVERY_CORE
from bench.planning.rules import Rules
from bench.records import Record
from bench.running.cluster import copies
from bench.running.cluster.machines import Machine, unrun
from bench.running.cluster.payload import Answer, Payload, Setting
from bench.running.cluster.pool import Answered, Broken, Gone, Pool, Report, Reported
from bench.running.cluster.station import put_piece, run_cell
from bench.running.cluster.work import Observer, Plan, Work
from bench.running.ledger import Ledger
from bench.store import NotARecordError, parsed
from datasets.errors import DataError

LOOK_S = 1.0
"""From one look at which machines are there to the next, at least."""

RETURN_S = 10.0
"""As long as a service takes that starts a worker again."""

SILENT_S = 120.0
"""How much longer a cell may report nothing than two of its phases may take."""

BEGIN_S = 1800.0
"""How long a machine may take to begin with a cell, in which it may have to download its data; a
wait for another run there does not count."""

MOST_BROKEN = 2
"""Machines that may break on one cell: then it is the cell that breaks them."""


@dataclass
class Task:
    """What a machine does.

    heard_s     when it was given that, or last reported on it
    is_waiting  whether it waits for another run there, or did
    has_begun   whether the cell runs
    pieces      of the file that is sent before the cell can run; None where none is
    has_pieces  whether all of them have been sent
    """

    machine: Machine
    work: Work
    name: str = ""
    heard_s: float = -math.inf
    is_waiting: bool = False
    has_begun: bool = False
    pieces: Iterator[tuple[str, int, bytes]] | None = field(default=None, repr=False)
    has_pieces: bool = False

    @property
    def silence_s(self) -> float:
        """How long it may report nothing."""
        return silence_s(self.work.cell.rules) if self.has_begun else BEGIN_S


class Dispatch:
    """Runs plans, one after the other, on the machines of a pool.

    setting   of all cells
    return_s  how long a run that no machine goes on with waits for one to come, or to come back
    timer     the clock, in seconds
    """

    def __init__(
        self,
        pool: Pool,
        ledger: Ledger,
        observer: Observer,
        setting: Setting,
        return_s: float = RETURN_S,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool, self._ledger, self._observer = pool, ledger, observer
        self._setting, self._return_s, self._timer = setting, return_s, timer
        self._machines: dict[str, Machine] = {}
        self._aside: set[tuple[str, str]] = set()
        self._broken: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._tasks: dict[str, Task] = {}
        self._busy: dict[str, Task] = {}
        self._free: dict[str, Machine] = {}
        self._idle: dict[str, Machine] = {}
        self._looked_s = -math.inf
        self._moved_s = timer()

    def run(self, plan: Plan) -> list[str]:
        """Run a plan to its end; returns a sentence for each part of it that no machine could run.

        Raises ClusterError where the cluster is gone, and DataError where a file that is to be
        sent is not what it was. However it ends, what was running ends on its machine, and what had
        ended is stored.
        """
        changes = plan.changes
        self._moved_s = self._timer()
        self._free |= self._idle
        self._idle.clear()
        for machine in self._machines.values():
            plan.join(machine)
        try:
            while True:
                self._look(plan)
                if plan.changes != changes:
                    changes = plan.changes
                    self._free |= self._idle
                    self._idle.clear()
                self._hand_out(plan)
                if not self._tasks and self._is_over(plan):
                    return plan.left_over()
                if (report := self._pool.next(LOOK_S)) is not None:
                    self._hear(plan, report)
        finally:
            for task in [*self._tasks.values()]:
                self._end(task)

    def _is_over(self, plan: Plan) -> bool:
        """Whether nothing is left, or no machine has come for it in time."""
        return not plan.left_over() or self._timer() > self._moved_s + self._return_s

    def _look(self, plan: Plan) -> None:
        """Notice who came and who left, and whose cell has been silent for too long."""
        if self._timer() < self._looked_s + LOOK_S:
            return
        self._looked_s = self._timer()
        there = [Machine(address, each) for address, each in self._pool.look().items()]
        known = {machine.key for machine in self._machines.values()} | self._aside
        while (report := self._pool.next(0)) is not None:  # what ended before its machine left
            self._hear(plan, report)
        keys = {machine.key for machine in there}
        for machine in [*self._machines.values()]:
            if machine.key not in keys:
                self._part(plan, machine, "left the cluster")
        for machine in there:
            if machine.key not in known:
                self._machines[machine.address] = self._free[machine.address] = machine
                self._moved_s = self._timer()
                self._observer.joined(machine)
                plan.join(machine)
        for task in [*self._tasks.values()]:
            if self._timer() > task.heard_s + task.silence_s:
                self._aside.add(task.machine.key)
                self._part(plan, task.machine, f"has reported nothing for {task.silence_s:.0f} s")

    def _hand_out(self, plan: Plan) -> None:
        while self._free:
            address, machine = next(iter(self._free.items()))
            del self._free[address]
            if (work := plan.next(machine)) is None:
                self._idle[address] = machine
            else:
                self._begin(Task(machine, work))

    def _begin(self, task: Task) -> None:
        """Run its cell, once the machine has what it needs."""
        work, address = task.work, task.machine.address
        if task.pieces is not None and (piece := next(task.pieces, None)) is not None:
            task.name = self._pool.submit(address, put_piece, *piece)
        else:
            task.has_pieces = task.pieces is not None
            task.pieces = None
            payload = Payload.of(work.cell, self._setting, work.goals)
            task.name = self._pool.submit(address, run_cell, payload.to_json())
        task.heard_s = self._timer()
        self._tasks[task.name] = self._busy[address] = task

    def _end(self, task: Task) -> None:
        self._pool.cancel(task.name)
        del self._tasks[task.name], self._busy[task.machine.address]

    def _hear(self, plan: Plan, report: Report) -> None:
        if (task := self._tasks.get(report.task)) is None:
            return
        self._moved_s = self._timer()
        match report:
            case Reported():
                self._listen(task, report.what, report.text)
                return
            case Gone():
                self._part(plan, task.machine, "was lost")
                return
        self._end(task)
        match report:
            case Broken():
                self._broke(plan, task, report.reason)
            case Answered() if task.pieces is not None:
                if report.text:
                    self._set_aside(plan, task, f"cannot store a file: {report.text}")
                else:
                    self._begin(task)
            case Answered():
                self._settle(plan, task, report.text)

    def _listen(self, task: Task, what: str, text: str) -> None:
        machine = task.machine
        task.heard_s = self._timer()
        match what:
            case "waiting":
                if not task.is_waiting:
                    self._observer.waiting(machine)
                task.is_waiting = True
            case "started":
                task.has_begun = True
                self._observer.started(machine, task.work)
            case "again":
                self._observer.tried_again(machine, text)
            case "event":
                self._observer.on_event(machine, parse(text.encode()))

    def _settle(self, plan: Plan, task: Task, text: str) -> None:
        """What came of a cell."""
        machine, work = task.machine, task.work
        try:
            answer = Answer.from_json(text)
            record = parsed(answer.record) if answer.record else None
        except (ValidationError, NotARecordError, ValueError) as error:
            self._broke(plan, task, f"its answer cannot be read: {error}".partition("\n")[0])
            return
        if record is not None:
            self._store(plan, machine, work, record)
            self._free[machine.address] = machine
        elif answer.missing and task.has_pieces:
            self._set_aside(plan, task, f"does not keep what it is sent: {answer.missing[0]}")
        elif answer.missing:
            task.pieces = self._pieces(machine, answer.missing)
            self._begin(task)
        elif answer.refused:
            plan.refused(machine, work, answer.refused)
            self._free[machine.address] = machine
        else:
            self._broke(plan, task, answer.broken or "its answer is empty")

    def _store(self, plan: Plan, machine: Machine, work: Work, record: Record) -> None:
        record = self._ledger.store.shared(record)
        self._ledger.take(record)  # before all else: what follows may be interrupted
        plan.ended(machine, work, record)
        self._observer.finished(machine, record)

    def _pieces(self, machine: Machine, paths: list[str]) -> Iterator[tuple[str, int, bytes]]:
        for path in paths:
            file = self._setting.files[path]
            if copies.described(path) != file:
                raise DataError(f"{path} changed after the run began", "Run the command again")
            self._observer.sends(machine, path, file.size)
            offset = 0
            for piece in copies.pieces(path):
                yield file.to_json(), offset, piece
                offset += len(piece)

    def _broke(self, plan: Plan, task: Task, reason: str) -> None:
        """The machine could not run the cell, and whether through its own fault is not known: the
        next one that breaks on the cell shows that it is the cell's, and all may go on."""
        keys = self._broken[_name(task.work)]
        keys.add(task.machine.key)
        if len(keys) < MOST_BROKEN:
            self._set_aside(plan, task, reason)
            return
        self._aside -= keys
        failed = unrun(
            task.work.cell, task.machine, "failed", f"broke {MOST_BROKEN} machines: {reason}"
        )
        self._store(plan, task.machine, task.work, failed)
        self._free[task.machine.address] = task.machine

    def _set_aside(self, plan: Plan, task: Task, reason: str) -> None:
        """The machine gets no cell any more, through its own fault; its cell has no record."""
        plan.returned(task.machine, task.work)
        self._aside.add(task.machine.key)
        self._part(plan, task.machine, reason)

    def _part(self, plan: Plan, machine: Machine, reason: str) -> None:
        """It is gone, and the cell that it ran is lost."""
        if (task := self._busy.get(machine.address)) is not None:
            self._end(task)
            if task.has_begun:
                why = f"its machine {machine.name} {reason} while it ran"
                self._store(plan, machine, task.work, unrun(task.work.cell, machine, "lost", why))
            else:
                plan.returned(machine, task.work)
        for known in (self._machines, self._free, self._idle):
            known.pop(machine.address, None)
        self._moved_s = self._timer()
        plan.leave(machine, reason)
        self._observer.left(machine, reason)


def _name(work: Work) -> str:
    """Of its cell, whichever machine it is for."""
    request = work.cell.request.model_copy(update={"threads": EVERY_CORE, "pinned": False})
    return f"{work.cell.class_path} {request}"


def silence_s(rules: Rules) -> float:
    """How long a cell that runs may report nothing: its own limits end each of its phases, of which
    an evaluation may be within another one."""
    limits = Limits(rules.time_limit_s, 0)
    return 2 * (limits.time_limit_s + limits.grace_s) + SILENT_S
