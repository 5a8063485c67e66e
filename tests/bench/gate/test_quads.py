"""A quad cancels what changes evenly, and a round forgives what is out of line."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from bench.gate.quads import ORDERS, Order, Quad, Timing, round_value

lengths = st.integers(1_000_000, 10**10)
quads = st.builds(
    lambda order, ns: Quad(order, tuple(Timing(0, each) for each in ns)),
    st.sampled_from(ORDERS),
    st.tuples(lengths, lengths, lengths, lengths),
)
SWAPPED: dict[Order, Order] = {"ABBA": "BAAB", "BAAB": "ABBA"}


@given(quads)
def test_a_quads_difference_is_that_of_mean_logarithms(quad: Quad) -> None:
    head, base = (np.log(quad.ns_of(side)).mean() for side in "BA")
    assert quad.difference == pytest.approx(head - base)


@given(quads)
def test_swapping_the_sides_flips_the_sign(quad: Quad) -> None:
    assert Quad(SWAPPED[quad.order], quad.timings).difference == pytest.approx(-quad.difference)


@given(quads, st.integers(2, 1000))
def test_scaling_both_sides_changes_nothing(quad: Quad, factor: int) -> None:
    scaled = tuple(Timing(it.started_ns, factor * it.ns) for it in quad.timings)
    assert Quad(quad.order, scaled).difference == pytest.approx(quad.difference, abs=1e-9)


@given(st.sampled_from(ORDERS), st.floats(-0.05, 0.05), st.floats(-0.1, 0.1))
def test_an_even_drift_cancels(order: Order, slope: float, effect: float) -> None:
    logs = [math.log(1e9) + slope * k + effect * (side == "B") for k, side in enumerate(order)]
    quad = Quad(order, tuple(Timing(0, round(math.exp(log))) for log in logs))
    assert quad.difference == pytest.approx(effect, abs=1e-7)


def test_a_round_is_the_trimmed_mean_of_its_quads() -> None:
    sample = np.random.default_rng(0).standard_t(2, (50, 10))
    np.testing.assert_allclose(round_value(sample), scipy.stats.trim_mean(sample, 0.25, axis=1))


@given(st.lists(st.floats(-0.1, 0.1), min_size=10, max_size=10), st.floats(1, 100))
def test_two_quads_out_of_line_leave_the_round_within_the_others(d: list, spike: float) -> None:
    spoilt = [spike, spike, *d[2:]]
    assert min(d[2:]) - 1e-12 <= round_value(spoilt) <= max(d[2:]) + 1e-12
