"""Tasks on the workers of a Dask cluster, and what comes back, in one queue."""

from __future__ import annotations

import contextlib
import itertools
import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bench.running.cluster.connecting import Connection
from bench.running.cluster.greeting import MACHINE, Greeting
from bench.running.cluster.station import begun, topic_of

ANSWER_S = 30.0
"""How long an answer that is there may take to arrive."""

LOST = ("KilledWorker", "CancelledError", "FutureCancelledError", "NoWorkerError")
"""Errors of a task whose worker left before it answered."""


@dataclass(frozen=True)
class Answered:
    """A task came to its end."""

    task: str
    text: str


@dataclass(frozen=True)
class Gone:
    """The worker of a task is lost."""

    task: str


@dataclass(frozen=True)
class Broken:
    """A task raised what it should not."""

    task: str
    reason: str


@dataclass(frozen=True)
class Reported:
    """A task reports as it runs; `what` and `text` as of `Wire.report`, and "begun" from each as
    it comes to its turn on the worker."""

    task: str
    what: str
    text: str


Report = Answered | Gone | Broken | Reported


class Pool(Protocol):
    """Machines that take one task each. Tests put a fake here."""

    def look(self) -> Mapping[str, Greeting]:
        """The machines that take tasks now, by their addresses. Raises ClusterError where the
        cluster is gone."""

    def submit(self, address: str, function: Callable[..., str], *arguments: Any) -> str:
        """Begin a task on a machine; returns its name."""

    def cancel(self, task: str) -> None:
        """Nobody waits for the task any more."""

    def next(self, timeout_s: float) -> Report | None:
        """What a task reports; None where none does in time. Raises ClusterError as `look`."""


class DaskPool:
    """The machines of a connection.

    run  of no other run: what the names of tasks begin with
    """

    def __init__(self, connection: Connection, run: str) -> None:
        self._connection, self._client = connection, connection.client
        self._numbers = itertools.count()
        self._run = run
        self._futures: dict[str, Any] = {}
        self._reports: queue.Queue[Reported | str] = queue.Queue()
        self._client.subscribe_topic(topic_of(f"{run}-0"), self._hear)

    def look(self) -> Mapping[str, Greeting]:
        self._connection.poll()
        return self._connection.machines()

    def submit(self, address: str, function: Callable[..., str], *arguments: Any) -> str:
        task = f"{self._run}-{next(self._numbers)}"
        future = self._client.submit(
            begun,
            function,
            *arguments,
            key=task,
            pure=False,
            workers=[address],
            allow_other_workers=False,
            resources={MACHINE: 1},
            retries=0,
        )
        self._futures[task] = future
        future.add_done_callback(lambda _: self._reports.put(task))
        return task

    def cancel(self, task: str) -> None:
        if (future := self._futures.pop(task, None)) is not None:
            with contextlib.suppress(Exception):  # of a scheduler that is gone
                future.release()

    def next(self, timeout_s: float) -> Report | None:
        while True:
            try:
                report = self._reports.get(timeout=timeout_s)
            except queue.Empty:
                return None
            if isinstance(report, Reported):
                if report.task in self._futures:
                    return report
            elif (future := self._futures.pop(report, None)) is not None:
                return self._read(report, future)
            timeout_s = 0.0  # of a task that nobody waits for: only what is there already

    def close(self) -> None:
        """Nobody waits for any task any more."""
        for task in [*self._futures]:
            self.cancel(task)
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            self._client.unsubscribe_topic(topic_of(f"{self._run}-0"))

    def _read(self, task: str, future: Any) -> Report:
        try:
            return Answered(task, future.result(timeout=ANSWER_S))
        except Exception as error:  # whatever was raised there, or Dask has for a lost worker
            name = type(error).__name__
            if name in LOST or isinstance(error, TimeoutError):
                self._connection.poll()  # raises where it is the scheduler that is gone
                return Gone(task)
            return Broken(task, f"{name}: {error}".partition("\n")[0])
        finally:
            with contextlib.suppress(Exception):
                future.release()

    def _hear(self, event: tuple[float, Any]) -> None:
        """Called in the thread of the client's loop."""
        match event:
            case (_, {"task": task, **reports}):
                for what, text in reports.items():
                    self._reports.put(Reported(str(task), str(what), str(text)))
