"""The gate on a fake clock: what it decides, when it stops, what it never leaves out."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench.gate.errors import SideError
from bench.gate.session import TRIES, Session, calibrated, check_known
from bench.gate.statistics import (
    ALPHA_SPENDING,
    MISSES,
    QUADS,
    TOLERATED,
    CriticalValues,
    Levels,
    Timing,
    Verdict,
    critical_values,
)
from bench.stats import critical_t
from tests.support.gate_sides import SIDES, FakeSide, Machine, session

V = Verdict


def slow_head(factor: float, workload: str = "a"):
    """A cost: head takes `factor` times as long for that workload, whose call is 30 ms."""
    return lambda side, name, _: 30.0 * (factor if (side, name) == ("head", workload) else 1)


def verdicts(result: Session) -> dict[str, Verdict | None]:
    return {name: series.verdict for name, series in result.workloads.items()}


def test_only_the_slower_workload_fails_and_each_leaves_when_decided() -> None:
    result = session(Machine(noise=0.02), slow_head(1.10))
    assert verdicts(result) == {"a": V.FAIL, "b": V.PASS, "c": V.PASS}
    assert {len(series.rounds) for series in result.workloads.values()} <= ALPHA_SPENDING.keys()
    assert np.exp(np.mean(result.workloads["a"].Y)) == pytest.approx(1.10, abs=0.02)
    assert result.control.doubt == ""


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.01, 0.03]))
def test_the_same_speed_passes_and_5_percent_does_not(seed: int, noise: float) -> None:
    result = session(Machine(seed, noise), slow_head(1.06), coin=random.Random(seed))
    assert result.workloads["a"].verdict is V.FAIL
    assert result.workloads["b"].verdict is V.PASS


def noisy_clocks(
    slower: float, levels: Callable[[int], Levels], workloads: str = "abc"
) -> Iterator[Session]:
    """Sixty of them, whose processes differ by 2 %; all workloads of head are slower by so much."""

    def cost(side: str, name: str, seed: int) -> float:
        luck = random.Random(f"{side}{name}{seed}").gauss(0, 0.02)
        return 30.0 * math.exp(luck) * (1 + slower * (side == "head"))

    for seed in range(60):
        yield session(
            Machine(seed, 0.03), cost, list(workloads), coin=random.Random(seed), levels=levels
        )


def test_false_alarms_on_noisy_clocks_are_within_their_alpha(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At an alpha of 20 %, and any slowdown counts: at the gate's own 0.8 %, from 2.5 % on,
    there would be nothing to count."""
    monkeypatch.setattr("bench.gate.statistics.SMALLEST", 0.0)
    monkeypatch.setattr("bench.gate.statistics.Control.doubt", "")
    alarms = sum(
        V.FAIL in verdicts(run).values()
        for run in noisy_clocks(
            0.0,
            lambda workloads: {
                n: CriticalValues(critical_t(0.2 * share / workloads, n - 1), math.inf)
                for n, share in ALPHA_SPENDING.items()
            },
        )
    )
    assert binomtest(alarms, 60, 0.2, alternative="greater").pvalue > 0.001


def test_misses_on_noisy_clocks_are_within_their_alpha() -> None:
    """A tolerated slowdown passes at most 5 times as often as the analyses may miss it."""
    passed = sum(
        run.workloads["a"].verdict is V.PASS
        for run in noisy_clocks(
            TOLERATED,
            lambda _: {
                n: CriticalValues(math.inf, critical_t(5 * each, n - 1))
                for n, each in MISSES.items()
            },
            workloads="a",
        )
    )
    assert binomtest(passed, 60, 5 * sum(MISSES.values()), alternative="greater").pvalue > 0.001


def test_swapping_the_sides_flips_the_sign_of_every_round() -> None:
    result = session(Machine(), slow_head(1.10))
    swapped = session(Machine(), lambda side, *at: slow_head(1.10)(_other(side), *at))
    flipped = [-y for y in result.workloads["a"].Y]
    np.testing.assert_allclose(swapped.workloads["a"].Y, flipped)
    assert swapped.workloads["a"].verdict is V.PASS


