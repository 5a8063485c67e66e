"""The bounds of this machine, measured once and stored in the cache folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cell.process import THREAD_VARIABLES
from bench.records import Environment, Roof
from datasets import cache
from datasets.atomic import replace


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
    # With fewer cores, as in a container, the machine has another id: the bounds of both stay.
    by_machine = {**_read(), environment.machine: [roof.model_dump() for roof in roofs]}
    with contextlib.suppress(OSError):  # a cache that cannot be written: records have no bounds
        replace(path, json.dumps(by_machine).encode())
    return roofs


def stored(machine: str) -> list[Roof]:
    """The bounds of the machine with this id, in which its CPU and cores are; empty where
    they were not measured or cannot be read."""
    try:
        return [Roof.model_validate(roof) for roof in _read()[machine]]
    except (ValueError, LookupError, TypeError):
        return []


def _read() -> dict[str, Any]:
    try:
        return dict(json.loads(_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _path() -> Path:
    return cache.folder() / "roofs.json"
