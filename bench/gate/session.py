"""The gate: round after round, until every workload has its verdict or time is up."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.gate.errors import SideError
from bench.gate.side import LABELS, Ended, Name, Ready, Side
from bench.gate.statistics import (
    ORDERS,
    QUADS,
    Control,
    Levels,
    Quad,
    Series,
    Verdict,
    critical_values,
)
from bench.gate.worker import WORKLOADS

Start = Callable[[int], AbstractContextManager[Mapping[Name, Side]]]
"""Fresh sides, all with that hash seed; gone after the block."""
SEEDS = 2**32
SHORTEST_NS = 20_000_000
"""A timed stretch calls its workload as often as base needs for this long."""
TRIES = 3


@dataclass
class Session:
    """Compares head with base. The sides take turns on one core, never two at a time.

    start         starts the sides of a round
    coin          decides every order, hash seed and the control
    time_limit_s  no round is begun that would not end by then
    clock         returns seconds
    only          compare these workloads alone; empty for all
    levels        number of workloads -> the critical values of every analysis
    loops         calls per timed stretch: found on base, once, for all sides and rounds
    """

    start: Start
    coin: random.Random
    time_limit_s: float
    clock: Callable[[], float]
    on_round: Callable[[Session], None] = lambda _: None
    only: tuple[str, ...] = ()
    levels: Callable[[int], Levels] = critical_values
    workloads: dict[str, Series] = field(default_factory=dict)
    loops: dict[str, int] = field(default_factory=dict)
    control: Control | None = None
    rounds: int = 0
    seconds: float = 0.0
    _seconds_of: dict[str, float] = field(default_factory=dict)
    _overhead: float = 0.0

    def run(self) -> None:
        """Raises SideError where a side cannot be timed at all."""
        began = self.clock()
        while not self.rounds or ((missing := self._missing()) and self._has_time(min(missing))):
            self._round()
            self.rounds += 1
            if self.rounds == 1:  # what is new or skipped spends no alpha
                self._share_alpha()
            self.seconds = self.clock() - began
            self.on_round(self)
        self._conclude()

    def _open(self) -> list[str]:
        return [name for name, series in self.workloads.items() if series.verdict is None]

    def _share_alpha(self) -> None:
        self._levels = self.levels(max(len(self._open()), 1))

    def _missing(self) -> list[int]:
        """Rounds to the next analysis: of what is open, and of the control where one FAILs."""
        done = [len(self.workloads[name].rounds) for name in self._open()]
        failing = any(series.verdict is Verdict.FAIL for series in self.workloads.values())
        if failing and self.control and not self.control.analysed:
            done.append(len(self.control.rounds))
        return [min(n for n in self._levels if n > rounds) - rounds for rounds in done]

    def _has_time(self, rounds: int) -> bool:
        """For the rounds up to the next analysis: without it they would decide nothing.

        The first round predicts little of the next, for compilers fill their caches in it.
        """
        if self.rounds == 1:
            return self.seconds < self.time_limit_s
        names = {*self._open(), *([self.control.workload] if self.control else [])}
        one = self._overhead + sum(self._seconds_of.get(name, 0.0) for name in names)
        return self.seconds + rounds * one <= self.time_limit_s

    def _round(self) -> None:
        """Fresh processes of base, head and the copy of base, the open workloads in a new order.

        The control comes first, for there the copy has as much behind it as base: a process that
        has run other workloads finds its memory mapped, and can be a third faster for it. For the
        same reason head runs whatever base does, as often, the control's workload to the end.
        The side that is addressed first sets its workload up first, and may be given the better
        memory: the order of the sides is drawn anew, too.
        """
        began = self.clock()
        with self.start(self.coin.randrange(SEEDS)) as sides:
            found = {name: side.names() for name, side in sides.items()}
            if not self.rounds:
                self._take_stock(found["base"], found["head"])
            order = self._order()
            sides = {name: sides[name] for name in self.coin.sample(list(sides), len(sides))}
            for name, side in sides.items():
                side.begin(order[:1] if name == "copy" else order)
            for workload in order:
                before = self.clock()
                if not self._time(workload, sides):
                    break
                self._seconds_of[workload] = self.clock() - before
        timed = sum(self._seconds_of.get(name, 0.0) for name in order)
        self._overhead = self.clock() - began - timed

    def _take_stock(self, base: list[str], head: list[str]) -> None:
        """What one side alone has is reported, never passed over."""
        found = dict.fromkeys([*base, *head])
        check_known(self.only, list(found))
        for name in found:
            if self.only and name not in self.only:
                continue
            series = self.workloads[name] = Series()
            if name not in base:
                series.end(Verdict.NEW, "base does not have it")
            elif name not in head:
                series.end(Verdict.REMOVED, "head does not have it")
        self._share_alpha()

    def _order(self) -> list[str]:
        """The control, drawn anew where its workload cannot be timed; then what is open."""
        timed = [n for n, series in self.workloads.items() if series.verdict not in _UNTIMED]
        if not timed:
            return []
        if self.control is None or self.control.workload not in timed:
            failed = self.control is not None and self.control.failed
            self.control = Control(workload=self.coin.choice(timed), failed=failed)
        order = self._open()
        self.coin.shuffle(order)
        return [self.control.workload, *(n for n in order if n != self.control.workload)]

    def _time(self, workload: str, sides: Mapping[Name, Side]) -> bool:
        """Whether the round can go on. Else a process is lost; the other workloads come again."""
        control = self.control if self.control and self.control.workload == workload else None
        others: list[Name] = ["head", "copy"] if control else ["head"]
        taking = {name: side for name, side in sides.items() if name in ("base", *others)}
        series = self.workloads[workload]
        try:
            ready = {name: side.ready() for name, side in taking.items()}
            if any(isinstance(each, Ended) for each in ready.values()):
                _end_untimed(series, ready, taking)
                return True
            quads = self._quads(workload, taking, others)
            trouble = _trouble({name: side.finish() for name, side in taking.items()})
        except SideError as error:
            series.end(Verdict.BROKEN, str(error))
            return False
        series.changed |= ready["head"] != ready["base"]
        if trouble:
            series.end(Verdict.BROKEN, trouble)
        elif series.verdict is None:
            series.add(quads["head"], self._levels)
        if control:
            control.add(quads["copy"], self._levels)
        return True

    def _quads(
        self, workload: str, sides: Mapping[Name, Side], others: list[Name]
    ) -> dict[Name, list[Quad]]:
        """Of each of the others against base.

        One after the other: were their quads mixed, base would more often than they be timed
        twice in a row, and the second time it finds the core's cache as it left it.
        """
        base, head = sides["base"], sides["head"]
        if workload not in self.loops:
            self.loops[workload] = calibrated(base)
        loops = self.loops[workload]
        quads = {
            name: [self._quad(base, sides[name], loops) for _ in range(QUADS)]
            for name in self.coin.sample(others, len(others))
        }
        if "copy" in others:  # base was called against both: head catches up, uncounted
            for _ in range(2 * QUADS):
                head.time(loops)
        return quads

    def _quad(self, base: Side, other: Side, loops: int) -> Quad:
        order = self.coin.choice(ORDERS)
        turns = {"A": base, "B": other}
        return Quad(order, tuple(turns[letter].time(loops) for letter in order))

    def _conclude(self) -> None:
        """What is open stays so; without a control that holds, nothing FAILs."""
        doubt = self.control.doubt if self.control else ""
        for series in self.workloads.values():
            if series.verdict is None:
                series.end(Verdict.INCONCLUSIVE, "")
            elif series.verdict is Verdict.FAIL and doubt:
                series.end(Verdict.INCONCLUSIVE, f"would FAIL, but {doubt}")


def check_known(only: Sequence[str], names: Sequence[str]) -> None:
    """Raises SideError where one of `only` is not among `names`, the workloads that there are."""
    if unknown := [name for name in dict.fromkeys(only) if name not in names]:
        there = f"there are {', '.join(names)}" if names else f"there is none in {WORKLOADS}"
        raise SideError(f"no workload {', '.join(unknown)}; {there}")


def calibrated(base: Side) -> int:
    """Calls per timed stretch. The quickest of some stretches, for one alone may meet a spike."""
    loops = 1
    while (ns := min(base.time(loops).ns for _ in range(TRIES))) < SHORTEST_NS:
        # One step may fall short by a hair, so aim a little further.
        loops = max(loops + 1, math.ceil(1.05 * loops * SHORTEST_NS / ns))
    return loops


def _end_untimed(
    series: Series, ready: Mapping[Name, Ready | Ended], sides: Mapping[Name, Side]
) -> None:
    """Skipped where all sides skip it before it was ever timed; else broken."""
    ends = {
        name: each if isinstance(each, Ended) else sides[name].finish()
        for name, each in ready.items()
    }
    reasons = [end.skipped for end in ends.values()]
    if all(reasons) and series.rounds:
        series.end(Verdict.BROKEN, f"skipped after it had been timed: {reasons[0]}")
    elif all(reasons):
        series.end(Verdict.SKIPPED, reasons[0])
    else:
        untimed = [LABELS[name] for name, each in ready.items() if isinstance(each, Ended)]
        nothing = f"{' and '.join(untimed)}: timed nothing"
        series.end(Verdict.BROKEN, _trouble(ends) or nothing)


def _trouble(ends: Mapping[Name, Ended]) -> str:
    """What failed, or was skipped on one side only, and where."""
    whys = {LABELS[name]: end.failed or end.skipped for name, end in ends.items()}
    return "; ".join(f"{label}: {why}" for label, why in whys.items() if why)


_UNTIMED = (Verdict.BROKEN, Verdict.SKIPPED, Verdict.NEW, Verdict.REMOVED)
