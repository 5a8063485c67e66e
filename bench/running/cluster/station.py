"""What runs on the machine of a worker: one call for each cell, in the worker's one thread.

The cell itself runs as `bench run` runs it there: in a fresh process, under that machine's lock,
limits and clock, in a sandbox where one is wanted. What one run needs again and again, such as the
ratings and their split, stays from cell to cell.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from bench import machine
from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.events import Checkpoint, Event, Phase
from bench.cell.execute import CancelledError, Executor, ProcessExecutor
from bench.cell.job import HarnessError
from bench.cell.sandbox import bubblewrap
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.executor import SandboxedExecutor
from bench.planning import availability
from bench.planning.describing import Contain, plainly
from bench.planning.facts import Loader
from bench.planning.loading import ImplementationError
from bench.planning.plan import Cell, Runnable, Skip, examine
from bench.planning.presets import SettingError
from bench.records import Record
from bench.running.cells import Cells, memory_limit_bytes
from bench.running.cluster import copies
from bench.running.cluster.greeting import CUDA
from bench.running.cluster.payload import Answer, File, Payload, Setting, UnreadableError
from bench.running.goals import Goals
from datasets import splits
from datasets.errors import DataError
from datasets.ratings import Dataset
from datasets.reading.layout import Layout

QUIET_S = 0.5
"""The least time between two checkpoints that are reported: fits of milliseconds have thousands."""

WAITING_S = 60.0
"""From one report that a cell waits for another run to the next."""

IDLE_S = 60.0
"""After a run's last cell, until what is laid out for its cells is deleted."""


class Wire(Protocol):
    """Between a station and who waits for its cell."""

    def cancelled(self) -> bool:
        """Whether nobody waits any more."""

    def gpus(self) -> int:
        """CUDA devices that cells may use here, the first ones."""

    def report(self, what: str, text: str) -> None:
        """Report on the cell that runs."""


class RefusedError(Exception):
    """No cell of this dataset can run on this machine; the message says why."""


@dataclass
class Reports:
    """What a cell reports as it runs: phases, and a checkpoint now and then."""

    wire: Wire
    timer: Callable[[], float] = time.monotonic
    _last_s: float = float("-inf")

    def on_event(self, event: Event) -> None:
        if isinstance(event, Checkpoint):
            if self.timer() < self._last_s + QUIET_S and event.epoch < event.planned:
                return
            self._last_s = self.timer()
        if isinstance(event, Checkpoint | Phase):
            self.wire.report("event", event.model_dump_json())

    def tried_again(self, reason: str) -> None:
        self.wire.report("again", reason)


@dataclass
class Waiting:
    """A wait for another run on this machine, which is reported now and then."""

    wire: Wire
    timer: Callable[[], float] = time.monotonic
    _last_s: float = float("inf")

    def report(self) -> None:
        self._last_s = self.timer()
        self.wire.report("waiting", "")

    def go_on(self) -> None:
        """Raises CancelledError where nobody waits for the cell any more."""
        if self.wire.cancelled():
            raise CancelledError
        if self.timer() > self._last_s + WAITING_S:
            self.report()


