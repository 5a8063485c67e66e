"""A choice on one machine of a cluster: its seconds count against a budget, so all of it stays
there. Each record comes back as soon as it is made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cell import locks
from bench.cell.execute import CancelledError
from bench.cell.job import HarnessError
from bench.choose.budget import Budget
from bench.choose.models import groups_of
from bench.choose.outcome import Request
from bench.choose.serving import ServingExecutor
from bench.choose.session import Session, write
from bench.choose.watching import Watching
from bench.planning.loading import ImplementationError
from bench.planning.plan import Planner
from bench.planning.presets import SettingError
from bench.records import Record
from bench.running.cells import memory_limit_bytes
from bench.running.cluster.payload import Answer, Message, Setting
from bench.running.cluster.station import RefusedError, Station, TaskWire, Wire
from bench.store import RecordStore, parsed
from bench.tune.study import StudyError
from datasets.errors import DataError
from datasets.temporary import TemporaryFolder


class Choice(Message):
    """What a machine needs to make one, or to go on with it.

    request  of this call
    before   as the call before left it; None for the first
    names    of rows; [] for all built-in ones
    records  lines of the store
    """

    setting: Setting
    request: Request
    before: Request | None
    names: list[str]
    devices: list[str]
    records: list[str]


class Chosen(Answer):
    """What a machine answers, its records having gone before.

    request  with the plan that it led to
    problem  why there is nothing to choose, on any machine
    """

    request: Request | None = None
    problem: str = ""


def choose_here(choice: str) -> str:
    """Make a choice on this machine; a `Chosen` as JSON. Dask calls it in a task of the worker."""
    return chosen(Choice.from_json(choice), TaskWire()).to_json()


def chosen(choice: Choice, wire: Wire) -> Chosen:
    """What was chosen, or why nothing could be. Raises CancelledError."""
    try:
        station = Station(choice.setting, wire)
        if station.missing:
            return Chosen(missing=station.missing)
        return Chosen(request=_made(choice, station, wire))
    except (RefusedError, DataError) as error:
        return Chosen(refused=str(error))
    except (StudyError, ImplementationError, SettingError) as error:
        return Chosen(problem=str(error))
    except (HarnessError, OSError, MemoryError) as error:
        return Chosen(broken=f"{type(error).__name__}: {error}")


@dataclass
class _Reporting(Watching):
    """Sends each record, and the request as it is then."""

    wire: Wire
    session: Session | None = None

    def finished(self, record: Record) -> None:
        super().finished(record)
        self.wire.report("record", record.to_line())
        if self.session is not None and not self.session.request.ended:  # it is planned
            wall_s = self.session.budget.elapsed_s
            request = self.session.request.model_copy(update={"wall_s": wall_s})
            self.wire.report("request", request.model_dump_json())


def _made(choice: Choice, station: Station, wire: Wire) -> Request:
    request, loader = choice.request, station.loader
    budget = Budget(60 * request.minutes)
    station.compare(request.dataset, request.fingerprint)
    observer = _Reporting(_saying(wire, "note"), _saying(wire, "warning"), wire)
    planner = Planner(
        *(loader.facts, loader.check_split, request.threads),
        on_notice=observer.warn,
        contain=station.contain,
    )
    groups = groups_of(choice.names, planner, station.contain, request, choice.devices)
    with TemporaryFolder() as folder:
        place = Path(folder.name)
        store = RecordStore(place)
        for line in choice.records:
            store.append(parsed(line))
        if choice.before is not None:
            for call in reversed(choice.before.calls):
                write(place, call)
        with Session(
            *(place, request, groups, station.executor(), station.contain, observer),
            *(memory_limit_bytes(None), loader, budget, _saying(wire, "line")),
            serving=ServingExecutor(wire.cancelled),
            alone=_alone(wire),
        ) as session:
            observer.session = session
            session.run()
        return session.request


def _saying(wire: Wire, what: str) -> Callable[[str], None]:
    return lambda text: wire.report(what, text)


def _alone(wire: Wire) -> Callable[[Callable[[], None]], contextlib.AbstractContextManager[None]]:
    """The machine for one cell, as long as somebody waits for the choice."""

    def wanted() -> None:
        if wire.cancelled():
            raise CancelledError

    @contextlib.contextmanager
    def alone(on_wait: Callable[[], None]) -> Iterator[None]:
        with locks.exclusive(on_wait, wanted):
            wanted()
            yield

    return alone
