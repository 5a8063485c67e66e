"""What a machine reports of itself before it gets a cell, and why it gets none.

Figures are comparable where the same code made them. So the sources, Python and the libraries of a
worker are those of the machine that plans, or the worker is refused.

Dask sends what runs elsewhere by its name, so it may be another version's function there: its
answer is JSON, which is validated here.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import functools
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel

from bench import machine
from bench.cell import locks
from bench.planning.availability import versions
from bench.planning.source.syntax import canonical
from bench.records import CONFIG, Environment

ROOT = Path(__file__).parents[3]
PACKAGES = ("bench", "datasets", "impls")

LIBRARIES = ("cmfrec", "cornac", "libmf", "myfm", "pyspark", "scikit-surprise", "triton")
"""What rows wrap."""

MACHINE, CUDA = "machine", "cuda"
"""Resources of a worker, as Dask calls what a task holds while it runs: its one place for a cell,
and its CUDA devices."""

MOST_NAMED = 3
"""Files that a reason names."""


class Greeting(BaseModel):
    """A worker and its machine.

    name         of the worker, as Dask has it
    host         of the machine, in its network
    environment  with the load when it answered
    distributed  version of Dask's scheduler and workers there
    libraries    name -> version, of those of `LIBRARIES` that are installed
    resources    what the worker offers to tasks
    other        files of ratebench that have other bytes there: path -> digest of their meaning,
                 "" for a file that does not exist there
    changed      files of ratebench that are not what they were when the worker was started
    busy         whether it, or another run on its machine, timed a cell when it answered
    started      when the worker was started, by its machine's clock
    """

    model_config = CONFIG

    name: str
    host: str
    environment: Environment
    distributed: str
    libraries: dict[str, str]
    resources: dict[str, float] = {}
    other: dict[str, str] = {}
    changed: list[str] = []
    busy: bool = False
    started: float = 0.0

    @property
    def has_cuda(self) -> bool:
        """Whether it offers a CUDA device to cells, as `bench worker --gpus 1` does."""
        return self.resources.get(CUDA, 0) > 0


def here() -> Greeting:
    """Of this process, which plans."""
    return Greeting(
        name="",
        host=platform.node(),
        environment=machine.current_environment(),
        distributed=version("distributed"),
        libraries=versions(LIBRARIES),
    )


async def greet(known: Mapping[str, str], dask_worker: Any = None) -> str:
    """A worker's greeting as JSON, which it gives beside a cell that runs.

    known  `sources` of the process that plans
    """
    return await asyncio.to_thread(_greeting, known, dask_worker)


def _greeting(known: Mapping[str, str], worker: Any) -> str:
    own, before = sources(), sources_at_start()
    differing = [path for path in {**known, **own} if known.get(path) != own.get(path)]
    update = {
        "name": str(worker.name),
        "resources": dict(worker.state.total_resources),
        "other": {path: meaning(path) for path in sorted(differing)},
        "changed": sorted(path for path in before if before[path] != own.get(path)),
        "busy": worker.state.executing_count > 0 or locks.is_held(),
        "started": psutil.Process().create_time(),
    }
    return here().model_copy(update=update).model_dump_json()


def sources() -> dict[str, str]:
    """Path -> digest of the bytes, of each module of ratebench."""
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {
        file.relative_to(ROOT).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for file in sorted(files)
    }


@functools.cache
def sources_at_start() -> dict[str, str]:
    """`sources` as they were when this was called first, which a worker does as it starts."""
    return sources()


def meaning(path: str) -> str:
    """Digest of a module of ratebench without comments, docstrings and formatting; "" where there
    is none."""
    try:
        content = (ROOT / path).read_bytes()
    except OSError:
        return ""
    with contextlib.suppress(SyntaxError, RecursionError):  # of which any change counts
        content = canonical(ast.parse(content), {}, imports=True).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def refusal(ours: Greeting, theirs: Greeting) -> str:
    """Why a worker gets no cell; "" where it does."""
    return "; ".join(_differences(ours, theirs))


def _differences(ours: Greeting, theirs: Greeting) -> Iterator[str]:
    if theirs.resources.get(MACHINE) != 1:
        yield f"it does not offer {MACHINE}=1: start it with `bench worker`"
    # A row whose library is missing on one side is skipped, as on one machine.
    shared = ours.libraries.keys() & theirs.libraries.keys()
    needed = {"Python": ours.environment.python, "distributed": ours.distributed}
    needed |= {**ours.environment.versions, **{name: ours.libraries[name] for name in shared}}
    found = {"Python": theirs.environment.python, "distributed": theirs.distributed}
    found |= {**theirs.environment.versions, **theirs.libraries}
    yield from other_versions(needed, found)
    if theirs.changed:
        yield f"{_named(theirs.changed)} changed after it was started: start it again"
    elif others := [path for path, digest in theirs.other.items() if digest != meaning(path)]:
        yield f"it has another {_named(others)}: check out the same commit there"


def other_versions(needed: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """A clause for each package whose version is not the same."""
    for name, number in needed.items():
        if found.get(name) != number:
            yield f"{name} is {found.get(name, 'missing')} there and {number} here"


def _named(paths: list[str]) -> str:
    more = f" and {len(paths) - MOST_NAMED} more files" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more


def scheduler_settings(dask_scheduler: Any = None) -> str:
    """Of the scheduler, which calls this in its process, as JSON for `scheduler_refusal`."""
    import dask.config

    settings = {
        "python": machine.environment().python,
        "distributed": version("distributed"),
        "allowed-failures": dask_scheduler.allowed_failures,
        "work-stealing": dask.config.get("distributed.scheduler.work-stealing"),
    }
    return json.dumps(settings)


def scheduler_refusal(settings: str) -> str:
    """Why a scheduler cannot be used, by its settings; "" where it can."""
    ours, theirs = here(), json.loads(settings)
    needed = {"Python": ours.environment.python, "distributed": ours.distributed}
    found = {"Python": theirs["python"], "distributed": theirs["distributed"]}
    if problem := "; ".join(other_versions(needed, found)):
        return problem
    if theirs["allowed-failures"] == 0 and not theirs["work-stealing"]:
        return ""
    return (
        "it would run a cell again by itself, or move it, and nobody would know. Start it with\n"
        + "\n".join(f"  export {name}={value}" for name, value in SCHEDULER_VARIABLES.items())
    )


SCHEDULER_VARIABLES = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "False",
}
"""A cell that was lost with its worker is the client's to run again, which records that."""
