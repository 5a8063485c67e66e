"""Whether a row can run here: its system, its device, its library and what that needs."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SYSTEMS = ("linux", "darwin")

EXTRAS = {"triton": "triton", "pyspark": "spark"}
"""Libraries that are an extra, and a target of make, by themselves; the others are `peers`."""

JAVA = 17
"""The oldest that Spark 4 runs on."""


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
    # Java first: nobody should install what would then find none.
    if library == "pyspark" and (problem := java_problem()):
        return problem
    if not library or versions([library]):
        return None
    extra = EXTRAS.get(library, "peers")
    return f"{library} is not installed: make {extra} (pip install -e '.[{extra}]')"


def java_problem() -> str | None:
    """Why Spark cannot start a JVM here; None where it can. It takes the Java of $JAVA_HOME, else
    the one on the path."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin")) if home else None)
    place = f"in JAVA_HOME={home}" if home else "on the path"
    install = f"Spark needs Java {JAVA} or newer (apt-get install openjdk-{JAVA}-jre-headless)"
    if java is None:
        return f"no java {place}: {install}"
    found = _java_version(java)
    return None if found >= JAVA else f"Java {found or 'of no known version'} {place}: {install}"


@functools.cache
def _java_version(java: str) -> int:
    """17 of `openjdk version "17.0.15"`, 8 of `"1.8.0_392"`; 0 where it shows none."""
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, encoding="utf-8", errors="replace", timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(found[1]) if found else 0


def row_problem(library: str, devices: Collection[str], device: str) -> str | None:
    """Why a row that needs `library` and supports `devices` cannot run on `device` here, as the
    reason of a skipped row; None where it can."""
    if problem := unsupported(devices, device):
        return problem
    # The device first: nobody should install what would then find none.
    return device_problem(device) or library_problem(library)


def unsupported(devices: Collection[str], device: str) -> str | None:
    """Why a row that supports `devices` cannot run on `device` anywhere; None where it can."""
    if device.partition(":")[0] in devices:
        return None
    return f"{' and '.join(each.upper() for each in devices)} only"


class Availability(Protocol):
    """What is there where cells are to run."""

    def has_cuda(self) -> bool:
        """Whether there is a CUDA device."""

    def row_problem(self, library: str, devices: Collection[str], device: str) -> str | None:
        """As the function of this name."""


class Here:
    """This machine."""

    def has_cuda(self) -> bool:
        return device_problem("cuda") is None

    def row_problem(self, library: str, devices: Collection[str], device: str) -> str | None:
        return row_problem(library, devices, device)


HERE = Here()


@dataclass(frozen=True)
class Elsewhere:
    """Machines that say of each cell themselves whether they can run it; `cuda`: whether one of
    them has a CUDA device."""

    cuda: bool

    def has_cuda(self) -> bool:
        return self.cuda

    def row_problem(self, library: str, devices: Collection[str], device: str) -> str | None:  # noqa: ARG002
        return unsupported(devices, device)


def has_cuda_driver() -> bool:
    """Whether a CUDA driver is installed, without importing torch."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def index_of(name: str) -> int:
    """Of `cuda:1` the 1; `cuda` is the first."""
    return int(name.partition(":")[2] or 0)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version of each package that is installed."""
    # Here, for its import would be a tenth of what the process of a cell needs to start.
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
