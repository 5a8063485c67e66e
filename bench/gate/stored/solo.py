"""Timings of one revision alone, for a baseline or against one."""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager

from bench.gate.errors import SideError
from bench.gate.session import SEEDS, calibrated, check_known
from bench.gate.side import Ended, Side
from bench.gate.stored.baseline import Times
from bench.gate.worker import WORKLOADS

ROUNDS = 3
STRETCHES = 10
StartOne = Callable[[int], AbstractContextManager[Side]]


def time_alone(
    start: StartOne,
    coin: random.Random,
    loops: dict[str, int],
    only: tuple[str, ...],
    progress: Callable[[str], None],
) -> Times:
    """A run: three fresh processes, of each workload (or `only` these) the median of ten stretches.

    `loops` are the calls per stretch; what is missing in it is found and put there. Raises
    SideError for a workload that fails or is not there, and where nothing is timed; one that is
    skipped is left out.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS):
        with start(coin.randrange(SEEDS)) as side:
            names = side.names()
            check_known(only, names)
            order = [name for name in names if not only or name in only]
            coin.shuffle(order)
            side.begin(order)
            for name in order:
                end = side.ready()
                if not isinstance(end, Ended):
                    if name not in loops:
                        loops[name] = calibrated(side)
                    stretches = [side.time(loops[name]).ns for _ in range(STRETCHES)]
                    found[name].append(math.log(statistics.median(stretches) / loops[name]))
                    end = side.finish()
                if end.failed:
                    raise SideError(f"{name}: {end.failed}")
        progress(f"round {number + 1} of {ROUNDS}")
    if not found:
        raise SideError(f"nothing was timed: {WORKLOADS} has no workload that runs here")
    return {name: statistics.fmean(values) for name, values in found.items()}
