"""`bench gate --save FILE` and `bench gate --baseline FILE`."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.gate.command import Request, Show, compare, machine_held
from bench.gate.environments import lock_of, python_for
from bench.gate.errors import BaselineError
from bench.gate.report import markdown
from bench.gate.side import Checkout, Process, timing_core
from bench.gate.statistics import PASSED, REGRESSION, Verdict
from bench.gate.stored.baseline import Baseline, MachineKey, Times, read
from bench.gate.stored.screen import FEWEST_RUNS, Screened, common_shift, screen
from bench.gate.stored.solo import StartOne, time_alone
from bench.gate.trees import Repository, Revision

HEADERS = (
    "workload",
    "now/then",
    "sd between stored runs",
    "smallest slowdown it could have seen",
    "screen",
)


def save(path: Path, request: Request, folder: Path, show: Show, progress: Show) -> int:
    """Add a run of this revision to the file; those of another revision or machine it replaces.

    Raises BaselineError for a dirty tree, whose commit could not be checked out later, and for a
    run of other workloads than the stored ones.
    """
    repository = Repository.around(folder)
    head = repository.working_tree()
    if head != repository.revision("HEAD"):
        raise BaselineError("a baseline is of a commit: commit or stash what has changed")
    lock, key = lock_of(repository.root), MachineKey.here()
    baseline = Baseline(sha=head.sha, lock=lock, machine=key, loops={}, runs=[])
    replaced = ""
    with _startable(repository, head, progress) as start:
        # Read and written while the machine is held, so that of two saves none is lost.
        if path.exists():
            stored = read(path)
            if stored.is_of(head.sha, lock, key):
                baseline = stored
            else:
                replaced = f"; replaces {_description(stored)}"
        now = time_alone(start, random.Random(), baseline.loops, request.only, progress)
        if not baseline.has_workloads_of(now):
            raise BaselineError(
                f"{path} has runs of other workloads than {', '.join(now)}: save all of them "
                "(no --workload), or save to another file, or delete this one"
            )
        baseline.runs.append(now)
        baseline.write(path)
    n = len(baseline.runs)
    enough = "" if n >= FEWEST_RUNS else f"; from {FEWEST_RUNS} on the screen may FAIL"
    show(f"{path}: {_description(baseline)}{replaced}{enough}")
    return PASSED


def against(path: Path, request: Request, folder: Path, show: Show, progress: Show) -> int:
    """Screen the working tree; where the screen cannot decide, compare with the stored revision."""
    baseline = read(path)
    repository = Repository.around(folder)
    then = repository.revision(baseline.sha)
    key = MachineKey.here()
    same = baseline.is_of(baseline.sha, lock_of(repository.root), key)
    with _startable(repository, repository.working_tree(), progress) as start:
        now = time_alone(start, random.Random(), dict(baseline.loops), request.only, progress)
    found = screen(baseline.runs, now, same_machine=same)
    show(_report(found, baseline, now, same))
    # A workload that one side alone has is in no screen, and must be reported.
    if baseline.has_workloads_of(now):
        verdicts = {each.verdict for each in found.values()}
        if Verdict.FAIL in verdicts:
            return REGRESSION
        if verdicts == {Verdict.PASS}:
            return PASSED
        why = "The screen cannot decide"
    else:
        why = "The workloads are not the stored ones"
    show(f"{why}, so {then.label} is compared in pairs:\n")
    return compare(replace(request, base=then.sha), folder, show, progress)


@contextmanager
def _startable(repository: Repository, revision: Revision, progress: Show) -> Iterator[StartOne]:
    """What starts a process of the revision, while this machine is held for it."""
    with repository.checked_out({"head": revision.sha}) as trees, machine_held(progress):
        tree = trees["head"]
        checkout = Checkout(python_for(tree, lock_of(repository.root), progress), tree)
        yield lambda hash_seed: Process("head", checkout, hash_seed, timing_core())


def _description(baseline: Baseline) -> str:
    n, key = len(baseline.runs), baseline.machine
    return f"{n} run{'s' * (n > 1)} of {baseline.sha[:12]} on {key.cpu}, Python {key.python}"


def _report(found: dict[str, Screened], baseline: Baseline, now: Times, same: bool) -> str:
    rows = [
        [
            name,
            f"{math.exp(it.change):.3f}",
            "" if it.spread is None else f"{it.spread:.2%}",
            f"{math.expm1(it.seen):.1%}",
            str(it.verdict),
        ]
        for name, it in found.items()
    ]
    where = "the same kind of machine" if same else "another machine or other versions"
    return "\n\n".join(
        [
            markdown(rows, HEADERS),
            f"Against {len(baseline.runs)} stored runs of {baseline.sha[:12]} on {where}. Each "
            "change is relative to the others'. Common to all is "
            f"{common_shift(baseline.runs, now):.3f}, which may be the machine or the code: "
            "stored numbers cannot distinguish them.",
        ]
    )
