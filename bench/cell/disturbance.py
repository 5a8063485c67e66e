"""What kept a fit from its cores, by the kernel's counters: time stolen, time waited, switches."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
STEAL_FIELD = 8
"""Of a line `cpu0 user nice system idle iowait irq softirq steal …`."""


class Reading(NamedTuple):
    """Counters of this process so far; None where the system has none.

    steal_ticks  by core, of those that it may use
    waited_ns    by thread: runnable, and without a core
    switches     involuntary ones of all its threads, of those that have ended, too
    """

    steal_ticks: dict[int, int] | None
    waited_ns: dict[str, int] | None
    switches: int


class Meter:
    """Adds up what disturbs this process between `start` and `stop`, which take turns.

    A reading takes some 50 µs. What a thread waits that ends before `stop` is lost, since the
    kernel forgets it: pools of numba, BLAS and OpenMP stay, a library's threads of one call may
    not. Child processes are in none of the figures.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._before: Reading | None = None
        # As it starts: an implementation that binds itself to fewer hides no theft from the others.
        self._cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        self._steal_ticks: int | None = 0
        self._waited_ns: int | None = 0
        self._switches = 0

    def start(self) -> None:
        self._before = self._read()

    def stop(self) -> None:
        """Does nothing without a `start`."""
        if (before := self._before) is None:
            return
        now, self._before = self._read(), None
        self._switches += now.switches - before.switches
        if before.steal_ticks is None or now.steal_ticks is None or self._steal_ticks is None:
            self._steal_ticks = None
        else:
            self._steal_ticks += stolen_since(before.steal_ticks, now.steal_ticks)
        if before.waited_ns is None or now.waited_ns is None or self._waited_ns is None:
            self._waited_ns = None
        else:
            self._waited_ns += waited_since(before.waited_ns, now.waited_ns)

    def total(self) -> dict[str, float | int | None]:
        """The fields of `bench.records.Disturbance` but `cpu_s`: what was added up so far."""
        ticks, waited = self._steal_ticks, self._waited_ns
        return {
            "steal_s": None if ticks is None else ticks / os.sysconf("SC_CLK_TCK"),
            "wait_s": None if waited is None else waited / 1e9,
            "involuntary_switches": self._switches,
        }

    def _read(self) -> Reading:
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        if not hasattr(os, "sched_getaffinity"):
            return Reading(None, None, switches)
        steal = None
        with contextlib.suppress(OSError):
            steal = steal_ticks(_bytes(self._proc / "stat"), self._cores)
        return Reading(steal, self._waits(), switches)

    def _waits(self) -> dict[str, int] | None:
        tasks = self._proc / "self" / "task"
        texts = {}
        with contextlib.suppress(OSError):
            for thread in os.listdir(tasks):  # noqa: PTH208 - names, and fast
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                    texts[thread] = _bytes(tasks / thread / "schedstat")
        return waits(texts)


def steal_ticks(stat: bytes, cpus: Collection[int]) -> dict[int, int] | None:
    """Ticks that the host gave to others while each of these logical processors had work, since the
    start of the system; None where /proc/stat does not have that of each."""
    wanted = {b"cpu%d" % cpu: cpu for cpu in cpus}
    found = {}
    for line in stat.splitlines():
        name, *fields = line.split() or [b""]
        if name in wanted and len(fields) >= STEAL_FIELD and fields[STEAL_FIELD - 1].isdigit():
            found[wanted[name]] = int(fields[STEAL_FIELD - 1])
    return found if wanted and len(found) == len(wanted) else None


def stolen_since(before: dict[int, int], now: dict[int, int]) -> int:
    """Ticks; a counter of a core that was taken out and came back begins anew."""
    return sum(max(0, now[cpu] - ticks) for cpu, ticks in before.items() if cpu in now)


def waits(schedstats: dict[str, bytes]) -> dict[str, int] | None:
    """Nanoseconds that each thread waited for a core, of `<ran> <waited> <turns>`; None where the
    kernel does not count, and all of them are 0."""
    try:
        counts = {thread: [*map(int, text.split())] for thread, text in schedstats.items()}
        found = {thread: waited for thread, (_, waited, _) in counts.items()}
    except ValueError:
        return None
    return found if any(ran for ran, _, _ in counts.values()) else None


def waited_since(before: dict[str, int], now: dict[str, int]) -> int:
    """Nanoseconds, of the threads that are there now; one of which the number is used again has
    waited since it began."""
    total = 0
    for thread, waited in now.items():
        earlier = before.get(thread, 0)
        total += waited - earlier if waited >= earlier else waited
    return total


def _bytes(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(_pieces(file))
    finally:
        os.close(file)


def _pieces(file: int) -> Iterable[bytes]:
    while piece := os.read(file, 1 << 16):
        yield piece
