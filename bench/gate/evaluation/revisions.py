"""Revisions under test with a known truth: they change nothing, or add a known share of work."""

from __future__ import annotations

import ast
import itertools
import random
from collections.abc import Callable
from pathlib import Path

from bench.gate.trees import Repository

Doses = dict[str, float]
"""Workload (as in tests/speed/sizes.py) -> extra rows, as a share."""

SIZES = Path("tests/speed/sizes.py")
DOSES = (0.0, 0.03, 0.05, 0.10)


def rows_of(tree: Path) -> dict[str, int]:
    """The sizes of its workloads."""
    scope: dict[str, dict[str, int]] = {}
    exec((tree / SIZES).read_text(encoding="utf-8"), scope)
    return scope["ROWS"]


def drawn(rows: dict[str, int], rng: random.Random) -> Doses:
    """A dose for each workload."""
    return {name: rng.choice(DOSES) for name in rows}


def commit(repository: Repository, base: str, change: Callable[[Path], None]) -> str:
    """Base with a change, as a commit that no branch points to."""
    with repository.checked_out({"head": base}) as trees:
        change(trees["head"])
        return Repository(trees["head"]).working_tree().sha


def slow_down(doses: Doses) -> Callable[[Path], None]:
    """Each workload gets its dose of rows more."""

    def change(tree: Path) -> None:
        rows = {name: round(n * (1 + doses[name])) for name, n in rows_of(tree).items()}
        (tree / SIZES).write_text(f"ROWS = {rows!r}\n", encoding="utf-8")

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
