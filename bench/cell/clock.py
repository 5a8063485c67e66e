"""The training clock: a ledger in which every instant of a process belongs to one part."""

from __future__ import annotations

import contextlib
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import psutil

TRAINING = "fit"
"""The part that is the training clock."""


def cpu_ns() -> int:
    """CPU time of this process, and of its children that have ended, in nanoseconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + round((children.ru_utime + children.ru_stime) * 1e9)


def cpu_ns_with(helpers: Iterable[psutil.Process]) -> int:
    """The same and the CPU time of running `helpers`, which the kernel counts in ticks of 10 ms."""
    import psutil  # here, so that no row pays for it on the import clock

    seconds = 0.0
    for process in helpers:
        with contextlib.suppress(psutil.NoSuchProcess):  # once ended, it is among the children
            seconds += sum(process.cpu_times()[:4])
    return cpu_ns() + round(seconds * 1e9)


class Meter(Protocol):
    """Measures while the training clock runs, between `start` and `stop`."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class Clock:
    """Books wall time to named parts, exactly one of them at any instant.

    Because each switch books the time since the last one, the parts sum to the wall
    time by construction. `synchronise` waits for the device; it is called before every
    reading, so that work still queued is charged to the part that queued it, and never
    inside a training loop. `timer` returns nanoseconds.

    `now_ns` is the last reading. The separate accumulators follow AlgoPerf's submission_runner.
    CPU time is booked beside it, by `cpu_timer` in nanoseconds, which is never read on the
    training clock; nor is `meter`.
    """

    def __init__(
        self,
        started_ns: int,
        part: str,
        timer: Callable[[], int] = time.perf_counter_ns,
        synchronise: Callable[[], None] = lambda: None,
        cpu_timer: Callable[[], int] = cpu_ns,
        meter: Meter | None = None,
    ) -> None:
        self.part = part
        self.synchronise = synchronise
        self._timer = timer
        self.now_ns = started_ns
        self._booked_ns: defaultdict[str, int] = defaultdict(int)
        self.cpu_timer, self._cpu_now_ns = cpu_timer, 0
        self._cpu_booked_ns: defaultdict[str, int] = defaultdict(int)
        self._meter = meter

    def enter(self, part: str) -> None:
        """Book the time up to now to the current part and start `part`."""
        self.synchronise()
        if self._meter and part == TRAINING != self.part:
            self._meter.start()
        cpu = self.cpu_timer() if part == TRAINING else None
        now = self._timer()
        cpu = self.cpu_timer() if cpu is None else cpu
        self._booked_ns[self.part] += now - self.now_ns
        self._cpu_booked_ns[self.part] += cpu - self._cpu_now_ns
        if self._meter and self.part == TRAINING != part:
            self._meter.stop()
        self.part, self.now_ns, self._cpu_now_ns = part, now, cpu

    @contextmanager
    def during(self, part: str) -> Iterator[None]:
        """Run a block as `part`, then go back to the part before it."""
        before = self.part
        self.enter(part)
        try:
            yield
        finally:
            self.enter(before)

    def rebook(self, seconds: float, part: str, to: str) -> None:
        """Move `seconds` that are booked to `part`, once it is known what they were spent on.

        Of several fits, that is known when the last has been evaluated. The sum stays.
        """
        moved = round(seconds * 1e9)
        self._booked_ns[part] -= moved
        self._booked_ns[to] += moved

    def seconds(self, part: str) -> float:
        """Seconds booked to `part` so far, the running stretch excluded."""
        return self._booked_ns[part] / 1e9

    def cpu_seconds(self, *parts: str) -> float:
        """CPU seconds booked to some parts so far, or to all of them."""
        return sum(self._cpu_booked_ns[part] for part in parts or self._cpu_booked_ns) / 1e9

    def parts(self) -> dict[str, float]:
        """Seconds per part, in order of first booking."""
        return {part: ns / 1e9 for part, ns in self._booked_ns.items()}
