"""Sides on a fake clock, whose timings are a formula and whose faults a test sets."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.gate.errors import SideError
from bench.gate.session import Session
from bench.gate.side import LABELS, Ended, Name, Ready
from bench.gate.statistics import Levels, Timing, critical_values

Cost = Callable[[str, str, int], float]
"""Side, workload and hash seed -> milliseconds of a call."""


@dataclass
class Machine:
    """Seconds that pass as sides work.

    noise  standard deviation of ln t of each timed stretch
    drift  of ln t from one stretch to the next: it gets hot, and cools when a workload begins
    calls  of each side and workload
    setups sides in the order in which they set a workload up
    """

    seed: int = 0
    noise: float = 0.0
    drift: float = 0.0
    now: float = 0.0
    heat: int = 0
    hash_seeds: list[int] = field(default_factory=list)
    orders: dict[str, list[list[str]]] = field(default_factory=dict)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    setups: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def clock(self) -> float:
        return self.now

    def work(self, ms: float) -> Timing:
        started = self.now
        factor = math.exp(self.drift * self.heat + self.rng.gauss(0, self.noise))
        self.now += ms * factor / 1e3
        self.heat += 1
        return Timing(round(started * 1e9), round((self.now - started) * 1e9))


@dataclass
class FakeSide:
    """`faults` maps a workload to what it does instead: die, fail, skip, nothing or fail late;
    "die from round 6" is well before that."""

    name: str
    machine: Machine
    hash_seed: int
    workloads: list[str]
    cost: Cost
    faults: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    _queue: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        return self.workloads

    def begin(self, order: list[str]) -> None:
        self._queue = list(order)
        self.machine.orders.setdefault(self.name, []).append(order)
        self.machine.setups.append(self.name)

    def ready(self) -> Ready | Ended:
        self.machine.now += 0.1
        self.machine.heat = 0
        self.current = self._queue.pop(0)
        match self._fault():
            case "die":
                raise SideError(f"{self.name} died")
            case "fail":
                return Ended(failed="ZeroDivisionError")
            case "skip":
                return Ended(skipped="no such device")
            case "nothing":
                return Ended()
        return Ready(self.answers.get(self.current, "same"))

    def time(self, loops: int) -> Timing:
        self.machine.calls[self.name, self.current] += loops
        return self.machine.work(loops * self.cost(self.name, self.current, self.hash_seed))

    def finish(self) -> Ended:
        self.machine.setups.append(self.name)  # of the next one
        return Ended(failed="AssertionError" if self._fault() == "late" else "")

    def _fault(self) -> str:
        fault, _, first = self.faults.get(self.current, "").partition(" from round ")
        return fault if len(self.machine.hash_seeds) >= int(first or 0) else ""


def session(
    machine: Machine,
    cost: Cost = lambda *_: 30.0,
    workloads: Mapping[str, list[str]] | list[str] | None = None,
    *,
    faults: Mapping[str, Mapping[str, str]] | None = None,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    time_limit_s: float = math.inf,
    coin: random.Random | None = None,
    only: tuple[str, ...] = (),
    levels: Callable[[int], Levels] = critical_values,
) -> Session:
    """A session that has run. `workloads`, `faults` and `answers` may differ by side."""
    workloads = workloads or ["a", "b", "c"]
    of: Mapping[str, list[str]] = (
        workloads if isinstance(workloads, Mapping) else dict.fromkeys(SIDES, workloads)
    )

    @contextmanager
    def start(hash_seed: int) -> Iterator[Mapping[Name, FakeSide]]:
        machine.hash_seeds.append(hash_seed)
        yield {
            name: FakeSide(
                name,
                machine,
                hash_seed,
                of[name],
                cost,
                (faults or {}).get(name, {}),
                (answers or {}).get(name, {}),
            )
            for name in SIDES
        }

    result = Session(
        start, coin or random.Random(1), time_limit_s, machine.clock, only=only, levels=levels
    )
    result.run()
    return result


SIDES: tuple[Name, ...] = tuple(LABELS)
