"""`bench choose --cluster`: one machine of the cluster searches, and the choice is stored here."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.choose.outcome import REQUEST, Request, read_request
from bench.choose.remote import Choice, Chosen, choose_here
from bench.choose.session import SETTLED, write
from bench.choose.watching import Watching
from bench.commands import terminal
from bench.commands.containment import Sandboxing
from bench.running.cluster import copies
from bench.running.cluster.address import ClusterError
from bench.running.cluster.connecting import connect
from bench.running.cluster.greeting import Greeting
from bench.running.cluster.payload import File, Setting, UnreadableError
from bench.running.cluster.pool import Answered, Broken, DaskPool, Gone, Pool, Report, Reported
from bench.running.cluster.station import put_piece
from bench.running.ledger import Ledger
from bench.running.sole import sole_run
from bench.store import RecordStore, parsed
from bench.tune.study import StudyError
from datasets.reading.layout import Layout

Read = TypeVar("Read")

LOOK_S = 1.0
"""From one look at whether the machine is there to the next."""


class _Notes:
    """What is said of the machines of a cluster, of which one is of interest."""

    def on_note(self, text: str) -> None:
        terminal.note(text)

    def on_joined(self, name: str) -> None: ...
    def on_refused(self, name: str, reason: str) -> None:
        terminal.warn(f"{name} cannot be used: {reason}")

    def on_left(self, name: str) -> None: ...


def choose_on(
    cluster: str,
    request: Request,
    names: list[str],
    devices: list[str],
    threads: int | None,
    layout: Layout,
    store: RecordStore,
    sandbox: Sandboxing,
) -> int:
    """Choose on one machine; returns how many records could not be stored.

    `request` gets the plan that it led to. Raises UsageError, StudyError and ClusterError.

    threads  None for the machine's cores
    """
    folder = store.folder.parent
    paths = filter(None, (request.dataset, request.test))
    setting = Setting(
        run=f"ratebench-{uuid.uuid4().hex[:12]}",
        options=layout.options(),
        test=request.test,
        files={path: file for path in paths if (file := copies.described(path))},
        sandbox=sandbox,
    )
    ledger = Ledger(store, Watching(terminal.note, terminal.warn), SETTLED)
    with sole_run(store), connect(cluster, _Notes()) as connection:
        records = store.read()[0]
        ran = Counter(each.environment.machine for each in records)
        address, machine = chosen_machine(connection.machines(), ran, devices)
        named = f"{machine.name} ({_id(machine)})"
        terminal.note(f"{named} searches, for its seconds count: {machine.environment.cpu}")
        request.threads = threads or machine.environment.cores
        choice = Choice(
            setting=setting,
            request=request,
            before=read_request(folder) if (folder / REQUEST).is_file() else None,
            names=names,
            devices=devices,
            records=[r.to_line() for r in records if r.environment.machine == _id(machine)],
        )
        pool = DaskPool(connection, setting.run)
        keep = lambda found: write(folder, found)  # noqa: E731
        try:
            found = Remote(pool, address, machine.name, choice, ledger, keep).run()
        finally:
            pool.close()
            ledger.close()
    write(folder, found)
    for name in Request.model_fields:
        setattr(request, name, getattr(found, name))
    return len(ledger.unwritten)


def chosen_machine(
    machines: Mapping[str, Greeting], ran: Mapping[str, int], devices: Sequence[str]
) -> tuple[str, Greeting]:
    """The machine that has records of the choice already, else one with the devices, and its
    address. Raises UsageError where it is another machine that has some: seconds of two do not
    compare."""
    if ran and not {_id(each) for each in machines.values()} & ran.keys():
        names = ", ".join(sorted(ran))
        raise terminal.UsageError(
            f"the trials so far ran on {names}, which is not in the cluster: start a worker there, "
            "or give another --out"
        )
    wants_cuda = any(device.startswith("cuda") for device in devices)

    def place(address: str) -> tuple[int, bool, str]:
        machine = machines[address]
        return -ran.get(_id(machine), 0), wants_cuda and not machine.has_cuda, machine.name

    address = min(machines, key=place)
    return address, machines[address]


def _id(machine: Greeting) -> str:
    return machine.environment.machine


@dataclass
class Remote:
    """One choice on one machine, watched until it ends.

    name  of the machine
    keep  stores the request as it is now
    """

    pool: Pool
    address: str
    name: str
    choice: Choice
    ledger: Ledger
    keep: Callable[[Request], None]
    show: Callable[[str], None] = field(default=terminal.print_line)
    _task: str = ""

    def run(self) -> Request:
        """Its request at the end, all records being stored. Raises StudyError where nothing can be
        chosen, and ClusterError where the machine is lost or cannot do it."""
        sent = False
        while True:
            text = self._answer(choose_here, self.choice.to_json())
            answer = self._understood(Chosen.from_json, text)
            if answer.request is not None:
                return answer.request
            if answer.problem:
                raise StudyError(answer.problem)
            if not answer.missing or sent:
                problem = answer.refused or answer.broken or "it does not keep files"
                raise ClusterError(f"{self.name} cannot search: {problem}")
            files = self.choice.setting.files
            for path in answer.missing:
                if path not in files:
                    raise ClusterError(f"{self.name} cannot search: it misses {path}")
                self._send(path, files[path])
            sent = True

    def _send(self, path: str, file: File) -> None:
        offset = 0
        for piece in copies.pieces(path):
            if problem := self._answer(put_piece, file.to_json(), offset, piece):
                raise ClusterError(f"{self.name} cannot store {path}: {problem}")
            offset += len(piece)

    def _answer(self, function: Callable[..., str], *arguments: object) -> str:
        """What a task comes to on the machine."""
        self._task = self.pool.submit(self.address, function, *arguments)
        while True:
            report = self.pool.next(LOOK_S)
            if report is None:
                if self.address not in self.pool.look():
                    raise ClusterError(f"{self.name}, which searched, left the cluster")
            elif (text := self._read(report)) is not None:
                return text

    def _read(self, report: Report) -> str | None:
        match report:
            case Answered(task, text) if task == self._task:
                return text
            case Gone():
                raise ClusterError(f"{self.name}, which searched, was lost")
            case Broken(_, reason):
                raise ClusterError(f"{self.name}, which searched, failed: {reason}")
            case Reported(_, what, text):
                self._hear(what, text)
        return None

    def _hear(self, what: str, text: str) -> None:
        match what:
            case "record":
                self.ledger.take(self._understood(parsed, text))
            case "request":
                self.keep(self._understood(Request.model_validate_json, text))
            case "line":
                self.show(text)
            case "note":
                terminal.note(text)
            case "warning":
                terminal.warn(text)

    def _understood(self, read: Callable[[str], Read], text: str) -> Read:
        """What the machine means. Raises ClusterError where that cannot be read."""
        try:
            return read(text)
        except (UnreadableError, ValueError) as error:
            problem = str(error).partition("\n")[0]
            raise ClusterError(f"what {self.name} sends cannot be read: {problem}") from None
