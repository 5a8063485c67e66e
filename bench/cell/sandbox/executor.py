"""Cells whose workers are in a sandbox, and what compilers store for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.cell.execute import Listener, Outcome, ProcessExecutor, never
from bench.cell.job import Job, write_split
from bench.cell.process import Launch
from bench.cell.sandbox import compiled, mounts
from bench.cell.sandbox.bubblewrap import NAME, Sandbox
from bench.cell.sandbox.compiled import Compiled
from bench.cell.watch import Limits
from bench.planning.rules import Rules
from datasets.ratings import HeldOut, Ratings, Split
from datasets.temporary import TemporaryFolder

REHEARSAL = Limits(time_limit_s=60, memory_limit_bytes=0)
"""Of the run on random ratings; its memory limit is the cell's."""
REHEARSED = 1000
"""Ratings, as many as in a warm-up."""


@dataclass
class SandboxedExecutor:
    """A fresh process in a fresh sandbox for each cell; `cancelled` as of `ProcessExecutor`."""

    sandbox: Sandbox
    cancelled: Callable[[], bool] = never
    _rehearsed: set[str] = field(default_factory=set)

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> Outcome:
        """As `ProcessExecutor`."""
        stored = Compiled(job.class_path, job.device, job.source)
        if stored.is_wanted:
            self._rehearse(job, limits, stored)
        with TemporaryFolder() as place:
            stored.lay_out(Path(place.name))
            before = compiled.state(Path(place.name))
            outcome = self._executor(place.name).execute(job, test, limits, listener)
            if compiled.state(Path(place.name)) != before:
                stored.want()
        outcome.sandbox = NAME
        return outcome

    def _rehearse(self, job: Job, limits: Limits, stored: Compiled) -> None:
        """Run the row on random ratings, so that what it compiles can be stored. Once in a process
        for each job: what is compiled anew each time shall not cost that twice."""
        key = repr((job.class_path, job.device, job.source, job.hyperparameters))
        if key in self._rehearsed:
            return
        self._rehearsed.add(key)
        with TemporaryFolder() as arrays, TemporaryFolder() as place:
            split = random_split(job)
            write_split(split, Path(arrays.name))
            stored.lay_out(Path(place.name))
            rules = Rules(patience=job.rules.patience, time_limit_s=REHEARSAL.time_limit_s)
            self._executor(place.name).execute(
                replace(job, arrays=arrays.name, rules=rules),
                split.test,
                replace(REHEARSAL, memory_limit_bytes=limits.memory_limit_bytes),
                lambda _: None,
            )
            stored.store(Path(place.name))

    def _executor(self, compiled_to: str) -> ProcessExecutor:
        def launcher(job: Job) -> Launch:
            own = mounts.source(job.class_path)
            reads, writes = [own] if own else [], [Path(job.arrays), Path(compiled_to)]
            launch = self.sandbox.launch(reads, writes, cuda=job.device.startswith("cuda"))
            stored = compiled.environment(Path(compiled_to))
            return replace(launch, environment={**launch.environment, **stored})

        return ProcessExecutor(launcher, self.cancelled)


def random_split(job: Job) -> Split:
    """Ratings of nobody, in the form of the job's."""
    rng = np.random.default_rng(job.seed)

    def drawn(n: int) -> HeldOut:
        users = rng.integers(0, job.n_users, n, np.int32)
        items = rng.integers(0, job.n_items, n, np.int32)
        return HeldOut(users, items, rng.uniform(*job.scale, n).astype(np.float32))

    train = drawn(REHEARSED)
    ratings = Ratings(train.users, train.items, train.values, job.n_users, job.n_items, job.scale)
    users, items = np.arange(job.n_users), np.arange(job.n_items)
    return Split("random", 0, ratings, drawn(100), drawn(100), users, items)
