"""What machine, versions and source a record was made with."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
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
    cores = usable_cores()
    machine, cpu = _id_and_cpu(cores.usable)
    return Environment(
        machine=machine,
        cpu=cpu,
        cores=cores.usable,
        of_cores=cores.every if cores.limited_by else None,
        limited_by=cores.limited_by,
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


def without_places(text: str) -> str:
    """The text with the names that others know of folders of this machine: what a process printed
    is in records, which are published."""
    places = {
        Path(sys.prefix): "<environment>",
        Path(__file__).parent.parent: "<ratebench>",
        Path.home(): "~",
        Path.cwd(): ".",
    }
    names = {str(each): name for path, name in places.items() for each in (path, path.resolve())}
    names.pop("/", None)
    longest_first = sorted(names, key=len, reverse=True)
    pattern = rf"(?<![\w./-])({'|'.join(map(re.escape, longest_first))})(?![\w-])"
    return re.sub(pattern, lambda found: names[found[1]], text)


@dataclass(frozen=True)
class Cores:
    """Physical cores of which this process may use `usable` out of `every`.

    cpus        logical processors that it may use
    limited_by  why it may not use them all: "CPU affinity" or "CPU quota 1.5"; "" where it may
    """

    usable: int
    every: int
    cpus: float
    limited_by: str


def usable_cores() -> Cores:
    """The cores that this process and its children may use: as many threads are planned.

    Those of the machine, less what `taskset`, a batch system or a container's cpuset takes away
    (the affinity), and no more than the quota of its cgroups pays for: a thread beyond that is
    stopped again and again, which no timing survives.
    """
    cpus: float = os.cpu_count() or 1
    every = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    usable, limited_by = every, ""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if 0 < len(allowed) < cpus:
        cpus = len(allowed)
        if (reached := physical_cores(allowed)) < usable:
            usable, limited_by = reached, "CPU affinity"
    quota = cpu_quota()
    if quota is not None and quota < cpus:
        cpus = quota
        if (paid := max(1, math.floor(quota + 0.01))) < usable:
            usable, limited_by = paid, f"CPU quota {quota:.3g}"
    return Cores(usable, every, cpus, limited_by)


def timing_core() -> int | None:
    """The core on which a pinned cell is timed: the last one that this process may use, for the
    first has the interrupts. None where the system keeps no process on a core."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    return max(os.sched_getaffinity(0))


def physical_cores(cpus: Collection[int], root: Path = Path("/")) -> int:
    """On how many physical cores these logical processors are; each on its own where the kernel
    does not say."""
    siblings = set()
    for cpu in cpus:
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        siblings.add(_text(topology / "thread_siblings_list") or str(cpu))
    return len(siblings)


def cpu_quota(root: Path = Path("/")) -> float | None:
    """How many CPUs' time the cgroups of this process grant it at most; None: as much as there is.

    The least quota counts, of its own cgroup and of each above it.
    """
    quotas = [
        quota
        for line in (_text(root / "proc/self/cgroup") or "").splitlines()
        for folder in _cgroup_folders(line, root / "sys/fs/cgroup")
        if (quota := _quota(folder)) is not None
    ]
    return min(quotas, default=None)


def _cgroup_folders(line: str, mounts: Path) -> Iterator[Path]:
    """The folders of a line of /proc/self/cgroup, `4:cpu,cpuacct:/a/b` or of version 2 `0::/a/b`.

    In a container the path may be the host's, of which its own mount has the end alone.
    """
    _, controllers, path = [*line.split(":", 2), "", "", ""][:3]
    if controllers and "cpu" not in controllers.split(","):
        return
    names = (controllers, "cpu") if controllers else ("", "unified")
    parts = [part for part in path.split("/") if part]
    for mount in (mounts / name for name in names):
        for depth in range(len(parts) + 1):
            yield mount.joinpath(*parts[:depth])


def _quota(folder: Path) -> float | None:
    text = _text(folder / "cpu.max")  # version 2: "150000 100000", or "max 100000"
    if text is None:
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        text = f"{quota} {period}"  # version 1: -1 without a quota
    with contextlib.suppress(ValueError, ZeroDivisionError):
        used, of = map(int, text.split())
        return used / of if used > 0 else None
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class _Checkout:
    sha: str | None
    dirty: bool | None
    problem: str


def source_state() -> tuple[str | None, bool | None]:
    """Commit of this checkout, and whether code differs from it; None where that is not known,
    for the reason that `source_problem` gives."""
    checkout = _checkout()
    return checkout.sha, checkout.dirty


def source_problem() -> str:
    """Why records will name no commit; "" where they do."""
    return _checkout().problem


LOCATING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""Variables that git sets in its hooks, and by which it would answer for another repository."""

GIT_LIMIT_S = 20
"""How long git may take to answer: far longer than it takes for this checkout."""


@functools.cache
def _checkout() -> _Checkout:
    root = Path(__file__).resolve().parent.parent
    git = shutil.which("git")
    if not (root / ".git").exists():
        return _Checkout(None, None, "ratebench does not run from a git checkout")
    if git is None:
        return _Checkout(None, None, "git is not installed")
    others = {name: value for name, value in os.environ.items() if name not in LOCATING}

    def output_of(*words: str) -> str:
        done = subprocess.run(
            [git, "-C", root, *words],
            capture_output=True,
            env=others,
            encoding="utf-8",
            errors="replace",
            timeout=GIT_LIMIT_S,
        )
        if done.returncode:
            raise ChildProcessError(done.stderr.strip() or f"git ended with {done.returncode}")
        return done.stdout.strip()

    try:
        sha = output_of("rev-parse", "HEAD")
        # Results and the README's block change with every run, and no figure depends on them.
        changed = output_of("status", "--porcelain", "--", ".", ":!results", ":!README.md")
    except subprocess.TimeoutExpired:
        return _Checkout(None, None, f"git does not answer within {GIT_LIMIT_S} s")
    except OSError as error:
        why = str(error).partition("\n")[0]
        if "dubious ownership" in why:
            why += f"; if you trust it: git config --global --add safe.directory {root}"
        return _Checkout(None, None, f"git answers: {why}")
    return _Checkout(sha, bool(changed), "")


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