def _other(side: str) -> str:
    return {"base": "head", "head": "base"}.get(side, side)


def test_a_machine_twice_as_slow_changes_nothing() -> None:
    result = session(Machine(noise=0.02), slow_head(1.04))
    slower = session(Machine(noise=0.02), lambda *at: 2 * slow_head(1.04)(*at))
    assert verdicts(slower) == verdicts(result)
    np.testing.assert_allclose(slower.workloads["a"].Y, result.workloads["a"].Y, atol=1e-6)


def test_drift_is_no_false_alarm() -> None:
    assert verdicts(session(Machine(noise=0.01, drift=0.02))) == dict.fromkeys("abc", V.PASS)


class FixedOrder(random.Random):
    """No coin: every quad would be AABB, and base always first, if ORDERS had it."""

    def choice(self, options):
        return "AABB" if options == ("ABBA", "BAAB") else super().choice(options)


def test_sabotage_a_fixed_order_makes_drift_a_slowdown_and_the_control_finds_it() -> None:
    result = session(Machine(drift=0.02), coin=FixedOrder(1))
    assert all(np.mean(series.Y) > 0.025 for series in result.workloads.values())
    assert "differed from itself" in result.control.doubt
    assert V.FAIL not in verdicts(result).values()


def test_quads_are_in_both_orders_by_coin() -> None:
    result = session(Machine())
    quads = [
        quad for series in result.workloads.values() for each in series.rounds for quad in each
    ]
    share = sum(quad.order == "ABBA" for quad in quads) / len(quads)
    assert 0.3 < share < 0.7
    assert all(len(each) == QUADS for series in result.workloads.values() for each in series.rounds)


def test_workloads_come_in_another_order_each_round_and_equally_on_both_sides() -> None:
    machine = Machine(noise=0.05)
    session(machine, workloads=list("abcdef"))
    full = [order for order in machine.orders["base"] if len(order) == 6]
    assert len({tuple(order) for order in full}) > 1
    assert machine.orders["head"] == machine.orders["base"]


class A(random.Random):
    """Takes what comes first in the alphabet where it has a choice of workloads."""

    def choice(self, options):
        return min(options)


def lucky_seed(side: str, workload: str, hash_seed: int) -> float:
    """Head's speed depends on the hash seed, by ±3 %: a set is iterated in another order."""
    return 30.0 * (1 + (0.03 * (1 if hash_seed % 2 else -1) if side == "head" else 0))


def test_each_round_has_a_hash_seed_of_its_own() -> None:
    machine = Machine()
    result = session(machine, lucky_seed)
    assert len(set(machine.hash_seeds)) == result.rounds
    assert V.FAIL not in verdicts(result).values()


def test_sabotage_one_hash_seed_for_all_rounds_takes_luck_for_a_slowdown() -> None:
    class OneSeed(random.Random):
        def randrange(self, stop):
            return 1

    assert V.FAIL in verdicts(session(Machine(), lucky_seed, coin=OneSeed(1))).values()


def test_who_sets_up_first_is_drawn_for_each_round() -> None:
    """Whoever sets up last is slower by 3 %, as one that is given fewer huge pages."""
    machine = Machine()

    def cost(side: str, *_: object) -> float:
        last = next(name for name in reversed(machine.setups) if name != "copy")
        return 30.0 * (1.03 if side == last else 1)

    assert V.FAIL not in verdicts(session(machine, cost)).values()


def test_loops_are_found_on_base_and_shared() -> None:
    result = session(Machine(), lambda side, *_: {"base": 3.0, "head": 1.0, "copy": 3.0}[side])
    assert set(result.loops.values()) == {7}
    base = [
        ns for quads in result.workloads["a"].rounds for quad in quads for ns in quad.ns_of("A")
    ]
    assert min(base) >= 20_000_000


def test_time_that_is_up_leaves_what_is_open_inconclusive() -> None:
    result = session(Machine(noise=0.5), time_limit_s=60)
    assert set(verdicts(result).values()) == {V.INCONCLUSIVE}
    assert result.rounds >= 1


