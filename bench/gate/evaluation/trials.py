"""Many gates whose truth is known.

`python -m bench.gate.evaluation.trials KIND --runs N --out FOLDER`, where KIND is

same  base against itself                  noop  base against commits that change nothing
slow  each workload takes 0, 3, 5, 6 or 10 % longer by extra work, drawn anew for each run

The draws go to a file of their own, which nothing reads before `bench.gate.evaluation.tally`
prints its tables: the gate gets two commits and no more. Recorded runs are not repeated, so a
campaign that was stopped goes on. On one core alone: `taskset -c 0 python -m …`. Two at once, each
on one: both with a folder of their own for the machine's lock, in RATEBENCH_LOCK, and `--beside`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.gate.command import Request, compare
from bench.gate.evaluation.revisions import (
    Extra,
    change_nothing,
    commit,
    slow_down,
    workloads_of,
)
from bench.gate.side import cores, timing_core
from bench.gate.trees import Repository

DOSES = (0.0, 0.03, 0.05, 0.06, 0.10)
"""Of extra work, as a share of a workload's own time."""
RUNS, DRAWS = "runs.jsonl", "draws.jsonl"


class Kind(StrEnum):
    """What head is."""

    SAME = "same"
    NOOP = "noop"
    SLOW = "slow"


def main(
    kind: Kind,
    runs: Annotated[int, typer.Option(help="Runs of this kind that there shall be.")],
    out: Annotated[Path, typer.Option(help="Folder of runs.jsonl, draws.jsonl and raw timings.")],
    workload: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds per run.")] = 480,
    busy: Annotated[bool, typer.Option("--busy", help="Keep another core busy.")] = False,
    beside: Annotated[str, typer.Option(help="What else runs here, for the record.")] = "",
) -> None:
    """Make the runs that are missing."""
    repository = Repository.around(Path.cwd())
    base = repository.revision("HEAD").sha
    only = tuple(workload or ())
    names = workloads_of(repository, base, only, print)
    out.mkdir(parents=True, exist_ok=True)
    beside = beside or ("a busy core" if busy else "")
    setting = {"kind": kind, "base": base, "beside": beside, "cores": len(cores())}
    done = sum({**run, **setting} == run for run in read(out / RUNS))
    for number in range(done, runs):
        head, extra = _head(repository, base, kind, names)
        append(out / DRAWS, {"head": head, "extra": extra})
        raw = out / f"raw-{kind}-{number}-{head[:8]}.json"
        request = Request(base, head, only, time_limit, tolerant=False, out=raw)
        progress = partial(print, f"{kind} {number + 1}/{runs}", file=sys.stderr)
        with _busy_core() if busy else nullcontext():  # the table is in the raw timings
            code = compare(request, repository.root, lambda _: None, progress)
        append(out / RUNS, {**setting, "head": head, "code": code, **_found(raw)})


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; none where there is no file yet."""
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else []
    )


def append(path: Path, line: dict[str, Any]) -> None:
    """Write one line, and be sure that it is there."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _head(repository: Repository, base: str, kind: Kind, names: list[str]) -> tuple[str, Extra]:
    """A commit, and the extra work in it of each workload that has any."""
    match kind:
        case Kind.SAME:
            return base, {}
        case Kind.NOOP:
            return commit(repository, base, change_nothing), {}
        case Kind.SLOW:
            extra = drawn(names, random.SystemRandom())
            return commit(repository, base, slow_down(extra)), extra


def drawn(names: list[str], rng: random.Random) -> Extra:
    """A dose for each workload."""
    return {name: rng.choice(DOSES) for name in names}


def _found(path: Path) -> dict[str, Any]:
    """What the tally needs, out of the raw timings."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return {
        **{key: raw[key] for key in ("at", "machine", "seconds", "stolen")},
        "workloads": {
            name: {"verdict": series["verdict"], "Y": series["Y"]}
            for name, series in raw["workloads"].items()
        },
        "control_failed": bool(raw["control"] and raw["control"]["failed"]),
    }


@contextmanager
def _busy_core() -> Iterator[None]:
    """A process that computes on a core that is not timed on."""
    others = cores() - {timing_core()} or cores()
    code = f"import os; os.sched_setaffinity(0, {others})\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    typer.run(main)
