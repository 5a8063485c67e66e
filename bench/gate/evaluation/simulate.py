"""How often the gate and two rivals are wrong, on simulated noise.

`python -m bench.gate.evaluation.simulate` prints the table.

The noise of one drawing serves every effect and every rule, since an effect is a shift of ln t.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.gate.evaluation import rivals
from bench.gate.evaluation.noise import SCENARIOS, Floats, Noise
from bench.gate.report import markdown
from bench.gate.statistics import (
    ALPHA_SPENDING,
    FIRST_ANALYSIS,
    QUADS,
    Estimate,
    Levels,
    critical_values,
    round_value,
)

WORKLOADS = 15
FAMILIES = 2_000
EFFECTS = (0.0, 0.03, 0.05, 0.10)
ROUNDS = max(ALPHA_SPENDING)
RIVALS_TIMINGS = FIRST_ANALYSIS * QUADS * 2
"""Timings a side for the rivals: as many as the gate has of a workload by its first analysis."""
_BATCH = 1_200


class Decided(NamedTuple):
    """The gate's verdicts on many workloads (n,): FAIL, PASS, or neither, and after which round."""

    failed: NDArray[np.bool_]
    passed: NDArray[np.bool_]
    rounds: NDArray[np.int64]


def decide(Y: NDArray[np.float64], levels: Levels) -> Decided:
    """The analyses of rounds (n, ROUNDS); a workload leaves at the first that decides."""
    failed, passed = np.zeros((2, len(Y)), dtype=bool)
    rounds = np.full(len(Y), ROUNDS)
    for n, critical in levels.items():
        estimate = Estimate.of(Y[:, :n])
        open_ = ~(failed | passed)
        fails = open_ & estimate.fails(critical)
        passes = open_ & ~fails & estimate.passes(critical)
        rounds[fails | passes] = n
        failed |= fails
        passed |= passes
    return Decided(failed, passed, rounds)


class Drawn(NamedTuple):
    """Workloads of one scenario without an effect: the gate's rounds, the rivals' ln t."""

    Y: NDArray[np.float64]  # (n, ROUNDS)
    base: Floats  # (n, RIVALS_TIMINGS)
    head: Floats  # (n, RIVALS_TIMINGS)


def draw(noise: Noise, workloads: int, rng: np.random.Generator) -> Drawn:
    """Time each workload in quads, and what comes first of the same noise as the rivals do."""
    log = noise.timings(rng, workloads, ROUNDS * QUADS * 4)
    process = noise.processes(rng, (2, workloads, ROUNDS))
    quads = log.reshape(workloads, ROUNDS, QUADS, 4)
    abba = rng.choice(np.array([0.5, -0.5], np.float32), (workloads, ROUNDS, QUADS))
    d = abba * (quads[..., 1] + quads[..., 2] - quads[..., 0] - quads[..., 3])
    Y = round_value(d) + process[1] - process[0]
    one, other = log[:, :RIVALS_TIMINGS], log[:, RIVALS_TIMINGS : 2 * RIVALS_TIMINGS]
    return Drawn(Y, one + process[0, :, :1], other + process[1, :, :1])


def rates(noise: Noise, families: int, seed: int) -> Iterator[list[str]]:
    """Rows of the table, one per rule."""
    rng = np.random.default_rng(seed)
    total = families * WORKLOADS
    parts = [draw(noise, min(_BATCH, total - at), rng) for at in range(0, total, _BATCH)]
    Y, base, head = (np.concatenate(each) for each in zip(*parts, strict=True))
    shifts = [np.float32(np.log1p(effect)) for effect in EFFECTS]
    levels = critical_values(WORKLOADS)
    ends = [decide(Y + shift, levels) for shift in shifts]
    open_ = 1 - np.mean(ends[2].failed | ends[2].passed)
    early = np.mean(ends[2].failed & (ends[2].rounds <= 12))
    rounds = [f"{np.median(end.rounds):.0f}" for end in (ends[0], ends[2])]
    yield [noise.name, "gate", *_percents(end.failed for end in ends), _percent(early),
           _percent(open_), *rounds]  # fmt: skip
    for name, rule in (("mean:5%", rivals.mean_rule), ("Mann–Whitney", rivals.mann_whitney_rule)):
        yield [noise.name, name, *_percents(rule(base, head + shift) for shift in shifts)]


def _percents(failed: Iterable[NDArray[np.bool_]]) -> list[str]:
    """Of families with a false alarm, then of workloads caught at each effect."""
    without, *effects = failed
    family = without.reshape(-1, WORKLOADS).any(axis=1)
    return [_percent(np.mean(each)) for each in (family, *effects)]


def _percent(share: np.floating) -> str:
    return f"{100 * share:.1f} %"


def main(families: int = FAMILIES) -> str:
    """The table as markdown."""
    rows = [row for seed, noise in enumerate(SCENARIOS) for row in rates(noise, families, seed)]
    headers = (
        "noise",
        "rule",
        f"false alarms, {WORKLOADS} workloads",
        *(f"power at {effect:.0%}" for effect in EFFECTS[1:]),
        "5 % caught by round 12",
        "5 % undecided",
        "rounds at 0 %",
        "rounds at 5 %",
    )
    return markdown(rows, headers)


if __name__ == "__main__":
    print(main())
