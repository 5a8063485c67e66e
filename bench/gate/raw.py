"""All that a gate saw, as JSON: every timing, in its order, with its time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.gate.errors import OutError
from bench.gate.series import Control, Series
from bench.gate.session import Session
from bench.gate.trees import Revision


@dataclass(frozen=True)
class Setting:
    """What a session ran on. `seed` is the coin's."""

    base: Revision
    head: Revision
    machine: str
    core: int
    seed: int
    stolen: float


def clear(path: Path) -> None:
    """Take away what an earlier run left there, so that nobody takes it for this one's.

    Raises OutError where the file cannot be written, before anything is timed for it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("w").close()
        path.unlink()
    except OSError as error:
        raise OutError(f"--out {path}: cannot be written: {error.strerror}") from None


def write(path: Path, session: Session, setting: Setting) -> None:
    """Write the file, whole or not at all. A workload without a verdict was still open."""
    raw: dict[str, Any] = {
        "schema": 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(setting),
        "seconds": session.seconds,
        "loops": dict(session.loops),
        "control": session.control and _told(session.control),
        "workloads": {name: _told(series) for name, series in session.workloads.items()},
    }
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(raw))
    partial.replace(path)


def _told(series: Series | Control) -> dict[str, Any]:
    return {**asdict(series), "Y": series.Y}
