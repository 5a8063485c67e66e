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
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.device import index_of
from bench.records import Environment, digest
from bench.roofline.kept import kept
from datasets import cache

LOCKED = ("numpy", "scipy", "pandas", "numba", "torch")
"""Packages whose versions are part of a result."""
OWN_EXTRA = ("triton",)
"""Libraries that are an extra, and a target of make, by themselves; the others are `peers`."""


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
        update={"load": round(os.getloadavg()[0], 2), "roofs": kept(still.machine)}
    )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version of each package that is installed."""
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


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


@functools.cache
def device_problem(device: str) -> str | None:
    """Why `device` cannot be used here, in the words of a skipped row; None where it can."""
    if device == "cpu":
        return None
    if not has_cuda_driver():
        return "no CUDA device"
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = index_of(device)
    if index < count:
        return None
    return f"no CUDA device {index}, there are {count}" if count else "no CUDA device"


def library_problem(library: str) -> str | None:
    """Why a row that needs `library` cannot run here; None where it can, or needs none."""
    if not library or versions([library]):
        return None
    extra = library if library in OWN_EXTRA else "peers"
    return f"{library} is not installed: make {extra} (pip install -e '.[{extra}]')"


def row_problem(library: str, devices: Collection[str], device: str) -> str | None:
    """Why a row that needs `library` and knows `devices` cannot run on `device` here, in the
    words of a skipped row; None where it can."""
    if device.partition(":")[0] not in devices:
        return f"{' and '.join(each.upper() for each in devices)} only"
    # The device first: nobody should install what would then find none.
    return device_problem(device) or library_problem(library)


def has_cuda_driver() -> bool:
    """Whether a CUDA driver is installed, asked without importing torch."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


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
