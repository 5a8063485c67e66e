"""Where a gate ran: what to tell beside its table."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

import psutil

from bench.machine import environment


@dataclass(frozen=True)
class Ticks:
    """CPU seconds of the whole machine since it started."""

    stolen: float
    total: float

    @classmethod
    def now(cls) -> Ticks:
        times = psutil.cpu_times()
        return cls(getattr(times, "steal", 0.0), sum(times))

    def stolen_since(self, before: Ticks) -> float:
        """The share of time that the host gave to other machines."""
        return (self.stolen - before.stolen) / max(self.total - before.total, 1e-9)


def cores() -> set[int]:
    """Those that this process may use; {0} where the system does not tell."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else {0}


def timing_core() -> int:
    """The core on which both sides are timed: the last one, for the first has the interrupts."""
    return max(cores())


def machine_line() -> str:
    """CPU, cores and Python."""
    here = environment()
    return f"{here.cpu}, {here.cores} cores, {here.os}, Python {platform.python_version()}"
