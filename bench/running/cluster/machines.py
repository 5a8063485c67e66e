"""The machines of a run, and a planned cell on one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.planning.plan import EVERY_CORE, Cell
from bench.records import Environment, Record
from bench.running.cells import blank
from bench.running.cluster.greeting import Greeting


@dataclass(frozen=True, eq=False)
class Machine:
    """A worker that takes cells."""

    address: str
    greeting: Greeting

    @property
    def id(self) -> str:
        """As records have it."""
        return self.greeting.environment.machine

    @property
    def key(self) -> tuple[str, str]:
        """Of no other worker: one may come to the address of another that left."""
        return self.address, self.greeting.name

    @property
    def name(self) -> str:
        return self.greeting.name

    @property
    def environment(self) -> Environment:
        return self.greeting.environment

    @property
    def has_cuda(self) -> bool:
        return self.greeting.has_cuda


def placed(cell: Cell, machine: Machine) -> Cell:
    """The cell as it runs on the machine: with as many threads as that has cores, where no number
    is named, and the version of its library there."""
    threads = cell.request.threads
    if threads == EVERY_CORE:
        threads = machine.environment.cores
    pinned = cell.request.pinned and threads == 1
    versions = dict(cell.versions)
    if number := machine.greeting.libraries.get(cell.library):
        versions[cell.library] = number
    request = cell.request.model_copy(update={"threads": threads, "pinned": pinned})
    return replace(cell, request=request, versions=versions)


def unrun(cell: Cell, machine: Machine, status: str, reason: str) -> Record:
    """A record of a cell that did not run on the machine, or not to its end."""
    record = blank(placed(cell, machine), machine.environment, None, None)
    return record.model_copy(update={"status": status, "reason": reason})


def has_figures(record: Record) -> bool:
    return record.metrics is not None or bool(record.curve)
