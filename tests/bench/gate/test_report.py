"""The table says what was found, and the summary the worst of it."""

from __future__ import annotations

import pytest

from bench.gate.report import control_line, reasons, ruled_out, summary, table
from bench.gate.statistics import (
    MISSES,
    QUADS,
    Control,
    Estimate,
    Quad,
    Series,
    Timing,
    Verdict,
    critical_values,
)


def quads(ratio: float, base_ns: int = 20_000_000) -> list[Quad]:
    base, head = Timing(0, base_ns), Timing(0, round(base_ns * ratio))
    return [Quad("ABBA", (base, head, head, base))] * QUADS


def series(*ratios: float) -> Series:
    result = Series()
    for ratio in ratios:
        result.add(quads(ratio), critical_values(12))
    return result


def cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]


def test_a_row_has_the_time_of_one_call_and_the_ratio() -> None:
    result = series(1.099, 1.101, *[1.1] * 5)
    name, base, ratio, interval, out, rounds, verdict = cells(table({"w": result}, {"w": 4}))
    assert (name, base, ratio, rounds, verdict) == ("w", "5", "1.100", "7", "FAIL")
    low, high = map(float, interval.split("–"))
    assert low < 1.1 < high
    assert out == "+10.1 %"


def test_a_row_without_rounds_is_there_with_its_reason() -> None:
    result = Series()
    result.end(Verdict.REMOVED, "head does not have it")
    assert cells(table({"w": result}, {})) == ["w", "", "", "", "", "0", "REMOVED"]
    assert list(reasons({"w": result})) == ["- w: head does not have it"]


def test_a_workload_without_a_verdict_is_open_and_nothing_has_passed() -> None:
    workloads = {"w": series(*[1.0] * 7), "v": series(1.0, 1.0)}
    assert cells(table(workloads, {}))[-1] == "open"
    assert summary(workloads) == "BROKEN: ended too early, with v still open."


def test_an_answer_that_changed_stands_beside_the_verdict() -> None:
    result = series(*[1.0] * 7)
    result.changed = True
    assert cells(table({"w": result}, {"w": 1}))[-1] == "PASS, OUTPUT CHANGED"


@pytest.mark.parametrize("rounds", MISSES)
def test_pass_is_that_5_percent_are_ruled_out(rounds: int) -> None:
    critical = critical_values(12)[rounds]
    for mean in (0.0, 0.02, 0.04):
        estimate = Estimate(mean, 0.005)
        assert bool(estimate.passes(critical)) == (ruled_out(estimate, rounds) < 0.05)


def test_the_control_is_reported_with_its_interval() -> None:
    control = Control(workload="w")
    assert control_line(None) == control_line(control) == "A/A control: never analysed."
    for ratio in (1.001, 0.999, *[1.0] * 5):
        control.add(quads(ratio), critical_values(12))
    assert "on w: 1.000 (0.9" in control_line(control)
    assert control_line(control).endswith("holds.")
    for _ in range(3):
        control.add(quads(1.2), critical_values(12))
    control.failed = True
    assert control_line(control).endswith("FAILED, so that nothing here can FAIL.")


@pytest.mark.parametrize(
    ("verdicts", "beginning"),
    [
        ("PASS PASS", "PASS: none of 2 workloads is slower"),
        ("PASS FAIL INCONCLUSIVE", "FAIL: w1 slower than base"),
        ("PASS INCONCLUSIVE", "INCONCLUSIVE: w1 undecided"),
        ("REMOVED FAIL", "REMOVED: w0 removed"),
        ("BROKEN FAIL", "BROKEN: w0 broken"),
        ("new skipped", "BROKEN: nothing was measured"),
    ],
)
def test_the_summary_is_the_worst(verdicts: str, beginning: str) -> None:
    result = {}
    for number, word in enumerate(verdicts.split()):
        result[f"w{number}"] = Series(verdict=Verdict(word))
    assert summary(result).startswith(beginning)


def test_a_single_round_has_no_estimate() -> None:
    assert cells(table({"w": series(1.1)}, {}))[1:5] == [""] * 4
    assert cells(table({"w": series(1.1, 1.2)}, {}))[2] == "1.149"
