"""Revisions under test with a known truth: they change nothing, or add a known share of work."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.gate.environments import lock_of, python_for
from bench.gate.session import check_known
from bench.gate.side import Checkout, Process, timing_core
from bench.gate.trees import Repository
from bench.gate.worker import WORKLOADS

Extra = Mapping[str, float]
"""Workload -> extra work, as a share of its own time."""

EXTRA_WORK = """

import time as _time

import pytest as _pytest

_EXTRA = {extra!r}


@_pytest.fixture(name="benchmark")
def _slower(benchmark, request):
    extra = _EXTRA.get(request.node.name.removeprefix("test_"), 0.0)

    def slower(function, *args, **kwargs):
        def call(*args, **kwargs):
            started = _time.perf_counter_ns()
            answer = function(*args, **kwargs)
            ended = _time.perf_counter_ns()
            until = ended + extra * (ended - started)
            while _time.perf_counter_ns() < until:
                pass
            return answer

        return benchmark(call, *args, **kwargs)

    return slower if extra else benchmark
"""
"""Added to the conftest.py of the workloads. After each call a loop takes a share of the call's own
time, so that the true ratio is known, and is the same for every workload."""


def workloads_of(
    repository: Repository, sha: str, only: tuple[str, ...], progress: Callable[[str], None]
) -> list[str]:
    """The names of its workloads, or of `only` these; those that are skipped here are among them.

    Raises SideError where one of `only` is not there.
    """
    with repository.checked_out({"head": sha}) as trees:
        tree = trees["head"]
        checkout = Checkout(python_for(tree, lock_of(repository.root), progress), tree)
        with Process("head", checkout, 0, timing_core()) as process:
            names = process.names()
    check_known(only, names)
    return [name for name in names if not only or name in only]


def commit(repository: Repository, base: str, change: Callable[[Path], None]) -> str:
    """Base with a change, as a commit that no branch points to."""
    with repository.checked_out({"head": base}) as trees:
        change(trees["head"])
        return Repository(trees["head"]).working_tree().sha


def slow_down(extra: Extra) -> Callable[[Path], None]:
    """Each call of a workload takes its share of extra work more."""

    def change(tree: Path) -> None:
        path = tree / WORKLOADS / "conftest.py"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(text + EXTRA_WORK.format(extra=dict(extra)), encoding="utf-8")

    return change


def change_nothing(tree: Path) -> None:
    """Comments on top of every module under test, and two of its functions change places."""
    for folder in ("impls", "datasets", "bench"):
        for path in sorted((tree / folder).glob("*.py")):
            text = swapped(path.read_text(encoding="utf-8"))
            path.write_text(f"# A comment,\n# and one more.\n{text}", encoding="utf-8")


def swapped(source: str) -> str:
    """The last two neighbouring plain functions of a module in the other order."""
    body = ast.parse(source).body
    lines = source.splitlines(keepends=True)
    for one, other in reversed(list(itertools.pairwise(body))):
        if _is_plain(one) and _is_plain(other):
            a, b = (slice(each.lineno - 1, each.end_lineno) for each in (one, other))
            between = lines[a.stop : b.start]
            return "".join([*lines[: a.start], *lines[b], *between, *lines[a], *lines[b.stop :]])
    return source


def _is_plain(node: ast.stmt) -> bool:
    """Nothing of it is evaluated when the module is loaded."""
    return (
        isinstance(node, ast.FunctionDef)
        and not node.decorator_list
        and not node.args.defaults
        and not any(node.args.kw_defaults)
    )
