"""What names a cluster on the command line: a scheduler's address, the file that it writes, or
`local:2`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.cell.job import HarnessError
from bench.commands.terminal import UsageError

PORT = 8786
"""Of a Dask scheduler, where it is given no other one."""

PATIENCE_S = 10.0
"""How long a file may take to appear, and a scheduler to answer."""
BETWEEN_S = 0.2
"""From one look to the next."""
TOUCH_S = 2.0
"""How long the address of a file may take to answer before the file is read again: it may be of a
scheduler that has ended, and be written anew."""

MOST_LOCAL = 999
"""Workers of `local:N`."""

FORMS = f"tcp://host:{PORT}, tls://host:{PORT}, a scheduler file, or local:2"


class ClusterError(HarnessError):
    """A cluster cannot be used any more, or not yet, through no word of the command line."""


class UnreachedError(ClusterError):
    """No machine of it has been reached, so that nothing has begun."""


@dataclass(frozen=True)
class Local:
    """A scheduler and so many workers, which are started on this machine for one run."""

    workers: int


@dataclass(frozen=True)
class SchedulerFile:
    """That `dask scheduler --scheduler-file` writes."""

    path: Path


@dataclass(frozen=True)
class Scheduler:
    """`uri` as Dask takes it, and what of it a socket takes."""

    uri: str
    host: str
    port: int


Role = Literal["client", "worker"]
"""Of who connects: each has certificates of its own."""

Address = Local | SchedulerFile | Scheduler
Value = TypeVar("Value")


def parse(text: str) -> Address:
    """What the address names. Raises UsageError for what can be none."""
    if text == "local" or text.startswith("local:"):
        return _local(text)
    if "://" not in text and (text.endswith(".json") or "/" in text or _is_file(text)):
        return SchedulerFile(Path(text).expanduser())
    return _scheduler(text)


def _is_file(text: str) -> bool:
    with contextlib.suppress(ValueError):  # of a name that no file can have
        return Path(text).is_file()
    return False


def _local(text: str) -> Local:
    count = text.removeprefix("local").removeprefix(":")
    if re.fullmatch(r"[1-9]\d{3,}", count):
        raise UsageError(f"{text!r}: local:N starts at most {MOST_LOCAL} workers, for a try")
    if not re.fullmatch(r"[1-9]\d{0,2}", count):
        raise UsageError(f"{text!r}: local:N starts N workers on this machine, as local:2")
    return Local(int(count))


def _scheduler(text: str) -> Scheduler:
    found = re.fullmatch(r"(?:(\w+)://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::([^:/]*))?/?", text)
    if found is None:
        raise UsageError(f"{text!r} is no address of a cluster: {FORMS}")
    protocol, host, port = found[1] or "tcp", found[2], found[3]
    if protocol not in ("tcp", "tls"):
        raise UsageError(f"{text!r}: the protocol is tcp or tls, as in tcp://{host}:{PORT}")
    if not port:
        raise UsageError(f"{text!r} has no port: {protocol}://{host}:{PORT}, as the scheduler says")
    if not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise UsageError(f"{text!r}: {port!r} is no port, which is a number from 1 to 65535")
    return Scheduler(f"{protocol}://{host}:{port}", host.strip("[]"), int(port))


def reached(place: SchedulerFile | Scheduler, patience_s: float = PATIENCE_S) -> Scheduler:
    """The scheduler, once something listens there.

    Raises ClusterError where nothing does in time, UsageError where a file is no scheduler's.
    """
    until = time.monotonic() + patience_s
    while True:
        if isinstance(place, SchedulerFile):
            scheduler = _read(place.path, until, patience_s)
            of_file, limit_s = f" (of {place.path})", TOUCH_S
        else:
            scheduler, of_file, limit_s = place, "", patience_s
        if not (problem := _problem(scheduler, min(limit_s, until - time.monotonic()))):
            return scheduler
        if time.monotonic() + BETWEEN_S >= until:
            raise ClusterError(
                f"no scheduler answers at {scheduler.uri}{of_file} within {patience_s:g} s "
                f"({problem}): start one there with `dask scheduler`, or correct the address"
            )
        time.sleep(BETWEEN_S)


def _read(path: Path, until: float, patience_s: float) -> Scheduler:
    """The scheduler that wrote the file, which may still be about to."""
    while True:
        try:
            address = json.loads(path.read_text(encoding="utf-8"))["address"]
            return _scheduler(str(address))
        except FileNotFoundError:
            problem = f"there is no scheduler file {path} after {patience_s:g} s"
            writes = f"`dask scheduler --scheduler-file {path}` writes it"
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from None
        except (ValueError, LookupError, TypeError, UsageError):
            problem = f"{path} is no scheduler file: it has no address"
            writes = f"a cluster is {FORMS}"
            if path.read_bytes()[:1] not in (b"", b"{"):  # it is not half written
                until = 0.0
        if time.monotonic() + BETWEEN_S >= until:
            raise UsageError(f"{problem}; {writes}")
        time.sleep(BETWEEN_S)


def _problem(scheduler: Scheduler, limit_s: float) -> str:
    """Why no connection can be made; "" where one can."""
    limit_s = max(BETWEEN_S, limit_s)
    try:
        in_time(lambda: _touch(scheduler, limit_s), limit_s)
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    except ValueError as error:  # a name that no encoding of names can hold
        return str(error)
    return ""


def _touch(scheduler: Scheduler, limit_s: float) -> None:
    socket.create_connection((scheduler.host, scheduler.port), limit_s).close()


def require_scheduler(scheduler: Scheduler, role: Role, limit_s: float = PATIENCE_S) -> None:
    """Raises ClusterError where it is no Dask scheduler that listens there: Dask's own client and
    worker would wait for it in silence."""
    try:
        found = in_time(lambda: asyncio.run(_identity(scheduler.uri, role, limit_s)), 2 * limit_s)
        problem = "" if found == "Scheduler" else f"it is a {found}"
    except TimeoutError:
        problem = f"it does not answer as one within {limit_s:g} s"
    except Exception as error:  # Dask reads whatever comes as lengths and pickles
        known = isinstance(error, OSError) and str(error)
        problem = str(error).splitlines()[0] if known else "it speaks another protocol"
    if problem:
        raise ClusterError(
            f"something that is not a Dask scheduler answers at {scheduler.uri} ({problem}): "
            "`dask scheduler` prints its address, which is not that of its dashboard"
        )


async def _identity(uri: str, role: Role, limit_s: float) -> str:
    """`Scheduler`, or what else of Dask listens there."""
    from distributed import Security
    from distributed.core import connect

    async def ask() -> Any:
        comm = await connect(uri, timeout=limit_s, **Security().get_connection_args(role))
        try:
            await comm.write({"op": "identity", "reply": True})
            return await comm.read()
        finally:
            comm.abort()

    return str((await asyncio.wait_for(ask(), limit_s))["type"])


def in_time(function: Callable[[], Value], limit_s: float) -> Value:
    """What the function returns or raises. Raises TimeoutError where it does not end in time."""
    return begun(function).result(limit_s)


def begun(function: Callable[[], Value]) -> Future[Value]:
    """What the function will return or raise.

    It runs in a thread that ends with the process, for the look-up of a name, or Dask's wait for
    the first words of what listens there, has no limit of its own and hears no Ctrl-C.
    """
    end = Future[Value]()

    def run() -> None:
        try:
            end.set_result(function())
        except BaseException as error:  # asyncio's end of a call is no Exception
            end.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return end