def test_no_round_is_begun_that_could_not_reach_an_analysis_in_time() -> None:
    one_round = 3 * 4 * QUADS * 0.03 + 2 * QUADS * 4 * 0.03  # more than this, with the control
    machine = Machine()
    result = session(machine, time_limit_s=4 * one_round)
    assert result.rounds == 2
    assert machine.now < 4 * one_round


def test_the_time_left_counts_on_rounds_that_grow_shorter_as_workloads_leave() -> None:
    """Nine leave at the first analysis; the tenth needs two more rounds, which are short now."""
    long = 11.5 * 4 * QUADS * 0.03  # the stretches of a round: with all else, nine rounds take 11
    result = session(Machine(noise=0.001), wild, list("abcdefghij"), time_limit_s=10 * long)
    rounds = {name: len(series.rounds) for name, series in result.workloads.items()}
    assert {*rounds} - {"c"} == {name for name, n in rounds.items() if n == 7}
    assert rounds["c"] >= 9


def test_workloads_that_are_skipped_spend_no_alpha() -> None:
    shared: list[int] = []

    def levels(workloads: int) -> Levels:
        shared.append(workloads)
        return critical_values(workloads)

    session(Machine(), faults={side: {"b": "skip"} for side in SIDES}, levels=levels)
    assert shared[-1] == 2


def test_a_workload_skipped_after_it_was_timed_is_broken() -> None:
    result = session(Machine(), faults={side: {"b": "skip from round 2"} for side in SIDES})
    assert result.workloads["b"].verdict is V.BROKEN
    assert "skipped after it had been timed" in result.workloads["b"].reason


def test_base_is_timed_twice_in_a_row_no_more_often_than_the_others() -> None:
    """Who is timed twice in a row finds the core's cache as it left it: here 10 % faster."""
    last = ""

    def cost(side: str, *_: object) -> float:
        nonlocal last
        warm, last = last == side, side
        return 27.0 if warm else 30.0

    results = [session(Machine(), cost, ["a"], coin=random.Random(seed)) for seed in range(20)]
    for Ys in ([it.workloads["a"].Y for it in results], [it.control.Y for it in results]):
        assert abs(np.mean(np.concatenate(Ys))) < 0.005


class Spiky(FakeSide):
    """Every other stretch takes four times as long."""

    stretches = 0

    def time(self, loops: int) -> Timing:
        self.stretches += 1
        return super().time(loops * (4 if self.stretches % 2 else 1))


def test_loops_are_found_in_spite_of_a_spike() -> None:
    base = Spiky("base", Machine(), 0, ["a"], lambda *_: 5.0)
    base.begin(["a"])
    base.ready()
    assert calibrated(base) == 5


def test_noise_that_hides_everything_ends_after_the_last_analysis() -> None:
    result = session(Machine(noise=0.4))
    assert result.rounds == max(ALPHA_SPENDING)
    assert V.INCONCLUSIVE in verdicts(result).values()


def test_a_control_that_fails_takes_every_fail_back() -> None:
    """The copy of base is slower than base: the machine is not to be trusted."""
    result = session(Machine(), lambda side, *_: 30.0 if side == "base" else 33.0)
    assert "differed from itself" in result.control.doubt
    assert set(verdicts(result).values()) == {V.INCONCLUSIVE}


def test_a_control_that_is_faster_fails_too() -> None:
    result = session(Machine(), lambda side, *_: {"copy": 27.0, "head": 33.0}.get(side, 30.0))
    assert "differed from itself" in result.control.doubt
    assert V.FAIL not in verdicts(result).values()


def test_the_control_goes_on_when_its_workload_has_left() -> None:
    result = session(Machine(noise=0.01), wild)
    assert result.rounds == len(result.control.rounds) > 7


def test_all_sides_have_equally_much_behind_them() -> None:
    """The control comes first, for the copy has nothing else, and head runs it to the end, as
    often as base, which is timed against both."""
    machine = Machine(noise=0.01)
    result = session(machine, wild)
    control = result.control.workload
    assert machine.orders["copy"] == [[control]] * result.rounds
    assert [order[0] for order in machine.orders["base"]] == [control] * result.rounds
    assert machine.orders["head"] == machine.orders["base"]
    for workload in result.workloads:
        finding_loops = machine.calls["base", workload] - machine.calls["head", workload]
        assert 0 < finding_loops <= 2 * TRIES * result.loops[workload]


