"""Machines that run nothing: each cell ends as a test says, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench import machine
from bench.planning.plan import Cell
from bench.planning.rules import Rules
from bench.records import CellRecord, Point, Record
from bench.running.cells import blank
from bench.running.cluster.dispatch import Dispatch
from bench.running.cluster.greeting import CUDA, MACHINE, Greeting
from bench.running.cluster.machines import Machine
from bench.running.cluster.payload import Answer, Payload, Setting
from bench.running.cluster.pool import Answered, Gone, Report, Reported
from bench.running.cluster.station import run_cell
from bench.running.cluster.work import Plan, Work
from bench.running.ledger import Ledger
from bench.store import RecordStore
from tests.support.plans import facts


def cell(
    name: str, seed: int = 0, dataset: str = "with-goals", device: str = "cpu", **changes: Any
) -> Cell:
    """Planned for whichever machine may have it."""
    requested = CellRecord(
        implementation=name,
        preset="default",
        hyperparameters={},
        dataset=dataset,
        split="random:80/10/10",
        device=device,
        threads=0,
        seed=seed,
    )
    rules = changes.pop("rules", Rules())
    return Cell(requested, name, f"hash of {name}", facts(dataset), rules, **changes)


def greeting(name: str, cores: int = 2, gpus: int = 0) -> Greeting:
    """Of a machine of that id."""
    changes = {"machine": name, "cores": cores, "gpu": "a GPU" if gpus else None}
    here = machine.environment().model_copy(update=changes)
    resources = {MACHINE: 1.0, **({CUDA: float(gpus)} if gpus else {})}
    return Greeting(
        name=name,
        host=name,
        environment=here,
        distributed="1",
        libraries={},
        resources=resources,
    )


def recorded(payload: Payload, there: Greeting, rmse: float = 1.0, **changes: Any) -> Record:
    """What a run of the cell on the machine leaves."""
    record = blank(payload.cell(), there.environment, "0" * 40, False)
    curve = [Point(epoch=1, seconds=1, rmse=rmse, mae=1)]
    return record.model_copy(update={"status": "ok", "curve": curve, **changes})


Ran = Callable[[str, Payload], Answer | Record | None]
"""What comes of a cell on a machine; None for nothing, ever."""


@dataclass
class FakePool:
    """Its tasks end in the order in which they began. While none can, time passes.

    ran      what comes of a cell; a record of a good run where it is left out
    events   number of a look -> what happens then
    step_s   that pass with each report
    silent   machines whose cells do not start
    queued   machines whose tasks wait for another client's
    ran_on   machine and implementation, seed of each cell that began
    """

    there: dict[str, Greeting]
    ran: Ran | None = None
    events: dict[int, Callable[[], None]] = field(default_factory=dict)
    ran_on: list[tuple[str, str, int]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    queued: set[str] = field(default_factory=set)
    pieces: list[tuple[str, int, bytes]] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    now_s: float = 0.0
    step_s: float = 0.5
    looks: int = 0
    submitted: int = 0
    most_at_once: int = 0
    _tasks: dict[str, tuple[str, Any, tuple[Any, ...]]] = field(default_factory=dict)
    _reports: deque[Report] = field(default_factory=deque)

    def timer(self) -> float:
        return self.now_s

    def look(self) -> Mapping[str, Greeting]:
        self.looks += 1
        self.events.pop(self.looks, lambda: None)()
        return dict(self.there)

    def submit(self, address: str, function: Callable[..., str], *arguments: Any) -> str:
        self.submitted += 1
        task = f"run-{self.submitted}"
        assert address not in {place for place, *_ in self._tasks.values()}, "two cells at once"
        self._tasks[task] = address, function, arguments
        self.most_at_once = max(self.most_at_once, len(self._tasks))
        if address not in self.queued:
            self.report(Reported(task, "begun", ""))
        if function is run_cell:
            payload = Payload.from_json(arguments[0])
            request = payload.request
            self.payloads.append(payload)
            self.ran_on.append((address, request.implementation, request.seed))
            if address in self.silent | self.queued:
                return task
            self.report(Reported(task, "started", ""))
            answer = self.ran(address, payload) if self.ran else True
            if answer is not None:
                self._reports.append(Answered(task, self._text(address, payload, answer)))
        else:
            self.pieces.append(arguments)
            self._reports.append(Answered(task, ""))
        return task

    def _text(self, address: str, payload: Payload, answer: Any) -> str:
        if answer is True:
            answer = recorded(payload, self.there[address])
        if isinstance(answer, Record):
            answer = Answer(record=answer.to_line())
        return answer.to_json()

    def report(self, report: Report) -> None:
        self._reports.append(report)

    def kill(self, address: str) -> None:
        """The machine is gone, with what it runs."""
        del self.there[address]
        for task, (place, *_) in [*self._tasks.items()]:
            if place == address:
                self._reports = deque(
                    each
                    for each in self._reports
                    if each.task != task or isinstance(each, Reported)
                )
                self._reports.append(Gone(task))

    def cancel(self, task: str) -> None:
        if self._tasks.pop(task, None):
            self.cancelled.append(task)

    def next(self, timeout_s: float) -> Report | None:
        if not self._reports:
            self.now_s += timeout_s
            return None
        report = self._reports.popleft()
        self.now_s += self.step_s
        if isinstance(report, Answered | Gone):
            self._tasks.pop(report.task, None)
        return report


class Watching:
    """An observer of a run on machines, that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.finished_on: list[tuple[str, Record]] = []
        self.again_on: list[tuple[str, Record]] = []
        self.total = 0

    def joined(self, machine: Machine) -> None:
        self.lines.append(f"{machine.name} joined")

    def left(self, machine: Machine, reason: str) -> None:
        self.lines.append(f"{machine.name} {reason}")

    def sends(self, machine: Machine, name: str, size: int) -> None:
        self.lines.append(f"{machine.name} gets {name}, {size}")

    def planned(self, n_cells: int) -> None:
        self.total += n_cells

    def already_done(self, machine: Machine, cell: Cell) -> None:
        self.lines.append(f"{machine.name} has {cell.request.implementation} {cell.request.seed}")

    def started(self, machine: Machine, work: Work) -> None: ...
    def waiting(self, machine: Machine) -> None:
        self.lines.append(f"{machine.name} waits")

    def on_event(self, machine: Machine, event: Any) -> None: ...
    def tried_again(self, machine: Machine, reason: str) -> None: ...
    def repeats(self, machine: Machine, cells: Any) -> None: ...

    def finished(self, machine: Machine, record: Record) -> None:
        self.finished_on.append((machine.name, record))

    def runs_again(self, machine: Machine, record: Record) -> None:
        self.again_on.append((machine.name, record))

    def idle(self, return_s: float) -> None:
        self.lines.append(f"idle for {return_s:g} s")

    def moved(self, what: str, machine: Machine, reason: str) -> None:
        self.lines.append(f"{what} moved: {machine.name} {reason}")

    def not_stored(self, *_: object) -> None: ...
    def never_stored(self, *_: object) -> None: ...


def dispatch(
    store: RecordStore,
    pool: FakePool,
    plan: Callable[[Ledger, Watching], Plan],
    setting: Setting | None = None,
) -> tuple[list[str], Watching]:
    """Run a plan; returns what is left over, and what was observed."""
    watching = Watching()
    ledger = Ledger(store, watching)
    ledger.refresh()
    run = Dispatch(pool, ledger, watching, setting or Setting(run="run"), timer=pool.timer)
    return run.run(plan(ledger, watching)), watching
