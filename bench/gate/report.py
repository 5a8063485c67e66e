"""What a session found: the table for a person, and all timings as JSON."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tabulate import tabulate

from bench.gate.errors import OutError
from bench.gate.session import Session
from bench.gate.statistics import (
    FIRST_ANALYSIS,
    MISSES,
    Control,
    Estimate,
    Rounds,
    Series,
    Verdict,
    overall,
)
from bench.gate.trees import Revision
from bench.stats import critical_t, mean_interval
from datasets import atomic

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
    "A workload leaves at the first analysis that decides, so the ratio of one that left early "
    "overstates: to know by how much it is slower, time it again."
)

SCHEMA_KEYS = ({"schema", "workloads", "loops"}, {"schema", "base", "trials"})
"""Of the files that the gate writes: the timings of a run, and of the runs of `--prove`."""

MEANINGS = {
    Verdict.BROKEN: "broken",
    Verdict.REMOVED: "removed, so that it cannot be judged",
    Verdict.FAIL: "slower than base",
    Verdict.INCONCLUSIVE: "undecided",
}


@dataclass(frozen=True)
class Setting:
    """What a session ran on.

    seed    of the coin
    stolen  the share of time that the host gave to other machines
    """

    base: Revision
    head: Revision
    machine: str
    core: int
    seed: int
    stolen: float


def report(session: Session, setting: Setting) -> str:
    """The whole text, as markdown."""
    workloads = session.workloads
    parts = [
        table(workloads, session.loops),
        "\n".join(reasons(workloads)),
        control_line(session.control),
        f"Base {setting.base.label}, head {setting.head.label}. {setting.machine}; timed on core "
        f"{setting.core}, {session.rounds} rounds, {setting.stolen:.1%} of the time stolen by "
        f"the host. {NOTE}",
        summary(workloads),
    ]
    return "\n\n".join(part for part in parts if part)


def table(workloads: dict[str, Series], loops: dict[str, int]) -> str:
    """One row per workload, as markdown."""
    rows = [_row(name, series, loops.get(name, 1)) for name, series in workloads.items()]
    return markdown(rows, HEADERS)


def markdown(rows: list[list[str]], headers: tuple[str, ...]) -> str:
    """A table of cells that are printed as they are."""
    return str(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True))


def reasons(workloads: dict[str, Series]) -> Iterator[str]:
    """A line for each row that a reason belongs to."""
    for name, series in workloads.items():
        if series.reason:
            yield f"- {name}: {series.reason.strip()}"


def control_line(control: Control | None) -> str:
    """What base against base came to."""
    if control is None or not control.analysed:
        return "A/A control: never analysed."
    found = "FAILED, so that nothing here can FAIL" if control.failed else "holds"
    ratio, interval = _ratio(control)
    return f"A/A control, base against base on {control.workload}: {ratio} ({interval}), {found}."


def _row(name: str, series: Series, loops: int) -> list[str]:
    rounds = len(series.rounds)
    verdict = (series.verdict or "open") + (", OUTPUT CHANGED" if series.changed else "")
    if rounds < 2:
        return [name, "", "", "", "", str(rounds), verdict]
    base = [ns for quads in series.rounds for quad in quads for ns in quad.ns_of("A")]
    out = f"{ruled_out(Estimate.of(series.Y), rounds):+.1%}".replace("%", " %")
    ms = f"{statistics.median(base) / loops / 1e6:.3g}"
    return [name, ms, *_ratio(series), out, str(rounds), verdict]


def _ratio(measured: Rounds) -> tuple[str, str]:
    """The ratio to base, and its interval without regard to the interim analyses."""
    log = mean_interval(measured.Y, LEVEL)
    value, low, high = (f"{math.exp(it):.3f}" for it in (log.value, log.low, log.high))
    return value, f"{low}–{high}"


def ruled_out(estimate: Estimate, rounds: int) -> float:
    """The slowdown that PASS would have had to rule out at this number of rounds."""
    level = MISSES[max((n for n in MISSES if n <= rounds), default=FIRST_ANALYSIS)]
    return math.expm1(estimate.mean + critical_t(level, rounds - 1) * estimate.error)


def summary(workloads: dict[str, Series]) -> str:
    """One sentence: the worst that was found, or that the session did not come to its end."""
    verdicts = {name: series.verdict for name, series in workloads.items()}
    if still_open := [name for name, verdict in verdicts.items() if verdict is None]:
        return f"BROKEN: ended too early, with {', '.join(still_open)} still open."
    worst = overall(verdicts.values())
    if worst is None:
        return "BROKEN: nothing was measured, for no workload is on both sides."
    names = [name for name, verdict in verdicts.items() if verdict is worst]
    if worst is Verdict.PASS:
        return f"PASS: none of {len(names)} workloads is slower than base by 5 % or more."
    return f"{worst}: {', '.join(names)} {MEANINGS[worst]}."


def clear(path: Path) -> None:
    """Remove what an earlier run left there, so that it is not taken for this one's.

    Raises OutError, before anything is timed for it, where the file cannot be written, and where
    it is not one that the gate wrote.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if (path.is_symlink() or path.exists()) and not _is_raw_timings(path):
            raise OutError(f"--out {path}: holds no timings of the gate, and is not replaced")
        path.open("w", encoding="utf-8").close()
        path.unlink()
    except OSError as error:
        raise OutError(f"--out {path}: cannot be written: {error.strerror}") from None


def _is_raw_timings(path: Path) -> bool:
    """Whether it is a regular file that the gate wrote, or an empty one."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        text = path.read_text(encoding="utf-8")
        keys = json.loads(text).keys() if text else SCHEMA_KEYS[0]
        return any(each <= keys for each in SCHEMA_KEYS)
    except (ValueError, AttributeError):
        return False


def write(path: Path, session: Session, setting: Setting) -> None:
    """Write every timing, in its order. A workload without a verdict was still open."""
    raw = {
        "schema": 2,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(setting),
        "seconds": session.seconds,
        "loops": session.loops,
        "control": session.control and asdict(session.control),
        "workloads": {name: asdict(series) for name, series in session.workloads.items()},
    }
    atomic.replace(path, json.dumps(raw).encode())
