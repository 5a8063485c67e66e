"""One side of the gate, in a process of its own: `python -P worker.py PIPE TREE CORE`.

A file run by its path, which imports nothing from ratebench: what it runs is the tree's, and base
may have no gate. It is pytest with a `benchmark` fixture that times on request of the parent.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import os
import signal
import sys
import sysconfig
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORKLOADS = "tests/speed"
PR_SET_PDEATHSIG, PR_SET_THP_DISABLE = 1, 41
STANDARD_LIBRARY = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib"))


class Side:
    """A plugin of pytest: sends the names of the workloads, runs those it receives, in order."""

    def __init__(self, pipe: Connection, tree: Path, core: int) -> None:
        self._pipe, self._tree, self._core = pipe, tree, core
        self._everywhere = _affinity()
        self._packages = {path.stem for path in tree.iterdir() if _is_module(path)}
        self._known: set[str] = set()
        self._ended: dict[str, str] = {}

    def send(self, **fields: Any) -> None:
        self._pipe.send_bytes(json.dumps(fields).encode())

    def receive(self) -> Any:
        return json.loads(self._pipe.recv_bytes())

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.send(fault=f"cannot be collected: {report.longreprtext}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        named = {item.name.removeprefix("test_"): item for item in items}
        self.send(names=list(named), clashes=len(items) - len(named))
        items[:] = [named[name] for name in self.receive()["order"]]

    @pytest.fixture
    def benchmark(self) -> Callable[..., Any]:
        """In the place of pytest-benchmark's."""
        return self._in_lockstep

    def _in_lockstep(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)  # untimed
        gc.disable()
        gc.collect()
        gc.freeze()  # so that the next workload's collection need not visit all of this again
        _pin({self._core})
        self.send(digest=_digest(result), foreign=self._foreign())
        while loops := self.receive()["loops"]:
            started = time.perf_counter_ns()
            for _ in range(loops):
                function(*args, **kwargs)
            self.send(started_ns=started, ns=time.perf_counter_ns() - started)
        gc.enable()
        _pin(self._everywhere)  # what is not timed may run beside the other side
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._ended["failed"] = report.longreprtext
        elif report.skipped:
            self._ended["skipped"] = _reason(report)

    def pytest_runtest_logfinish(self) -> None:
        self.send(ended=self._ended)
        self._ended = {}

    def _foreign(self) -> list[str]:
        """Modules new since the last call, neither the tree's nor an installed package's."""
        found = []
        new = sys.modules.keys() - self._known
        self._known |= new
        for name in new:
            file = getattr(sys.modules[name], "__file__", None) or ""
            own = file == __file__ or file.startswith(f"{self._tree}/")
            if own or not file.startswith("/"):
                continue
            if name.partition(".")[0] in self._packages or not _is_installed(file):
                found.append(f"{name}: {file}")
        return found


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def _is_installed(file: str) -> bool:
    # Debian's Python has its packages in dist-packages.
    folders = ("/site-packages/", "/dist-packages/")
    return any(folder in file for folder in folders) or file.startswith(STANDARD_LIBRARY)


def _digest(result: Any) -> str:
    """Of an array or a tuple of arrays: types, shapes and bytes."""
    digest = hashlib.sha256()
    for each in result if isinstance(result, tuple) else (result,):
        array = np.ascontiguousarray(each)
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _reason(report: pytest.TestReport) -> str:
    """Of a skip, which pytest reports as (file, line, reason)."""
    return str(report.longrepr[-1]) if isinstance(report.longrepr, tuple) else ""


def _affinity() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _pin(cores: set[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _die_with_parent() -> None:
    """Linux kills us when it is gone, also in the midst of a workload."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _without_huge_pages() -> None:
    """How many of them a process is given depends on what the process before it took."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def main(pipe: int, tree: Path, core: int) -> None:
    """Serve until the last workload has ended, or the parent is gone."""
    _die_with_parent()
    _without_huge_pages()
    sys.path.insert(0, str(tree))
    side = Side(Connection(pipe), tree, core)
    if not (tree / WORKLOADS).is_dir():
        side.send(names=[], clashes=0)
        return
    pytest.main(
        [
            *(WORKLOADS, "--rootdir", str(tree), "-q", "-p", "no:cacheprovider"),
            # addopts may name options of plugins that are not loaded here.
            *("-o", "addopts="),
            # Gone with the trees, and of one length for all sides as they are.
            *("--basetemp", f"{tree}.tmp"),
        ],
        plugins=[side],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
