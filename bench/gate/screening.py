"""`bench gate --save FILE` and `bench gate --baseline FILE`."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from bench import machine
from bench.gate.baseline import Baseline, MachineKey, Times, read
from bench.gate.command import Asked, Say, compare
from bench.gate.environments import lock_of, python_for
from bench.gate.errors import BaselineError
from bench.gate.machine import timing_core
from bench.gate.process import Checkout, Process, Side
from bench.gate.screen import FEWEST_RUNS, Screened, common_shift, screen
from bench.gate.solo import time_alone
from bench.gate.trees import Repository, Revision
from bench.gate.verdicts import PASSED, REGRESSION, Verdict

HEADERS = ("workload", "now/then", "smallest slowdown it could have seen", "screen")


def save(path: Path, asked: Asked, folder: Path, say: Say, progress: Say) -> int:
    """Add a run of this revision to the file; one of another revision or machine is replaced.

    Raises BaselineError for a dirty tree, whose commit nobody could check out later.
    """
    repository = Repository.around(folder)
    head = repository.working_tree()
    if head != repository.revision("HEAD"):
        raise BaselineError("a baseline is of a commit: commit or stash what has changed")
    lock, key = lock_of(repository.root), MachineKey.here()
    baseline = Baseline(sha=head.sha, lock=lock, machine=key, loops={}, runs=[])
    if path.exists() and (stored := read(path)).is_of(head.sha, lock, key):
        baseline = stored
    baseline.runs.append(_run(repository, head, baseline.loops, asked.only, progress))
    baseline.write(path)
    n = f"{len(baseline.runs)} run{'s' * (len(baseline.runs) > 1)}"
    enough = (
        "" if len(baseline.runs) >= FEWEST_RUNS else f"; from {FEWEST_RUNS} on the screen may FAIL"
    )
    say(f"{path}: {n} of {head.told} on {key.cpu}{enough}")
    return PASSED


def against(path: Path, asked: Asked, folder: Path, say: Say, progress: Say) -> int:
    """Screen the working tree; where the screen cannot tell, compare with the stored revision."""
    baseline = read(path)
    repository = Repository.around(folder)
    then = repository.revision(baseline.sha)
    key = MachineKey.here()
    same = baseline.is_of(baseline.sha, lock_of(repository.root), key)
    now = _run(repository, repository.working_tree(), dict(baseline.loops), asked.only, progress)
    found = screen(baseline.runs, now, same_machine=same)
    say(_report(found, baseline, now, same))
    verdicts = {each.verdict for each in found.values()}
    if Verdict.FAIL in verdicts:
        return REGRESSION
    # A workload that one side alone has is in no screen, and must be told of.
    if verdicts == {Verdict.PASS} and found.keys() == now.keys() == baseline.runs[0].keys():
        return PASSED
    say(f"The screen cannot tell, so {then.told} is compared in pairs:\n")
    return compare(replace(asked, base=then.sha), folder, say, progress)


def _run(
    repository: Repository,
    revision: Revision,
    loops: dict[str, int],
    only: tuple[str, ...],
    progress: Say,
) -> Times:
    with (
        repository.checked_out({"head": revision.sha}) as trees,
        machine.exclusive(lambda: progress("waiting for another run on this machine to end")),
    ):
        tree = trees["head"]
        checkout = Checkout(python_for(tree, lock_of(repository.root), progress), tree)

        @contextmanager
        def start(hash_seed: int) -> Iterator[Side]:
            process = Process("head", checkout, hash_seed, timing_core())
            try:
                yield process
            finally:
                process.kill()

        return time_alone(start, random.Random(), loops, only, progress)


def _report(found: dict[str, Screened], baseline: Baseline, now: Times, same: bool) -> str:
    rows = [
        [name, f"{math.exp(it.change):.3f}", f"{math.expm1(it.seen):.1%}", str(it.verdict)]
        for name, it in found.items()
    ]
    where = "the same kind of machine" if same else "another machine or other versions"
    return "\n\n".join(
        [
            str(tabulate(rows, HEADERS, tablefmt="pipe", disable_numparse=True)),
            f"Against {len(baseline.runs)} stored runs of {baseline.sha[:12]} on {where}. Each "
            "change is relative to the others'. Common to all is "
            f"{common_shift(baseline.runs, now):.3f}, which may be the machine or the code: from "
            "stored numbers nobody can tell.",
        ]
    )
