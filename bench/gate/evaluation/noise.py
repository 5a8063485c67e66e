"""Timings as a shared machine makes them, drawn for many workloads at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Noise:
    """What happens to ln t. Shares are of the timings.

    spread    standard deviation of each timing by itself
    process   standard deviation of what a process keeps for its life: layout, hash seed
    drift     the machine's speed wanders: standard deviation at the end of a full run, half of
              it a slope (a machine that warms up), half a random walk
    spikes    share of timings that take 2 to 5 times as long
    bursts    share of timings in a burst (somebody else's job, `BURST` timings long), which
              takes half as long again
    """

    name: str
    spread: float = 0.03
    process: float = 0.01
    drift: float = 0.0
    spikes: float = 0.0
    bursts: float = 0.0

    def timings(self, rng: np.random.Generator, workloads: int, n: int) -> Floats:
        """ln t of `n` timings one after the other, process effects left out: (workloads, n)."""
        log = self.spread * rng.standard_normal((workloads, n), np.float32)
        if self.drift:
            slope = self.drift * rng.standard_normal((workloads, 1), np.float32)
            step = self.drift / np.float32(np.sqrt(n))
            log += slope * np.linspace(0, 0.7, n, dtype=np.float32)
            log += 0.7 * step * np.cumsum(rng.standard_normal(log.shape, np.float32), axis=1)
        if self.spikes:
            spiked = rng.random(log.shape, np.float32) < self.spikes
            log[spiked] += np.log(rng.uniform(2, 5, spiked.sum()))
        if self.bursts:
            log += np.float32(np.log(1.5)) * self._in_burst(rng, workloads, n)
        return log

    def processes(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """What each process adds to ln t."""
        return self.process * rng.standard_normal(shape, np.float32)

    def _in_burst(self, rng: np.random.Generator, workloads: int, n: int) -> NDArray[np.bool_]:
        """(workloads, n)"""
        starts = rng.random((workloads, n), np.float32) < self.bursts / BURST
        begun = np.cumsum(starts, axis=1, dtype=np.int32)
        ended = np.zeros_like(begun)
        ended[:, BURST:] = begun[:, :-BURST]
        return begun > ended


BURST = 30
SCENARIOS = (
    Noise("noise 3 %"),
    Noise("noise 6 %", spread=0.06),
    Noise("noise 10 %", spread=0.10),
    Noise("processes 2 %", process=0.02),
    Noise("drift", drift=0.2),
    Noise("spikes", spikes=0.02),
    Noise("bursts", bursts=0.1),
    Noise("all of these", 0.06, 0.015, drift=0.2, spikes=0.02, bursts=0.1),
)
