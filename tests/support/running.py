"""What the tests of a run share: real workers on small splits, a silent listener, no lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.cell.execute import Event, Outcome, ProcessExecutor
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.planning.plan import Cell
from bench.planning.rules import Rules
from bench.records import Record
from datasets.ratings import Split

LIMITS = Limits(time_limit_s=60, memory_limit_bytes=1_000_000_000, grace_s=5, exit_s=20)


class Silent:
    def already_done(self, cell: Cell) -> None: ...
    def waiting(self) -> None: ...
    def started(self, cell: Cell, again: str) -> None: ...
    def on_event(self, event: Event) -> None: ...
    def tried_again(self, reason: str) -> None: ...
    def repeats(self, cells: Sequence[Cell]) -> None: ...
    def finished(self, record: Record) -> None: ...
    def not_stored(self, *_: object) -> None: ...
    def never_stored(self, *_: object) -> None: ...


@contextlib.contextmanager
def unlocked(on_wait: Callable[[], None]) -> Iterator[None]:
    yield


def execute(
    class_path: str, split: Split, folder: Path, limits: Limits = LIMITS, **changes: Any
) -> Outcome:
    """Run the class on a split that is laid out in `folder`."""
    job = {
        "class_path": class_path,
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
    return ProcessExecutor().execute(Job(**job), split.test, limits, lambda _: None)


def seconds(outcome: Outcome) -> float:
    """All parts of the worker's clock together."""
    assert outcome.result is not None
    return sum(filter(None, outcome.result.parts.model_dump().values()))