def wild(side: str, name: str, seed: int) -> float:
    """Head's workload c varies from process to process, so that it stays open."""
    return 30.0 * (1 + 0.1 * random.Random(seed).random() * ((side, name) == ("head", "c")))


def test_a_control_never_analysed_takes_every_fail_back() -> None:
    """Whichever workload is the control first, it breaks, and the next one has no time."""
    result = session(
        Machine(),
        slow_head(1.10, "b"),
        ["a", "b"],
        faults={"copy": {"a": "late"}},
        coin=A(1),
        time_limit_s=17.5,
    )
    assert result.rounds == 7
    assert result.workloads["b"].verdict is V.INCONCLUSIVE
    assert "never analysed" in result.workloads["b"].reason


@pytest.mark.parametrize(
    "faults", [{side: {"a": "skip"} for side in SIDES}, {"copy": {"a": "late"}}]
)
def test_a_fail_waits_for_its_control(faults: dict) -> None:
    """The first control cannot be timed, so that the next one has a round less at the analysis."""
    result = session(Machine(), slow_head(1.10, "b"), ["a", "b"], faults=faults, coin=A(1))
    assert result.workloads["b"].verdict is V.FAIL
    assert (len(result.workloads["b"].rounds), len(result.control.rounds)) == (7, 7)


def test_a_control_that_failed_is_not_forgotten_when_its_workload_breaks() -> None:
    def cost(side: str, name: str, seed: int) -> float:
        return wild(side, name, seed) if name == "c" else 30.0 if side == "base" else 33.0

    faults = {"copy": {"a": "die from round 8"}}
    result = session(Machine(noise=0.001), cost, faults=faults, coin=A(1))
    assert result.workloads["a"].verdict is V.BROKEN
    assert "differed from itself" in result.workloads["b"].reason


def test_what_one_side_alone_has_is_reported() -> None:
    result = session(
        Machine(), workloads={"base": ["a", "b"], "head": ["b", "c"], "copy": ["a", "b"]}
    )
    assert verdicts(result) == {"a": V.REMOVED, "b": V.PASS, "c": V.NEW}


def test_no_workload_on_both_sides_ends_after_one_round() -> None:
    result = session(Machine(), workloads={"base": [], "head": ["a"], "copy": []})
    assert verdicts(result) == {"a": V.NEW}
    assert result.rounds == 1


@pytest.mark.parametrize("side", ["base", "head"])
@pytest.mark.parametrize("fault", ["die", "fail", "nothing", "late", "skip"])
def test_a_workload_that_breaks_on_one_side_is_broken_and_the_others_go_on(
    side: str, fault: str
) -> None:
    result = session(Machine(), faults={side: {"b": fault}})
    assert verdicts(result) == {"a": V.PASS, "b": V.BROKEN, "c": V.PASS}
    assert side in result.workloads["b"].reason


def test_a_workload_skipped_on_every_side_is_skipped() -> None:
    result = session(Machine(), faults={side: {"b": "skip"} for side in SIDES})
    assert verdicts(result) == {"a": V.PASS, "b": V.SKIPPED, "c": V.PASS}
    assert result.workloads["b"].reason == "no such device"
    assert result.control.workload != "b"


def test_another_answer_is_reported_beside_the_verdict() -> None:
    result = session(Machine(), answers={"head": {"b": "other"}})
    assert [series.changed for series in result.workloads.values()] == [False, True, False]
    assert verdicts(result) == dict.fromkeys("abc", V.PASS)


def test_only_what_is_requested_is_timed_and_an_unknown_name_is_refused() -> None:
    assert list(session(Machine(), only=("b",)).workloads) == ["b"]
    with pytest.raises(SideError, match="no workload x; there are a, b, c"):
        session(Machine(), only=("x",))
    with pytest.raises(SideError, match="no workload y, x; there is none in tests/speed"):
        check_known(("y", "x", "y"), [])
