"""What two rows come to, a finding to a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.records import Record
from bench.report.metrics import by_seed, seconds_to
from bench.report.rows import Runs
from bench.report.text import signed, significant, target
from bench.stats import Comparison, Interval, ratio


@dataclass(frozen=True)
class Side:
    """One of the two rows, on one device."""

    name: str
    runs: Runs


def faster(fast: Side, slow: Side, speed: Comparison, where: str) -> str:
    """`speed`: the slow side's fit time over the fast one's."""
    interval = speed.interval
    if interval.level is not None and not interval.excludes(1):
        return (
            f"No difference in fit time beyond noise between {fast.name} and {slow.name} on "
            f"{where}: a ratio of {_times(interval)}."
        )
    return f"{fast.name} ran {_times(interval)} times faster than {slow.name} on {where}."


def more_accurate(side: Side, gain: Comparison) -> str:
    """`gain`: the other side's RMSE less this side's."""
    interval = gain.interval
    margin = f" ± {interval.half:.4f}" if interval.level is not None else ""
    if interval.level is not None and not interval.excludes(0):
        return (
            f"No difference in RMSE beyond noise ({side.name}: {signed(-interval.value)}{margin})."
        )
    more = "more" if interval.value > 0 else "less"
    return f"{side.name} is {more} accurate by {abs(interval.value):.4f}{margin} RMSE."


def sooner(a: Side, b: Side, goal: float) -> str:
    """Which side's validation RMSE reached a target sooner; "" where a side left no curve.

    A ratio needs a time from every run: left out, a miss would count for nothing.
    """
    taken = [by_seed(side.runs, lambda record: _seconds_to(record, goal)) for side in (a, b)]
    if not all(taken):
        return ""
    hits = [sum(map(math.isfinite, seconds.values())) for seconds in taken]
    if not any(hits):
        return f"Neither reached {target(goal)} on validation."
    if hits != [len(seconds) for seconds in taken]:
        told = [
            f"{side.name} in {some} of {len(seconds)} runs"
            for side, some, seconds in zip((a, b), hits, taken, strict=True)
        ]
        return f"{target(goal)} on validation was reached by {' and by '.join(told)}."
    speed = ratio(taken[1], taken[0]).interval
    if speed.value < 1:
        a, speed = b, ratio(taken[0], taken[1]).interval
    if speed.level is not None and not speed.excludes(1):
        return (
            f"No difference beyond noise in the time to {target(goal)} on validation: "
            f"a ratio of {_times(speed)}."
        )
    return f"{a.name} reached {target(goal)} on validation {_times(speed)} times sooner."


def _seconds_to(record: Record, goal: float) -> float | None:
    return seconds_to(record, goal) if record.curve else None


def _times(interval: Interval) -> str:
    """`4.06 (95 % interval 3.92–4.21)`, or without an interval the ratio alone."""
    told = significant(interval.value)
    if interval.level is None:
        return told
    return f"{told} (95 % interval {significant(interval.low)}–{significant(interval.high)})"
