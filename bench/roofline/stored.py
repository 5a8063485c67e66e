"""The bounds of this machine, measured once and stored in the cache folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.cell.process import THREAD_VARIABLES
from bench.records import Environment, Roof
from datasets import cache


def measure_apart(threads: int) -> Roof:
    """`bench.roofline.measure` in a process with that many threads."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench.roofline.measure", str(threads)],
        env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))},
        stdout=subprocess.PIPE,
        check=True,
    )
    return Roof.model_validate_json(done.stdout)


def measured(environment: Environment, measure: Callable[[int], Roof]) -> list[Roof]:
    """Measure this machine now, with one thread and with all cores, and store the bounds."""
    roofs = [measure(threads) for threads in sorted({1, environment.cores})]
    path = _path()
    with contextlib.suppress(OSError):  # a cache that cannot be written: records have no bounds
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({environment.machine: [roof.model_dump() for roof in roofs]})
        path.write_text(text, encoding="utf-8")
    return roofs


def stored(machine: str) -> list[Roof]:
    """The bounds of the machine with this id, in which its CPU and cores are; empty where
    they were not measured or cannot be read."""
    try:
        by_machine = json.loads(_path().read_text(encoding="utf-8"))
        return [Roof.model_validate(roof) for roof in by_machine[machine]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _path() -> Path:
    return cache.folder() / "roofs.json"
