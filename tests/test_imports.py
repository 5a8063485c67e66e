"""Test modules are leaves: what several of them share lies in tests/support."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent


def imported(path: Path) -> set[str]:
    """The modules that a file may import from, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def test_no_test_module_is_imported() -> None:
    modules = {
        ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)
        for path in TESTS.rglob("test_*.py")
    }
    importers = {
        str(path.relative_to(TESTS)): sorted(shared)
        for path in TESTS.rglob("*.py")
        if (shared := imported(path) & modules)
    }
    assert importers == {}
