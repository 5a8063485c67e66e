"""The client of a cluster: hands out cells, one to each free machine, and stores what comes back.

All of it happens in one thread. The work for a cell is constant: one task, the few reports of it,
and one line at the end of the store.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.cell.events import NotAnEventError, parse
from bench.cell.watch import Limits
from bench.planning.plan import EVERY_CORE
from bench.planning.rules import Rules
from bench.records import Record
from bench.running.cluster import copies
from bench.running.cluster.machines import Machine, unrun
from bench.running.cluster.payload import Answer, Payload, Setting, UnreadableError
from bench.running.cluster.pool import Answered, Broken, Gone, Pool, Report, Reported
from bench.running.cluster.station import put_piece, run_cell
from bench.running.cluster.work import Observer, Plan, Work
from bench.running.ledger import Ledger
from bench.store import NotARecordError, parsed
from datasets.errors import DataError

LOOK_S = 1.0
"""From one look at which machines are there to the next, at least."""

RETURN_S = 60.0
"""As long as a batch system or a loop in a shell takes that starts a worker again."""

SILENT_S = 120.0
"""How much longer a cell may report nothing than two of its phases may take."""

MOST_BROKEN = 2
"""Machines that may break on one cell: then it is the cell that breaks them."""

START_S = 1800.0
"""How long a machine may take to start a cell that it has begun with, in which it may have to
download its data; a wait for another run there does not count."""


@dataclass
class Task:
    """A cell that a machine has been given.

    heard_s      when it was given that, or last reported on it
    has_begun    whether it came to its turn on the worker, which another client may use, too
    is_waiting   whether it waits for another run there, or did
    has_started  whether the cell runs
    pieces       of the file that is sent before the cell can run; None where none is
    has_pieces   whether all of them have been sent
    """

    machine: Machine
    work: Work
    name: str = ""
    heard_s: float = -math.inf
    has_begun: bool = False
    is_waiting: bool = False
    has_started: bool = False
    pieces: Iterator[tuple[str, int, bytes]] | None = field(default=None, repr=False)
    has_pieces: bool = False

    @property
    def silence_s(self) -> float:
        """How long it may report nothing."""
        if not self.has_begun:
            return math.inf
        return silence_s(self.work.cell.rules) if self.has_started else START_S


class Dispatch:
    """Runs plans, one after the other, on the machines of a pool.

    A cell that a machine has been given comes to one of these:

    | what the machine does            | its cell                     | the machine            |
    |----------------------------------|------------------------------|------------------------|
    | answers with a record            | has that                     | is free                |
    | says that it cannot run the data | is no longer of this machine | is free                |
    | keeps no file that it is sent    | runs again                   | gets no more cells     |
    | breaks, or answers with garbage  | runs again; at the second    | gets no more cells; at |
    |                                  | machine it has `failed`      | the second all go on   |
    | is lost, or silent for too long  | is `lost`, and runs again    | is gone                |
    |                                  | until `MOST_LOST` were lost  |                        |

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
        self._broken: dict[str, dict[tuple[str, str], str]] = {}  # cell -> machine -> how
        self._tasks: dict[str, Task] = {}
        self._busy: dict[str, Task] = {}
        self._free: dict[str, Machine] = {}
        self._idle: dict[str, Machine] = {}
        self._looked_s = -math.inf
        self._moved_s = timer()
        self._is_idle = False

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
                if not self._tasks:
                    if self._is_over(plan):
                        return plan.close()
                    if not self._is_idle:
                        self._is_idle = True
                        self._observer.idle(self._return_s)
                if (report := self._pool.next(LOOK_S)) is not None:
                    self._hear(plan, report)
        finally:
            for task in [*self._tasks.values()]:
                self._end(task)

    def _is_over(self, plan: Plan) -> bool:
        """Whether nothing is left, or no machine has come for it in time."""
        return plan.is_over() or self._timer() > self._moved_s + self._return_s

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
                self._join(plan, machine)
        for task in [*self._tasks.values()]:
            if self._timer() > task.heard_s + task.silence_s:
                self._aside.add(task.machine.key)
                self._part(plan, task.machine, f"has reported nothing for {task.silence_s:.0f} s")

    def _join(self, plan: Plan, machine: Machine) -> None:
        self._moved_s = self._timer()
        if problem := self._ledger.problem(machine.id):
            self._aside.add(machine.key)
            self._observer.left(machine, f"gets no cell: {problem}")
            return
        self._machines[machine.address] = self._free[machine.address] = machine
        self._observer.joined(machine)
        plan.join(machine)

    def _hand_out(self, plan: Plan) -> None:
        while self._free:
            address, machine = next(iter(self._free.items()))
            del self._free[address]
            if (work := plan.next(machine)) is None:
                self._idle[address] = machine
            elif self._has_broken(work, machine):
                self._fail(plan, machine, work)
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
        task.heard_s, task.has_begun = self._timer(), False
        self._tasks[task.name] = self._busy[address] = task
        self._is_idle = False

    def _end(self, task: Task) -> None:
        self._pool.cancel(task.name)
        del self._tasks[task.name], self._busy[task.machine.address]

    def _hear(self, plan: Plan, report: Report) -> None:
        if (task := self._tasks.get(report.task)) is None:
            return
        self._moved_s = self._timer()
        match report:
            case Reported():
                self._listen(plan, task, report.what, report.text)
            case Gone():
                self._part(plan, task.machine, "was lost")
            case Broken():
                self._broke(plan, task, report.reason)
            case Answered() if task.pieces is None:
                self._settle(plan, task, report.text)
            case Answered() if report.text:
                self._set_aside(plan, task, f"cannot store a file: {report.text}")
            case Answered():
                self._end(task)
                self._begin(task)

    def _listen(self, plan: Plan, task: Task, what: str, text: str) -> None:
        machine = task.machine
        task.heard_s, task.has_begun = self._timer(), True
        match what:
            case "waiting":
                if not task.is_waiting:
                    self._observer.waiting(machine)
                task.is_waiting = True
            case "started":
                task.has_started = True
                self._observer.started(machine, task.work)
            case "again":
                self._observer.tried_again(machine, text)
            case "event":
                try:
                    event = parse(text.encode(errors="replace"))
                except NotAnEventError as error:
                    self._broke(plan, task, f"its report cannot be read: {error}")
                else:
                    self._observer.on_event(machine, event)

    def _settle(self, plan: Plan, task: Task, text: str) -> None:
        """What came of a cell."""
        machine, work = task.machine, task.work
        try:
            answer = Answer.from_json(text)
            record = _record(answer, task)
            missing = self._missing(answer, task)
        except (UnreadableError, NotARecordError) as error:
            self._broke(plan, task, f"its answer cannot be read: {error}")
            return
        if missing and task.has_pieces:
            self._set_aside(plan, task, f"does not keep what it is sent: {missing[0]}")
        elif missing:
            self._end(task)
            task.pieces = self._pieces(machine, missing)
            self._begin(task)
        elif record is None and not answer.refused:
            self._broke(plan, task, answer.broken or "its answer is empty")
        else:
            self._end(task)
            self._free[machine.address] = machine
            if record is None:
                plan.refused(machine, work, answer.refused)
            else:
                self._store(plan, machine, work, record)

    def _missing(self, answer: Answer, task: Task) -> list[str]:
        """Paths of the cell's files that its machine does not have. Raises UnreadableError."""
        needed = self._setting.on(task.work.cell.request.dataset).files
        if strange := set(answer.missing) - needed.keys():
            raise UnreadableError(f"it misses {min(strange)}, which the cell does not need")
        return answer.missing

    def _store(self, plan: Plan, machine: Machine, work: Work, record: Record) -> None:
        record = self._ledger.store.shared(record)
        self._ledger.take(record)  # before all else: what follows may be interrupted
        is_over = plan.ended(machine, work, record)
        report = self._observer.finished if is_over else self._observer.runs_again
        report(machine, record)

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
        next one that breaks on the cell shows that it is the cell's, and both may go on."""
        broken = self._broken.setdefault(_name(task.work), {})
        broken[task.machine.key] = reason
        if len(broken) < MOST_BROKEN:
            self._set_aside(plan, task, reason)
            return
        if len(broken) == MOST_BROKEN:
            self._aside -= broken.keys()
        self._end(task)
        self._fail(plan, task.machine, task.work)

    def _has_broken(self, work: Work, machine: Machine) -> bool:
        """Whether the machine, which may go on, broke on the cell, which is not tried twice."""
        broken = self._broken.get(_name(work), {})
        return len(broken) >= MOST_BROKEN and machine.key in broken

    def _fail(self, plan: Plan, machine: Machine, work: Work) -> None:
        """The cell broke the machine, and others."""
        reason = self._broken[_name(work)][machine.key]
        why = f"broke {MOST_BROKEN} machines: {reason}"
        self._free[machine.address] = machine
        self._store(plan, machine, work, unrun(work.cell, machine, "failed", why))

    def _set_aside(self, plan: Plan, task: Task, reason: str) -> None:
        """The machine gets no cell any more, through its own fault; its cell has no record."""
        self._end(task)
        plan.returned(task.machine, task.work)
        self._aside.add(task.machine.key)
        self._part(plan, task.machine, reason)

    def _part(self, plan: Plan, machine: Machine, reason: str) -> None:
        """It is gone, and the cell that it has is lost."""
        if (task := self._busy.get(machine.address)) is not None:
            self._end(task)
            when = "while it ran" if task.has_started else "before it ran"
            why = f"its machine {machine.name} {reason} {when}"
            self._store(plan, machine, task.work, unrun(task.work.cell, machine, "lost", why))
        for known in (self._machines, self._free, self._idle):
            known.pop(machine.address, None)
        self._moved_s = self._timer()
        plan.leave(machine, reason)
        self._observer.left(machine, reason)


def _record(answer: Answer, task: Task) -> Record | None:
    """What the cell came to. Raises UnreadableError and NotARecordError."""
    if not answer.record:
        return None
    record, request = parsed(answer.record), task.work.cell.request
    if record.environment.machine != task.machine.id:
        raise UnreadableError(f"it is of another machine, {record.environment.machine}")
    if json.dumps(record.cell.model_dump()) != json.dumps(request.model_dump()):
        raise UnreadableError(f"it is of another cell, {record.cell.implementation}")
    return record


def _name(work: Work) -> str:
    """Of its cell, whichever machine it is for."""
    request = work.cell.request.model_copy(update={"threads": EVERY_CORE, "pinned": False})
    return f"{work.cell.class_path} {request}"


def silence_s(rules: Rules) -> float:
    """How long a cell that runs may report nothing: its own limits end each of its phases, of which
    an evaluation may be within another one."""
    limits = Limits(rules.time_limit_s, 0)
    return 2 * (limits.time_limit_s + limits.grace_s) + SILENT_S
