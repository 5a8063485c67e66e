"""What a gate knows of one workload, and of its null control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.gate.limits import SHARES, Limit
from bench.gate.quads import Quad, round_value
from bench.gate.verdicts import Estimate, Verdict, control_fails, look

FIRST_LOOK = min(SHARES)


@dataclass
class Series:
    """The rounds of one workload.

    rounds   the quads of each
    verdict  None while it is open
    reason   why it has no figures, where it has none
    changed  its answer was not the same on both sides
    """

    rounds: list[list[Quad]] = field(default_factory=list)
    verdict: Verdict | None = None
    reason: str = ""
    changed: bool = False

    @property
    def Y(self) -> list[float]:  # noqa: N802
        """ln(head/base) of each round."""
        return [float(round_value([quad.difference for quad in quads])) for quads in self.rounds]

    @property
    def estimate(self) -> Estimate | None:
        """None where there are too few rounds for one."""
        return Estimate.of(self.Y) if len(self.rounds) > 1 else None

    def add(self, quads: list[Quad], limits: Mapping[int, Limit]) -> None:
        """Take in a round, and look."""
        self.rounds.append(quads)
        self.verdict = look(self.Y, limits)
        if self.verdict is None and len(self.rounds) == max(limits):
            self.verdict = Verdict.INCONCLUSIVE

    def end(self, verdict: Verdict, reason: str) -> None:
        """Settle it without a look."""
        self.verdict, self.reason = verdict, reason


@dataclass
class Control:
    """One workload, base against base: it stays for as long as anything is timed."""

    workload: str
    rounds: list[list[Quad]] = field(default_factory=list)
    failed: bool = False

    @property
    def Y(self) -> list[float]:  # noqa: N802
        """ln(twin/base) of each round."""
        return Series(self.rounds).Y

    @property
    def doubt(self) -> str:
        """Why nothing may FAIL; empty where base was looked at and never differed from itself."""
        if self.failed:
            return "base differed from itself, too"
        return "" if self.looked_at else "the null control was never looked at"

    @property
    def looked_at(self) -> bool:
        """Whether there were rounds enough."""
        return len(self.rounds) >= FIRST_LOOK

    def add(self, quads: list[Quad], limits: Mapping[int, Limit]) -> None:
        """Take in a round, and look."""
        self.rounds.append(quads)
        self.failed |= control_fails(self.Y, limits)
