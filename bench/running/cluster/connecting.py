"""A connection to a cluster: which machines take cells, who comes and who leaves."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from bench.running.cluster import address
from bench.running.cluster.address import (
    PATIENCE_S,
    ClusterError,
    UnreachedError,
    begun,
    in_time,
)
from bench.running.cluster.greeting import (
    Greeting,
    greet,
    here,
    refusal,
    scheduler_refusal,
    scheduler_settings,
    sources,
)
from bench.running.cluster.local import IN_WORDS, LocalMachines
from bench.running.cluster.worker import require_certificates, require_distributed

REMINDER_S = 5.0
"""How long a run waits for a machine before it says so."""
WAIT_S = 300.0
"""How long it waits in all: a batch system may start workers minutes later."""
BETWEEN_S = 0.1
GREETING_S = 3.0
"""How long a machine that has been seen may take to answer before others begin without it."""
ANSWER_S = 30.0
"""How long a scheduler that works may take to answer, on a machine that is busy."""
CLOSING_S = 1.0

ENDED = "it ended before it had answered: see its log"


class Observer(Protocol):
    """Is called as a connection finds something out, from `connect` and `poll` alone."""

    def on_note(self, text: str) -> None:
        """What a user must know: that machines are awaited, say."""

    def on_joined(self, name: str) -> None:
        """A machine takes cells."""

    def on_refused(self, name: str, reason: str) -> None: ...
    def on_left(self, name: str) -> None:
        """A machine that had joined is gone."""


@dataclass(frozen=True)
class _Worker:
    """As the scheduler lists it: another one may come to the address of one that left."""

    address: str
    name: str


@dataclass
class Connection:
    """To a scheduler and its workers.

    client  of Dask, for tasks
    uri     of the scheduler
    """

    client: Any
    uri: str
    observer: Observer
    local: LocalMachines | None = None
    ours: Greeting = field(default_factory=here)
    _known: dict[str, str] = field(default_factory=sources)
    _scheduler: str = ""
    _pending: dict[_Worker, Future[Any]] = field(default_factory=dict)
    _greeted: dict[_Worker, Greeting] = field(default_factory=dict)
    _accepted: dict[_Worker, Greeting] = field(default_factory=dict)
    _refused: dict[_Worker, str] = field(default_factory=dict)
    _began_s: float = field(default_factory=time.monotonic)

    def machines(self) -> dict[str, Greeting]:
        """Address of a worker -> its greeting, of those that take cells; as of the last `poll`."""
        return {worker.address: greeting for worker, greeting in self._accepted.items()}

    @property
    def refused(self) -> dict[str, tuple[str, Greeting | None]]:
        """Name -> why the worker gets no cell, and its greeting where that could be read."""
        return {
            worker.name: (reason, self._greeted.get(worker))
            for worker, reason in self._refused.items()
        }

    @property
    def awaited(self) -> list[str]:
        """Names of workers that have not answered yet."""
        return [worker.name for worker in self._pending]

    def poll(self) -> None:
        """Greet who is new, and notice who left. Raises ClusterError where the scheduler is gone,
        or a machine of `local:N` that nobody would start again."""
        listed = self._listed()
        self._part_from([each for each in self._everyone() if each not in listed])
        for each in listed:
            if each not in self._everyone():
                self._greet(each)
        for each, answer in list(self._pending.items()):
            if answer.done():
                del self._pending[each]
                self._read(each, answer)
        self._judge()
        if self.local:
            self.local.check([each.name for each in (*self._accepted, *self._refused)])

    def wait_for_machines(self, wait_s: float) -> None:
        """Return when a machine has joined, or all of `local:N`. Raises ClusterError where none
        has in `wait_s` seconds."""
        began = time.monotonic()
        reminded = False
        while not self._may_begin(time.monotonic() - began):
            waited_s = time.monotonic() - began
            if waited_s >= wait_s:
                raise ClusterError(f"no machine in {wait_s:g} s: {self._missing()}")
            if waited_s >= REMINDER_S and not reminded:
                reminded = True
                self.observer.on_note(f"waiting up to {wait_s:g} s: {self._missing()}")
            time.sleep(BETWEEN_S)
            self.poll()

    def wait_for_answers(self, wait_s: float) -> None:
        """Return when each worker that is there has answered, or after `wait_s` seconds, or where
        none comes in `REMINDER_S` and none is started here."""
        began_s = time.monotonic()
        self.poll()
        while self._pending or not self._may_begin(wait_s):
            waited_s = time.monotonic() - began_s
            longest_s = wait_s if self._everyone() or self.local else REMINDER_S
            if waited_s >= longest_s or (self._refused and not self._pending):
                return
            time.sleep(BETWEEN_S)
            self.poll()

    def _may_begin(self, waited_s: float) -> bool:
        if self.local and self._refused:
            raise ClusterError(f"a local worker cannot be used: {self._missing()}")
        if self.local:
            return len(self._accepted) == self.local.count
        return bool(self._accepted) and (not self._pending or waited_s >= GREETING_S)

    def _missing(self) -> str:
        parts = [
            *(f"{name} does not answer" for name in self.awaited),
            *(f"{name} is refused: {reason}" for name, (reason, _) in self.refused.items()),
        ]
        found = "; ".join(parts) or "no worker is there"
        return f"{found}. Start one on a machine with `bench worker {self.uri}`"

    def _everyone(self) -> set[_Worker]:
        return {*self._pending, *self._greeted, *self._refused}

    def _listed(self) -> set[_Worker]:
        """The workers that the scheduler has now."""
        found = self._identity()
        # Dask's client would go on with another one, which knows of no task.
        self._scheduler = self._scheduler or found["id"]
        if found["id"] != self._scheduler:
            raise ClusterError(f"the scheduler at {self.uri} has ended, and another one is there")
        return {
            _Worker(place, str(each["name"]))
            for place, each in found["workers"].items()
            if each["status"] == "running"
        }

    def _identity(self) -> Any:
        problem = "has ended, or the network to it"
        if self.client.status == "running":
            question = self.client.scheduler.identity
            try:
                return self.client.sync(question, n_workers=-1, callback_timeout=ANSWER_S)
            except TimeoutError:
                problem = f"has not answered for {ANSWER_S:g} s"
            except Exception as error:  # Dask, tornado and sockets have many
                if not isinstance(error, OSError):
                    problem = f"cannot be reached ({_in_one_line(error)})"
        raise ClusterError(f"the scheduler at {self.uri} {problem}")

    def _part_from(self, gone: list[_Worker]) -> None:
        for each in gone:
            if self._pending.pop(each, None):
                self.observer.on_refused(each.name, ENDED)
            self._greeted.pop(each, None)
            self._refused.pop(each, None)
            if self._accepted.pop(each, None):
                self.observer.on_left(each.name)

    def _greet(self, each: _Worker) -> None:
        question = functools.partial(self.client.run, greet, self._known, workers=[each.address])
        self._pending[each] = begun(question)

    def _read(self, each: _Worker, answer: Future[Any]) -> None:
        """Read an answer that is there."""
        try:
            [greeting] = answer.result().values()
            self._greeted[each] = Greeting.model_validate_json(greeting)
        except ValidationError as error:
            self._refuse(each, f"its greeting cannot be read ({_in_one_line(error)})")
        except OSError:  # though it may be listed for a moment
            self._refuse(each, ENDED)
        except Exception as error:  # whatever an import or another version raises there
            remedy = "install the same ratebench there"
            self._refuse(each, f"it cannot greet ({_in_one_line(error)}): {remedy}")

    def _judge(self) -> None:
        """Accept or refuse who has greeted. Of several workers of one machine the one that was
        started first is accepted, so at the beginning all are waited for; who was refused for
        another one is looked at again, for that one may have left."""
        if self._pending and time.monotonic() < self._began_s + GREETING_S:
            return
        by_start = sorted(self._greeted.items(), key=lambda item: item[1].started)
        for each, greeting in by_start:
            if each in self._accepted:
                continue
            reason = refusal(self.ours, greeting) or self._neighbour(greeting)
            if not reason:
                self._refused.pop(each, None)
                beside = [] if self.local else self._on_its_host(greeting)
                self._accepted[each] = greeting
                self.observer.on_joined(each.name)
                if beside:
                    self.observer.on_note(
                        f"{each.name} is on the host of {beside[0]}: they count as two machines, "
                        "and their cells take turns, unless RATEBENCH_LOCK gives each a lock"
                    )
                if greeting.busy:
                    self.observer.on_note(f"{each.name} is busy with another run: its cells wait")
            elif self._refused.get(each) != reason:
                self._refuse(each, reason)

    def _refuse(self, each: _Worker, reason: str) -> None:
        self._refused[each] = reason
        self.observer.on_refused(each.name, reason)

    def _neighbour(self, greeting: Greeting) -> str:
        """Why a worker would disturb another one; "" where it is alone on its machine."""
        for other, theirs in self._accepted.items():
            if theirs.environment.machine == greeting.environment.machine:
                return (
                    f"it is on the machine of {other.name}, and they would disturb each other: "
                    "end one of them. Where they are on two, start each with RATEBENCH_CACHE set "
                    "to a folder on a disk of its own machine"
                )
        return ""

    def _on_its_host(self, greeting: Greeting) -> list[str]:
        """Names of workers that say they are on the same host, as another machine."""
        return [each.name for each in self._accepted.values() if each.host == greeting.host]


@contextlib.contextmanager
def connect(place: str, observer: Observer, wait_s: float = WAIT_S) -> Iterator[Connection]:
    """A connection with at least one machine; at the end of the block it is closed, and what
    `local:N` started has ended.

    place  as `address.FORMS` has it

    Raises UsageError for an address that cannot be meant, a scheduler that is set otherwise, or
    where Dask is not installed; UnreachedError where nothing answers, or no machine joins in
    `wait_s` seconds.
    """
    with contextlib.ExitStack() as held:
        try:
            connection = held.enter_context(connected(place, observer))
            connection.poll()
            connection.wait_for_machines(wait_s)
        except ClusterError as error:
            raise UnreachedError(error) from None
        yield connection


@contextlib.contextmanager
def connected(place: str, observer: Observer) -> Iterator[Connection]:
    """As `connect`, without a wait for machines."""
    where = address.parse(place)
    require_distributed()
    require_certificates(where, "client")
    with contextlib.ExitStack() as held:
        local = None
        if isinstance(where, address.Local):
            observer.on_note(IN_WORDS)
            local = held.enter_context(LocalMachines(where.workers))
            uri = local.uri
        else:
            observer.on_note(f"looking for the scheduler of {place}, for up to {PATIENCE_S:g} s")
            scheduler = address.reached(where)
            address.require_scheduler(scheduler, "client")
            uri = scheduler.uri
        client = held.enter_context(_client(uri))
        _check_scheduler(client, uri)
        yield Connection(client, uri, observer, local)


@contextlib.contextmanager
def _client(uri: str) -> Iterator[Any]:
    """Of Dask. Raises ClusterError where what answers is no scheduler."""
    import distributed

    # What they would print is in our own words, or of no use to a user.
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.batched"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other versions are refused
            begin = functools.partial(distributed.Client, uri, set_as_default=False)
            client = in_time(lambda: begin(timeout=PATIENCE_S), PATIENCE_S + CLOSING_S)
    except Exception as error:  # Dask, tornado and sockets have many
        raise ClusterError(f"no Dask scheduler answers at {uri} ({_in_one_line(error)})") from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            client.close(timeout=CLOSING_S)


def _check_scheduler(client: Any, uri: str) -> None:
    """Raises ClusterError where it cannot be used as it is set."""
    try:
        settings = client.run_on_scheduler(scheduler_settings)
        problem = scheduler_refusal(settings)
    except Exception as error:  # of an import, or of another version
        problem = (
            f"it cannot say how it is set ({_in_one_line(error)}): start it where the same "
            "ratebench is installed"
        )
    if problem:
        raise ClusterError(f"the scheduler at {uri} cannot be used: {problem}")


def _in_one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
