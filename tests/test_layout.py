"""Packages import one way, no import runs in a circle, and folders stay small enough to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ABOVE = {"datasets": ("impls", "bench"), "impls": ("bench",), "bench": ()}
"""Package -> the packages that it may not import."""
MOST_FILES = 16


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Dotted name -> file, of every module and package of the three packages."""
    found = {}
    for package in ABOVE:
        for file in (root / package).rglob("*.py"):
            parts = file.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(name: str, file: Path, known: dict[str, Path]) -> set[str]:
    """Modules that a module imports anywhere, in functions and for type checks, too.

    To import `a.b.c` runs a's and b's `__init__` first, unless the module is inside them.
    """
    found = set()
    for each in _names(name, file, known):
        parts = each.split(".")
        prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        found |= {p for p in prefixes if p == each or not f"{name}.".startswith(f"{p}.")}
    return found & known.keys() - {name}


def _names(name: str, file: Path, known: dict[str, Path]) -> Iterator[str]:
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import module`, else a name that the module itself has.
            full = [f"{module}.{alias.name}" for alias in node.names]
            yield from (each if each in known else module for each in full)


def circle(root: Path) -> list[str]:
    """Modules that import each other in a circle; empty where there is none."""
    known = modules(root)
    graph = {name: imported(name, file, known) for name, file in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


@pytest.mark.parametrize("package", ABOVE)
def test_packages_import_one_way(package: str) -> None:
    known = modules()
    wrong = {
        f"{name} imports {other}"
        for name, file in known.items()
        if name.partition(".")[0] == package
        for other in imported(name, file, known)
        if other.partition(".")[0] in ABOVE[package]
    }
    assert not wrong


def test_plots_import_no_page_and_no_site() -> None:
    """So a change of those draws no plot again (`bench.report.plots.style`)."""
    known = modules()
    plots = {name for name in known if name.startswith("bench.report.plots.")}
    assert plots
    above = ("bench.report.pages", "bench.report.site")
    wrong = {
        f"{name} imports {other}"
        for name in plots
        for other in imported(name, known[name], known)
        if other.startswith(above)
    }
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(ROOT) == []


@pytest.mark.parametrize(
    "files",
    [
        {"bench/a.py": "from bench import b", "bench/b.py": "def f():\n    import bench.a"},
        {"bench/a/__init__.py": "from bench import b", "bench/b.py": "import bench.a.c"},
        {"bench/a/b.py": "from . import c", "bench/a/c.py": "from .b import f"},
        {"bench/a/__init__.py": "from .c import f", "bench/a/c.py": "from bench.a import f"},
        {"bench/a.py": "import impls.b", "impls/b.py": "from bench.a import f"},
    ],
)
def test_a_circle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    for place, text in {"bench/a/c.py": "", **files}.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    assert circle(tmp_path)


def test_folders_have_few_entries() -> None:
    root = {p.name for p in (ROOT / "bench").iterdir() if not p.name.startswith("__")}
    assert len(root) <= MOST_FILES
    folders = {file.parent for file in modules().values()}
    crowded = {
        str(folder.relative_to(ROOT)): n
        for folder in folders
        if (n := len([f for f in folder.glob("*.py") if f.name != "__init__.py"])) > MOST_FILES
    }
    assert not crowded
