"""`bench gate BASE [HEAD]`: two revisions, checked out and compared."""

from __future__ import annotations

import os
import platform
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from bench.cell import locks
from bench.gate.environments import lock_of, python_for
from bench.gate.report import Setting, clear, report, write
from bench.gate.session import Session
from bench.gate.side import LABELS, Checkout, Name, Process, Side, timing_core
from bench.gate.statistics import Levels, critical_values, exit_code
from bench.gate.trees import Repository
from bench.machine import environment
from datasets.printable import printable

Show = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to compare, and how long that may take.

    head      None for the working tree
    only      these workloads; empty for all
    tolerant  inconclusive is a pass
    out       the file of raw timings
    """

    base: str
    head: str | None
    only: tuple[str, ...]
    time_limit_s: float
    tolerant: bool
    out: Path
    levels: Callable[[int], Levels] = critical_values
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(2**32))


def compare(request: Request, folder: Path, show: Show, progress: Show) -> int:
    """Compare in the repository around `folder`; shows the table, returns the exit code.

    Raises GateError where nothing can be compared.
    """
    clear(request.out)
    repository = Repository.around(folder)
    base = repository.revision(request.base)
    head = repository.revision(request.head) if request.head else repository.working_tree()
    lock = lock_of(repository.root)
    coin, core = random.Random(request.seed), timing_core()
    shas = {"base": base.sha, "head": head.sha, "copy": base.sha}
    with repository.checked_out(shas) as trees, machine_held(progress):
        checkouts = {
            name: Checkout(python_for(tree, lock, progress), tree) for name, tree in trees.items()
        }
        session = Session(
            start=partial(_sides, checkouts, core, coin),
            coin=coin,
            time_limit_s=request.time_limit_s,
            clock=time.monotonic,
            on_round=lambda session: progress(_progress(session)),
            only=request.only,
            levels=request.levels,
        )
        before = psutil.cpu_times()
        try:
            session.run()
        finally:  # timings are written also where a side is lost, and after Ctrl-C
            stolen = _stolen(before, psutil.cpu_times())
            setting = Setting(base, head, _machine(), core, request.seed, stolen)
            _publish(session, setting, request.out, show)
    verdicts = [series.verdict for series in session.workloads.values()]
    return exit_code(verdicts, tolerant=request.tolerant)


def machine_held(progress: Show) -> AbstractContextManager[None]:
    """No other run of ratebench on this machine meanwhile."""
    return locks.exclusive(lambda: progress("waiting for another run on this machine to end"))


def _publish(session: Session, setting: Setting, out: Path, show: Show) -> None:
    """Show the table and write the timings, each also where the other cannot be done."""
    try:
        publish(report(session, setting), show)
    finally:
        write(out, session, setting)


def publish(text: str, show: Show) -> None:
    """Show it, and add it to the summary of a job in GitHub Actions."""
    show(text)
    if summary_file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary_file).open("a", encoding="utf-8") as file:
            file.write(f"## Speed gate\n\n{printable(text)}\n")


@contextmanager
def _sides(
    checkouts: Mapping[str, Checkout], core: int, coin: random.Random, hash_seed: int
) -> Iterator[Mapping[Name, Side]]:
    """All started at once, the first by coin: imports are not timed and may use every core."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Process(name, checkouts[name], hash_seed, core))
            for name in coin.sample(list(LABELS), len(LABELS))
        }


def _progress(session: Session) -> str:
    decided = sum(series.verdict is not None for series in session.workloads.values())
    return f"round {session.rounds}: {decided} of {len(session.workloads)} workloads decided"


def _machine() -> str:
    here = environment()
    return f"{here.cpu}, {here.cores} cores, {here.os}, Python {platform.python_version()}"


def _stolen(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """The share of CPU time that the host gave to other machines between two `psutil.cpu_times`."""
    steal = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    return float(steal / max(sum(after) - sum(before), 1e-9))
