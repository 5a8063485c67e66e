"""One workload of a round: the sides take turns on one core, never two at a time."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.gate.quads import ORDERS, QUADS, Quad
from bench.gate.side import Ended, Name, Ready, Side

SHORTEST_NS = 20_000_000
"""A timed stretch calls its workload as often as base needs for this long."""
TRIES = 3


@dataclass
class Played:
    """What came of it: quads of head and of the twin against base, or why there are none."""

    quads: dict[Name, list[Quad]] = field(default_factory=dict)
    changed: bool = False
    trouble: str = ""
    skipped: str = ""


@dataclass
class Lockstep:
    """Plays workloads. Loop counts are found on base, once, and hold for all sides and rounds."""

    coin: random.Random
    loops: dict[str, int] = field(default_factory=dict)

    def play(self, workload: str, sides: Mapping[Name, Side], others: list[Name]) -> Played:
        """Time `others` against base; every side has the workload next."""
        ready = {name: side.ready() for name, side in sides.items()}
        if any(isinstance(each, Ended) for each in ready.values()):
            return self._not_played(sides, ready)
        if workload not in self.loops:
            self.loops[workload] = calibrated(sides["base"])
        played = Played({name: [] for name in others}, changed=ready["head"] != ready["base"])
        # One after the other: were their quads mixed, base would more often than they be timed
        # twice in a row, and the second time it finds the core's cache as it left it.
        for name in self.coin.sample(others, len(others)):
            for _ in range(QUADS):
                quad = self._quad(sides["base"], sides[name], self.loops[workload])
                played.quads[name].append(quad)
        ends = {name: side.finish() for name, side in sides.items()}
        played.trouble = _trouble(ends)
        return played

    def _quad(self, base: Side, other: Side, loops: int) -> Quad:
        order = self.coin.choice(ORDERS)
        turns = {"A": base, "B": other}
        return Quad(order, tuple(turns[letter].time(loops) for letter in order))

    def _not_played(
        self, sides: Mapping[Name, Side], ready: Mapping[Name, Ready | Ended]
    ) -> Played:
        ends = {
            name: each if isinstance(each, Ended) else sides[name].finish()
            for name, each in ready.items()
        }
        reasons = [end.skipped for end in ends.values()]
        if all(reasons):
            return Played(skipped=reasons[0])
        untimed = [name for name, each in ready.items() if isinstance(each, Ended)]
        return Played(trouble=_trouble(ends) or f"{' and '.join(untimed)}: timed nothing")


def calibrated(base: Side) -> int:
    """Calls per timed stretch. The quickest of some stretches, for one alone may meet a spike."""
    loops = 1
    while (ns := min(base.time(loops).ns for _ in range(TRIES))) < SHORTEST_NS:
        # One step may fall short by a hair, so aim a little further.
        loops = max(loops + 1, math.ceil(1.05 * loops * SHORTEST_NS / ns))
    return loops


def _trouble(ends: Mapping[Name, Ended]) -> str:
    """What failed, or was skipped on one side only, and where."""
    told = (f"{name}: {end.failed or end.skipped}" for name, end in ends.items())
    return "; ".join(text for text in told if not text.endswith(": "))
