"""What machine, versions and source a record was made with."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import shutil
import subprocess
import uuid
from pathlib import Path

import psutil

from bench.planning.availability import versions
from bench.records import Environment, digest
from bench.roofline.stored import stored
from datasets import cache

LOCKED = ("numpy", "scipy", "pandas", "numba", "torch")
"""Packages whose versions are part of a result."""


@functools.cache
def environment() -> Environment:
    """This machine; load and roofs are read anew by `current_environment`."""
    import cpuinfo  # a quarter of a second, so not at the import of this module

    cpu = cpuinfo.get_cpu_info().get("brand_raw") or platform.processor() or "unknown CPU"
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    slug = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")
    return Environment(
        machine=f"{slug}-{cores}c-{digest(_local_id(), cpu, cores)[:6]}",
        cpu=cpu,
        cores=cores,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        gpu=_gpu_name(),
        os=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        versions=versions(LOCKED),
        load=0.0,
    )


def current_environment() -> Environment:
    """This machine with its present one-minute load average, and its roofs where it has any."""
    still = environment()
    return still.model_copy(
        update={"load": round(os.getloadavg()[0], 2), "roofs": stored(still.machine)}
    )


@functools.cache
def source_state() -> tuple[str | None, bool | None]:
    """Commit of this checkout, and whether code differs from it; (None, None) outside git."""
    root = Path(__file__).resolve().parent.parent
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None, None

    def ask(*words: str) -> str | None:
        answer = subprocess.run([git, "-C", root, *words], capture_output=True, text=True)
        return answer.stdout.strip() if answer.returncode == 0 else None

    # Results and the README's block change with every run, and no figure depends on them.
    changed = ask("status", "--porcelain", "--", ".", ":!results", ":!README.md")
    return ask("rev-parse", "HEAD"), None if changed is None else bool(changed)


def _local_id() -> str:
    """A random name for this machine, made once and kept in the cache folder.

    CPU models are shared by many machines, and host names and /etc/machine-id by the
    clones of an image.
    """
    path = cache.folder() / "machine-id"
    with contextlib.suppress(OSError):
        return path.read_text()
    name = uuid.uuid4().hex
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    except OSError:  # nowhere to keep one: fall back on what the host says of itself
        return platform.node()
    return name


def _gpu_name() -> str | None:
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return None
    query = [smi, "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True)
    return answer.stdout.partition("\n")[0].strip() or None
