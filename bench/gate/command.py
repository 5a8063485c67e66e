"""`bench gate BASE [HEAD]`: two revisions, checked out and compared."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import locks
from bench.gate.environments import lock_of, python_for
from bench.gate.limits import Limit, limits
from bench.gate.raw import Setting, clear, write
from bench.gate.session import Session, Start
from bench.gate.side import PATIENCE_S, Checkout, Name, Process, Side
from bench.gate.stored.machine import Ticks, machine_line, timing_core
from bench.gate.table import NOTE, control_line, reasons, summary, table
from bench.gate.trees import Repository
from bench.gate.verdicts import exit_code

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
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
    levels: Callable[[int], Mapping[int, Limit]] = limits
    patience_s: float = PATIENCE_S
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(2**32))


def compare(asked: Asked, folder: Path, say: Say, progress: Say) -> int:
    """Compare in the repository around `folder`; says the table, returns the exit code.

    Raises GateError where nothing can be compared.
    """
    clear(asked.out)
    repository = Repository.around(folder)
    base = repository.revision(asked.base)
    head = repository.revision(asked.head) if asked.head else repository.working_tree()
    ours = lock_of(repository.root)
    coin, core = random.Random(asked.seed), timing_core()
    with (
        repository.checked_out({"base": base.sha, "head": head.sha, "twin": base.sha}) as trees,
        locks.exclusive(lambda: progress("waiting for another run on this machine to end")),
    ):
        checkouts = {
            name: Checkout(python_for(tree, ours, progress), tree) for name, tree in trees.items()
        }
        session = Session(
            start=_starter(checkouts, core, asked.patience_s, coin),
            coin=coin,
            time_limit_s=asked.time_limit_s,
            clock=time.monotonic,
            on_round=lambda session: progress(_progress(session)),
            only=asked.only,
            levels=asked.levels,
        )
        before = Ticks.now()
        try:
            session.run()
        finally:  # a lost side or Ctrl-C takes no timings with it
            stolen = Ticks.now().stolen_since(before)
            setting = Setting(base, head, machine_line(), core, asked.seed, stolen)
            _hand_over(session, setting, asked.out, say)
    verdicts = (series.verdict for series in session.workloads.values())
    return exit_code([each for each in verdicts if each], tolerant=asked.tolerant)


def report(session: Session, setting: Setting) -> str:
    """The whole text, as markdown."""
    return "\n\n".join(
        [
            table(session.workloads, dict(session.loops)),
            *(["\n".join(lines)] if (lines := list(reasons(session.workloads))) else []),
            control_line(session.control),
            f"Base {setting.base.told}, head {setting.head.told}. {setting.machine}; timed on core "
            f"{setting.core}, {session.rounds} rounds, {setting.stolen:.1%} of the time stolen by "
            f"the host. {NOTE}",
            summary(session.workloads),
        ]
    )


def _hand_over(session: Session, setting: Setting, out: Path, say: Say) -> None:
    """Say the table and keep the timings, each also where the other cannot be done."""
    try:
        text = report(session, setting)
        say(text)
        if summary_file := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary_file).open("a") as file:
                file.write(f"## Speed gate\n\n{text}\n")
    finally:
        write(out, session, setting)


def _starter(
    checkouts: Mapping[str, Checkout], core: int, patience_s: float, coin: random.Random
) -> Start:
    @contextmanager
    def start(hash_seed: int) -> Iterator[Mapping[Name, Side]]:
        names: list[Name] = ["base", "head", "twin"]
        sides: dict[Name, Side] = {}
        with ExitStack() as stack:
            # All at once, the first by coin: imports are not timed and may use every core.
            for name in coin.sample(names, len(names)):
                process = Process(name, checkouts[name], hash_seed, core, patience_s)
                stack.callback(process.kill)
                sides[name] = process
            yield sides

    return start


def _progress(session: Session) -> str:
    decided = sum(series.verdict is not None for series in session.workloads.values())
    return f"round {session.rounds}: {decided} of {len(session.workloads)} workloads decided"
