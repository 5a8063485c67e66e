"""What machine, versions and source a record was made with."""

from __future__ import annotations

import contextlib
import functools
import json
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
from datasets.atomic import replace

LOCKED = ("numpy", "scipy", "pandas", "numba", "torch")
"""Packages whose versions are part of a result."""


@functools.cache
def environment() -> Environment:
    """This machine; load and roofs are read anew by `current_environment`."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    machine, cpu = _id_and_cpu(cores)
    return Environment(
        machine=machine,
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

    def output_of(*words: str) -> str | None:
        done = subprocess.run(
            [git, "-C", root, *words], capture_output=True, encoding="utf-8", errors="replace"
        )
        return done.stdout.strip() if done.returncode == 0 else None

    # Results and the README's block change with every run, and no figure depends on them.
    changed = output_of("status", "--porcelain", "--", ".", ":!results", ":!README.md")
    return output_of("rev-parse", "HEAD"), None if changed is None else bool(changed)


def _id_and_cpu(cores: int) -> tuple[str, str]:
    """The id of this machine and the name of its CPU, computed once and stored in the cache folder.

    So the id stays when another version of cpuinfo spells the name of the CPU in another way.
    """
    path = cache.folder() / "machines.json"
    hardware = f"{_cpu_model()} {cores}"  # nodes of a cluster may share a cache folder
    stored: dict[str, list[str]] = {}
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        stored = dict(json.loads(path.read_text(encoding="utf-8")))
        machine, cpu = stored[hardware]
        return machine, cpu
    import cpuinfo  # a quarter of a second, so not at the import of this module

    cpu = cpuinfo.get_cpu_info().get("brand_raw") or platform.processor() or "unknown CPU"
    slug = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")
    machine = f"{slug}-{cores}c-{digest(_local_id(), cpu, cores)[:6]}"
    with contextlib.suppress(OSError):  # where it cannot be stored it is computed every time
        replace(path, json.dumps({**stored, hardware: [machine, cpu]}).encode())
    return machine, cpu


def _cpu_model() -> str:
    """As the kernel names it, without cpuinfo; on Linux from /proc."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _local_id() -> str:
    """A random name for this machine, drawn once and stored in the cache folder.

    CPU models are shared by many machines, and host names and /etc/machine-id by the
    clones of an image.
    """
    path = cache.folder() / "machine-id"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    name = uuid.uuid4().hex
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    except OSError:  # it cannot be stored: the host's own name instead
        return platform.node()
    return name


def _gpu_name() -> str | None:
    smi = shutil.which("nvidia-smi")
    if smi is None:
        return None
    query = [smi, "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, encoding="utf-8", errors="replace")
    return done.stdout.partition("\n")[0].strip() or None
