"""What a person reads: the table, the control, the machine, and what it comes to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from tabulate import tabulate

from bench.gate.limits import MISSES, t_limit
from bench.gate.series import FIRST_LOOK, Control, Series
from bench.gate.verdicts import Estimate, Verdict

HEADERS = (
    "workload",
    "base ms",
    "head/base",
    "99 % interval",
    "smallest effect ruled out",
    "rounds",
    "verdict",
)
LEVEL = 0.99
NOTE = (
    "A workload leaves at the first look that decides, so the ratio of one that left early "
    "overstates: to know by how much it is slower, time it again."
)


def table(workloads: dict[str, Series], loops: dict[str, int]) -> str:
    """One row per workload, as markdown."""
    rows = [_row(name, series, loops.get(name, 1)) for name, series in workloads.items()]
    return str(tabulate(rows, HEADERS, tablefmt="pipe", disable_numparse=True))


def reasons(workloads: dict[str, Series]) -> Iterator[str]:
    """A line for each row that a reason belongs to."""
    for name, series in workloads.items():
        if series.reason:
            yield f"- {name}: {series.reason.strip()}"


def control_line(control: Control | None) -> str:
    """What base against base came to."""
    if control is None or len(control.rounds) < FIRST_LOOK:
        return "Null control: not looked at."
    estimate = Estimate.of(control.Y)
    found = "FAILED, so that nothing here can FAIL" if control.failed else "holds"
    return (
        f"Null control, base against base on {control.workload}: "
        f"{math.exp(estimate.mean):.3f} ({_interval(estimate, len(control.rounds))}), {found}."
    )


def _row(name: str, series: Series, loops: int) -> list[str]:
    estimate, rounds = series.estimate, len(series.rounds)
    verdict = (series.verdict or "open") + (", OUTPUT CHANGED" if series.changed else "")
    if estimate is None:
        return [name, "", "", "", "", str(rounds), verdict]
    base = [ns for quads in series.rounds for quad in quads for ns in quad.ns_of("A")]
    return [
        name,
        f"{statistics.median(base) / loops / 1e6:.3g}",
        f"{math.exp(estimate.mean):.3f}",
        _interval(estimate, rounds),
        f"{ruled_out(estimate, rounds):+.1%}".replace("%", " %"),
        str(rounds),
        verdict,
    ]


def _interval(estimate: Estimate, rounds: int) -> str:
    half = t_limit((1 - LEVEL) / 2, rounds - 1) * estimate.error
    return f"{math.exp(estimate.mean - half):.3f}–{math.exp(estimate.mean + half):.3f}"


def ruled_out(estimate: Estimate, rounds: int) -> float:
    """The slowdown that PASS would have had to rule out at this number of rounds."""
    level = MISSES[max((look for look in MISSES if look <= rounds), default=FIRST_LOOK)]
    return math.expm1(estimate.mean + t_limit(level, rounds - 1) * estimate.error)


def summary(workloads: dict[str, Series]) -> str:
    """One sentence: the worst that was found, or that the session did not come to its end."""
    still_open = [name for name, series in workloads.items() if series.verdict is None]
    if still_open:
        return f"BROKEN: ended too early, with {', '.join(still_open)} still open."
    for verdict, told in (
        (Verdict.BROKEN, "broken"),
        (Verdict.REMOVED, "removed, so nobody can say whether it got slower"),
        (Verdict.FAIL, "slower than base"),
        (Verdict.INCONCLUSIVE, "undecided"),
    ):
        found = [name for name, series in workloads.items() if series.verdict is verdict]
        if found:
            return f"{verdict}: {', '.join(found)} {told}."
    passed = sum(series.verdict is Verdict.PASS for series in workloads.values())
    if not passed:
        return "BROKEN: nothing was measured, for no workload is on both sides."
    return f"PASS: none of {passed} workloads is slower than base by 5 % or more."
