"""The gate: round after round, until every workload has its verdict or time is up."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.gate.errors import SideError
from bench.gate.limits import Limit, limits
from bench.gate.lockstep import Lockstep, Played
from bench.gate.series import Control, Series
from bench.gate.side import Name, Side
from bench.gate.verdicts import Verdict

Start = Callable[[int], AbstractContextManager[Mapping[Name, Side]]]
"""Fresh sides, all with that hash seed; gone after the block."""
SEEDS = 2**32


@dataclass
class Session:
    """Compares head with base.

    start         starts the sides of a round
    coin          decides every order, hash seed and the control
    only          compare these workloads alone; empty for all
    levels        number of workloads -> the limits of every look
    time_limit_s  no round is begun that would not end by then
    clock         returns seconds
    """

    start: Start
    coin: random.Random
    time_limit_s: float
    clock: Callable[[], float]
    on_round: Callable[[Session], None] = lambda _: None
    only: tuple[str, ...] = ()
    levels: Callable[[int], Mapping[int, Limit]] = limits
    workloads: dict[str, Series] = field(default_factory=dict)
    control: Control | None = None
    rounds: int = 0
    seconds: float = 0.0
    _lasted: dict[str, float] = field(default_factory=dict)
    _besides: float = 0.0

    def run(self) -> None:
        """Raises SideError where a side cannot be timed at all."""
        self._lockstep = Lockstep(self.coin)
        began = self.clock()
        while not self.rounds or ((missing := self._missing()) and self._has_time(min(missing))):
            self._round()
            self.rounds += 1
            if self.rounds == 1:  # what is new or skipped takes no share of the level
                self._limits = self.levels(max(len(self._open()), 1))
            self.seconds = self.clock() - began
            self.on_round(self)
        self._conclude()

    @property
    def loops(self) -> Mapping[str, int]:
        """Calls per timed stretch of each workload."""
        return self._lockstep.loops

    def _open(self) -> list[str]:
        return [name for name, series in self.workloads.items() if series.verdict is None]

    def _missing(self) -> list[int]:
        """Rounds to the next look: of all that is open, and of a control if somebody is accused."""
        known = [len(self.workloads[name].rounds) for name in self._open()]
        accused = any(series.verdict is Verdict.FAIL for series in self.workloads.values())
        if accused and self.control and not self.control.looked_at:
            known.append(len(self.control.rounds))
        return [min(look for look in self._limits if look > rounds) - rounds for rounds in known]

    def _has_time(self, rounds: int) -> bool:
        """For the rounds up to the next look: without it they would decide nothing.

        The first round says little of the next, for compilers fill their caches in it.
        """
        if self.rounds == 1:
            return self.seconds < self.time_limit_s
        playing = {*self._open(), *([self.control.workload] if self.control else [])}
        one = self._besides + sum(self._lasted.get(name, 0.0) for name in playing)
        return self.seconds + rounds * one <= self.time_limit_s

    def _round(self) -> None:
        """A fresh pair of processes and the twin, the open workloads in one new order.

        The control comes first, for there the twin has as much behind it as base: a process that
        has run other workloads finds its memory mapped, and can be a third faster for it. For the
        same reason head plays whatever base does, the control's workload to the end.
        """
        began = self.clock()
        with self.start(self.coin.randrange(SEEDS)) as sides:
            found = {name: side.names() for name, side in sides.items()}
            if not self.rounds:
                self._take_stock(found["base"], found["head"])
            order = self._order()
            for name, side in sides.items():
                side.begin(order[:1] if name == "twin" else order)
            for workload in order:
                before = self.clock()
                if not self._play(workload, sides):
                    break
                self._lasted[workload] = self.clock() - before
        self._besides = self.clock() - began - sum(self._lasted.get(name, 0.0) for name in order)

    def _take_stock(self, base: list[str], head: list[str]) -> None:
        """What one side alone has is told, never passed over."""
        found = dict.fromkeys([*base, *head])
        if unknown := set(self.only) - found.keys():
            raise SideError(f"no workload {', '.join(unknown)}; there are {', '.join(found)}")
        for name in found:
            if self.only and name not in self.only:
                continue
            series = self.workloads[name] = Series()
            if name not in base:
                series.end(Verdict.NEW, "base does not have it")
            elif name not in head:
                series.end(Verdict.REMOVED, "head does not have it")
        self._limits = self.levels(max(len(self._open()), 1))

    def _order(self) -> list[str]:
        """The control, drawn anew where its workload cannot be timed; then what is open."""
        timed = [n for n, series in self.workloads.items() if series.verdict not in _UNTIMED]
        if not timed:
            return []
        if self.control is None or self.control.workload not in timed:
            failed = self.control is not None and self.control.failed
            self.control = Control(self.coin.choice(timed), failed=failed)
        order = self._open()
        self.coin.shuffle(order)
        return [self.control.workload, *(n for n in order if n != self.control.workload)]

    def _play(self, workload: str, sides: Mapping[Name, Side]) -> bool:
        """Whether the round can go on. Else a process is lost; the other workloads come again."""
        others: list[Name] = ["head"]
        if self.control and workload == self.control.workload:
            others.append("twin")
        taking = {name: sides[name] for name in ("base", *others)}
        try:
            self._take(workload, self._lockstep.play(workload, taking, others))
        except SideError as error:
            self.workloads[workload].end(Verdict.BROKEN, str(error))
            return False
        return True

    def _take(self, workload: str, played: Played) -> None:
        series = self.workloads[workload]
        series.changed |= played.changed
        if played.trouble:
            series.end(Verdict.BROKEN, played.trouble)
        elif played.skipped and series.rounds:
            series.end(Verdict.BROKEN, f"skipped after it had been timed: {played.skipped}")
        elif played.skipped:
            series.end(Verdict.SKIPPED, played.skipped)
        if "head" in played.quads and series.verdict is None:
            series.add(played.quads["head"], self._limits)
        if "twin" in played.quads and self.control is not None:
            self.control.add(played.quads["twin"], self._limits)

    def _conclude(self) -> None:
        """What is open stays so; without a control that holds, nobody is accused."""
        doubt = self.control.doubt if self.control else ""
        for series in self.workloads.values():
            if series.verdict is None:
                series.end(Verdict.INCONCLUSIVE, "")
            elif series.verdict is Verdict.FAIL and doubt:
                series.end(Verdict.INCONCLUSIVE, f"would FAIL, but {doubt}")


_UNTIMED = (Verdict.BROKEN, Verdict.SKIPPED, Verdict.NEW, Verdict.REMOVED)