@dataclass
class Station:
    """This machine, for the cells of one run.

    wire       of the cell that runs
    exclusive  holds the machine for one cell, as `locks.exclusive`
    missing    paths of files whose contents are not here: no cell can run before they are
    """

    setting: Setting
    wire: Wire
    exclusive: Callable[..., Any] = locks.exclusive
    _examined: dict[str, Runnable | Skip] = field(default_factory=dict)
    _decided: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        setting = self.setting
        paths = {path: copies.found(path, file) for path, file in setting.files.items()}
        self.missing = [path for path, place in paths.items() if place is None]
        self._copies = {path: str(place) for path, place in paths.items() if place}
        layout = Layout.from_options(setting.options)
        self.loader = Loader(layout, setting.test, self._copies)

    def close(self) -> None:
        """Delete what is laid out for cells."""
        if "_cells" in vars(self):
            self._cells.splits.discard()

    def record(self, payload: Payload) -> Record:
        """The record of a run of the cell now.

        Raises RefusedError, DataError, CancelledError and HarnessError.
        """
        cell = self._known_here(payload)
        if cell.skip is None:
            self._compare(cell)
            self._cells.sources.add(cell.class_path, cell.implementation_hash)
        goals = Goals()
        goals.know(cell, payload.goals)
        waiting = Waiting(self.wire)
        with self.exclusive(waiting.report, waiting.go_on):
            waiting.go_on()
            self.wire.report("started", "")
            return self._cells.run(cell, goals, Reports(self.wire))

    def _cancelled(self) -> bool:
        return self.wire.cancelled()

    def _known_here(self, payload: Payload) -> Cell:
        """The cell with the version of its library here, and why it cannot run here if it cannot,
        as `bench run` would find."""
        cell = payload.cell()
        if cell.skip is not None:
            return cell
        request = cell.request
        key = repr((cell.class_path, request.preset, request.device, cell.settings))
        if key not in self._examined:
            self._examined[key] = self._examine(cell)
        found = self._examined[key]
        there, here = cell.implementation_hash, found.row.implementation_hash
        skip = found if isinstance(found, Skip) else None
        if skip is None and here != there:
            skip = Skip(
                "skipped",
                f"its source on this machine is another one ({here}) than that of the machine that "
                f"planned ({there}): put the same file at {cell.class_path.rpartition(':')[0]}",
            )
        elif skip is None and (problem := self._gpu_problem(request.device)):
            skip = Skip("skipped", problem)
        elif skip is None and request.pinned and machine.timing_core() is None:
            skip = Skip("skipped", "--pin: this system keeps no process on a core; Linux does")
        versions = availability.versions([cell.library] if cell.library else [])
        if skip is None and versions != cell.versions:
            mine, theirs = (each.get(cell.library, "missing") for each in (versions, cell.versions))
            skip = Skip(
                "skipped",
                f"{cell.library} is {mine} on this machine and {theirs} on the machine that "
                "planned: install the same",
            )
        return replace(cell, versions=versions, skip=skip)

    def _gpu_problem(self, device: str) -> str:
        """Why cells may not use the device of this machine; "" where they may."""
        name, _, index = device.partition(":")
        needed, offered = int(index or 0) + 1, self.wire.gpus()
        if name != CUDA or needed <= offered:
            return ""
        given = f"--gpus {offered}" if offered else "without --gpus"
        return f"its worker was started {given}: {device} needs bench worker --gpus {needed}"

    def _examine(self, cell: Cell) -> Runnable | Skip:
        request = cell.request
        location = cell.class_path.rpartition(":")[0]
        if location.endswith(".py") and not Path(location).is_file():
            return Skip("skipped", f"there is no file {location} on this machine: put it there")
        try:
            return examine(
                *(cell.class_path, request.preset, cell.settings),
                *(request.hyperparameters.get("epochs"), request.device, self.contain),
            )
        except (ImplementationError, SettingError) as error:
            return Skip("skipped", str(error))

    def compare(self, name: str, fingerprint: str) -> Dataset:
        """The dataset of that name. Raises RefusedError where it has other ratings here than on
        the machine that planned, and DataError where it cannot be had."""
        loaded = self.loader.load(name)
        if loaded.fingerprint != fingerprint:
            raise RefusedError(
                f"its {name} has other ratings (fingerprint {loaded.fingerprint[:12]}) than that "
                f"of the machine that planned ({fingerprint[:12]})"
            )
        return loaded

    def _compare(self, cell: Cell) -> None:
        """Raises RefusedError where the ratings, or what else decides the split, are not those of
        the plan, and DataError where they cannot be had."""
        dataset, split, data = cell.request.dataset, cell.request.split, cell.facts.data
        loaded = self.compare(dataset, data.fingerprint)
        if (dataset, split) not in self._decided:
            self._decided[dataset, split] = splits.decided_by(loaded, split)
        if (decided_by := self._decided[dataset, split]) != data.split_digest:
            raise RefusedError(
                f"its {dataset} is split otherwise by {split} (digest {decided_by}) than on the "
                f"machine that planned ({data.split_digest})"
            )

    @functools.cached_property
    def _cells(self) -> Cells:
        setting = self.setting
        limit = setting.memory_limit_bytes or memory_limit_bytes(None)
        splits_here = Splits(self.loader, blind=setting.blind)
        return Cells(self.executor(), splits_here, limit, setting.blocks)

    def executor(self) -> Executor:
        """Of cells, which end where nobody waits for them any more."""
        if self._sandbox is not None:
            return SandboxedExecutor(self._sandbox, self._cancelled)
        return ProcessExecutor(cancelled=self._cancelled)

    @property
    def contain(self) -> Contain:
        """Of the process that imports a row from outside."""
        return self._sandbox.importer if self._sandbox else plainly

    @functools.cached_property
    def _sandbox(self) -> Sandbox | None:
        """Raises HarnessError where one is required and there can be none."""
        if self.setting.sandbox == "off":
            return None
        if problem := bubblewrap.problem():
            if self.setting.sandbox == "require":
                raise HarnessError(f"--sandbox require: {problem}")
            return None
        files = [Path(place) for place in self._copies.values()]
        return Sandbox((*files, *(file.parent for file in files)))


