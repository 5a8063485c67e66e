"""Real workers on small splits, for the tests of what they must survive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.cell.execute import Outcome, ProcessExecutor
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.planning.rules import Rules
from datasets.ratings import Split

LIMITS = Limits(time_limit_s=60, memory_limit_bytes=1_000_000_000, grace_s=5, exit_s=20)


def execute(
    target: str, split: Split, folder: Path, limits: Limits = LIMITS, **changes: Any
) -> Outcome:
    """Run `target` on a split that is laid out in `folder`."""
    asked = {
        "target": target,
        "hyperparameters": {},
        "device": "cpu",
        "seed": 0,
        "threads": 1,
        "arrays": str(folder),
        "n_users": split.train.n_users,
        "n_items": split.train.n_items,
        "scale": split.train.scale,
        "rules": Rules(),
        **changes,
    }
    return ProcessExecutor().execute(Job(**asked), split.test, limits, lambda _: None)
