"""The simulated gate is the gate, its noise is as described, the rivals as in their tools."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.gate.evaluation import rivals
from bench.gate.evaluation.noise import BURST, SCENARIOS, Noise
from bench.gate.evaluation.simulate import EFFECTS, ROUNDS, WORKLOADS, decide, draw, main
from bench.gate.statistics import Verdict, analyse, critical_values


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_decides_as_the_gate_does_one_workload_at_a_time() -> None:
    levels = critical_values(WORKLOADS)
    effects = rng().choice([0, 0.03, 0.05], (300, 1))
    Y = rng().normal(effects, 0.03, (300, ROUNDS))
    result = decide(Y, levels)
    for row, failed, passed, rounds in zip(
        Y, result.failed, result.passed, result.rounds, strict=True
    ):
        each = {n: analyse(row[:n], levels) for n in levels}
        first = next((n for n, verdict in each.items() if verdict), None)
        verdict = each[first] if first else None
        assert (failed, passed) == (verdict is Verdict.FAIL, verdict is Verdict.PASS)
        assert rounds == (first or ROUNDS)
    assert result.failed.any()
    assert result.passed.any()


@pytest.mark.parametrize("noise", SCENARIOS, ids=lambda noise: noise.name)
def test_rounds_are_centred_on_no_effect(noise: Noise) -> None:
    Y = draw(noise, 40, rng()).Y
    assert abs(Y.mean()) < 5 * Y.std() / math.sqrt(Y.size)


def test_an_even_drift_does_not_reach_the_rounds_but_does_the_rivals() -> None:
    steep = draw(Noise("", spread=0, process=0, drift=1.0), 200, rng())
    assert steep.Y.std() < 0.02
    assert (steep.head.mean(axis=1) - steep.base.mean(axis=1)).std() > 0.1


def test_spikes_and_bursts_are_as_frequent_and_as_high_as_described() -> None:
    spikes = Noise("", spread=0, spikes=0.02).timings(rng(), 50, 2000)
    assert np.mean(spikes > 0) == pytest.approx(0.02, rel=0.1)
    assert np.exp(spikes[spikes > 0]).min() >= 2
    assert np.exp(spikes.max()) <= 5
    bursts = Noise("", spread=0, bursts=0.1).timings(rng(), 50, 4000)
    assert np.mean(bursts > 0) == pytest.approx(0.1, rel=0.2)
    assert np.exp(bursts.max()) == pytest.approx(1.5)
    lengths = np.diff(np.flatnonzero(np.diff(bursts[0] > 0)))[::2]
    assert lengths.min() >= BURST


def test_the_rivals_flag_what_the_tools_would() -> None:
    base = rng().normal(0, 0.1, (200, 40)).astype(np.float32)
    head = np.random.default_rng(1).normal(0.05, 0.1, (200, 40)).astype(np.float32)
    p = scipy.stats.mannwhitneyu(
        base, head, axis=1, method="asymptotic", use_continuity=False
    ).pvalue
    ratio = np.exp(np.median(head, axis=1) - np.median(base, axis=1))
    flagged = (p < 0.002) & (ratio > 1.05)
    assert flagged.any()
    assert not flagged.all()
    np.testing.assert_array_equal(rivals.mann_whitney_rule(base, head), flagged)
    means = np.exp(head).mean(axis=1) / np.exp(base).mean(axis=1) > 1.05
    np.testing.assert_array_equal(rivals.mean_rule(base, head), means)
    assert not rivals.mann_whitney_rule(head, base).any()


def test_the_table_has_every_scenario_and_rule() -> None:
    lines = main(families=2).splitlines()
    assert len(lines) == 2 + 3 * len(SCENARIOS)
    assert all(f"{effect:.0%}" in lines[0] for effect in EFFECTS[1:])
