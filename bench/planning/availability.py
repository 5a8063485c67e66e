"""Whether a row can run here: its system, its device and its library."""

from __future__ import annotations

import contextlib
import functools
import shutil
import sys
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SYSTEMS = ("linux", "darwin")

OWN_EXTRA = ("triton",)
"""Libraries that are an extra, and a target of make, by themselves; the others are `peers`."""


def system_problem() -> str | None:
    """Why ratebench cannot run on this system; None where it can."""
    if sys.platform in SYSTEMS:
        return None
    return f"ratebench runs on Linux, and on macOS for rows on the CPU; this is {sys.platform}"


@functools.cache
def device_problem(device: str) -> str | None:
    """Why `device` cannot be used here, as the reason of a skipped row; None where it can."""
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
    """Why a row that needs `library` and supports `devices` cannot run on `device` here, as the
    reason of a skipped row; None where it can."""
    if device.partition(":")[0] not in devices:
        return f"{' and '.join(each.upper() for each in devices)} only"
    # The device first: nobody should install what would then find none.
    return device_problem(device) or library_problem(library)


def has_cuda_driver() -> bool:
    """Whether a CUDA driver is installed, without importing torch."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def index_of(name: str) -> int:
    """Of `cuda:1` the 1; `cuda` is the first."""
    return int(name.partition(":")[2] or 0)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version of each package that is installed."""
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