class TaskWire:
    """Of the task that runs in this thread of a Dask worker.

    A task that nobody waits for is forgotten by its worker, or marked: its client cancelled it or
    is gone. A worker that has lost its scheduler closes.
    """

    def __init__(self) -> None:
        from distributed import get_worker
        from distributed.worker import thread_state

        self._worker, self._key = get_worker(), str(thread_state.key)

    def cancelled(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        running = self._worker.status.name in ("running", "paused")
        return not running or task is None or task.state != "executing"

    def gpus(self) -> int:
        return int(self._worker.state.total_resources.get(CUDA, 0))

    def report(self, what: str, text: str) -> None:
        self._worker.log_event(topic_of(self._key), {"task": self._key, what: text})


def topic_of(task: str) -> str:
    """Under which a run's tasks report: what is before the last - of their names."""
    return task.rpartition("-")[0]


class _Place:
    """Where this process has the station of the run that was here last.

    The client may be killed, so nobody can be relied on to say that a run is over.
    """

    def __init__(self) -> None:
        self._station: Station | None = None
        self._leaving: threading.Timer | None = None
        self._held = threading.Lock()

    @contextlib.contextmanager
    def station(self, setting: Setting, wire: Wire) -> Iterator[Station]:
        """That of the run, for one cell; it is closed `IDLE_S` after the last one."""
        with self._held:
            if self._leaving is not None:
                self._leaving.cancel()
            if self._station is None or self._station.setting != setting or self._station.missing:
                self._close()
                self._station = Station(setting, wire)
            self._station.wire = wire
            try:
                yield self._station
            finally:
                self._leaving = threading.Timer(IDLE_S, self._leave)
                self._leaving.daemon = True
                self._leaving.start()

    def _leave(self) -> None:
        if self._held.acquire(blocking=False):  # else another cell has come
            try:
                self._close()
            finally:
                self._held.release()

    def _close(self) -> None:
        if self._station is not None:
            self._station.close()
        self._station = None


_PLACE = _Place()


def begun(function: Callable[..., str], *arguments: Any) -> str:
    """Run a task here, having reported that it waits for no other task of this worker."""
    TaskWire().report("begun", "")
    return function(*arguments)


def run_cell(payload: str) -> str:
    """Run a cell here and now; an `Answer` as JSON. Dask calls it in a task of the worker."""
    return answer(Payload.from_json(payload), TaskWire()).to_json()


def answer(payload: Payload, wire: Wire) -> Answer:
    """What comes of a cell, or why it could not run. Raises CancelledError."""
    try:
        with _PLACE.station(payload.setting, wire) as station:
            if station.missing:
                return Answer(missing=station.missing)
            return Answer(record=station.record(payload).to_line())
    except (RefusedError, DataError) as error:
        return Answer(refused=str(error))
    except (HarnessError, OSError, MemoryError) as error:
        return Answer(broken=f"{type(error).__name__}: {error}")


def put_piece(file: str, offset: int, piece: bytes) -> str:
    """Add a piece to a copy; returns why that cannot be done, else ""."""
    try:
        copies.put(File.from_json(file), offset, piece)
    except (OSError, ValueError, UnreadableError) as error:
        return str(error)
    return ""
