"""Places in Python source that load code which no reader of it can follow.

A module that is imported by a computed name, a library that is opened, a changed `sys.path`: what
is behind them is no part of a source digest, so that a run warns of them.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from bench.planning.source.syntax import dotted

BY_NAME = ("import_module", "__import__", "resolve_name")
"""Functions that load a module by its name: no harm where the name is a text of no own module."""
LOADERS = (
    *BY_NAME,
    *("iter_modules", "walk_packages", "run_path", "run_module", "__path__"),
    *("spec_from_file_location", "SourceFileLoader", "ExtensionFileLoader", "load_source"),
    *("addsitedir", "CDLL", "LoadLibrary", "load_library", "dlopen"),
)
"""What loads code by a name or path that is computed as the program runs, of whatever module."""
BUILT_IN = ("eval", "exec")
"""The same of `builtins` alone: a model has an `eval`, too."""
OF_SYS = ("path", "meta_path", "path_hooks", "modules")
"""Attributes of `sys` that decide which file an import finds, or hold any module by its name."""


def unfollowed(tree: ast.Module, is_own: Callable[[str], bool]) -> Iterator[tuple[int, str]]:
    """The line and the name of each such place.

    is_own  whether a module of that name may be the implementation's own
    """
    imported = _imported(tree)
    harmless = {each for node in ast.walk(tree) for each in _harmless(node, imported, is_own)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name) or node in harmless:
            continue
        if what := _meant(node, imported):
            yield node.lineno, what


def _imported(tree: ast.Module) -> Mapping[str, list[list[str]]]:
    """What the imported names stand for: `u` for `importlib`, `util`."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                found[alias.asname or parts[0]].append(parts if alias.asname else parts[:1])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                parts = [*(node.module or "").split("."), alias.name]
                found[alias.asname or alias.name].append(parts)
    return found


def _meant(node: ast.AST, imported: Mapping[str, list[list[str]]]) -> str:
    """The function or attribute that loads code, where a name stands for one; else ""."""
    first, *attributes = dotted(node)
    for origin in imported.get(first, [[first]]):
        *modules, last = [*origin, *attributes]
        if last in LOADERS:
            return last
        if last in BUILT_IN and modules in ([], ["builtins"], ["__builtins__"]):
            return last
        if last in OF_SYS and modules == ["sys"]:
            return f"sys.{last}"
    return ""


def _harmless(
    node: ast.AST, imported: Mapping[str, list[list[str]]], is_own: Callable[[str], bool]
) -> Iterator[ast.AST]:
    """Names that `node` uses for nothing that is the implementation's own."""
    match node:
        case ast.Call(func=loader, args=[ast.Constant(value=str(name)), *_]):
            other = not name.startswith(".") and not is_own(name.partition(":")[0])
            if other and _meant(loader, imported) in BY_NAME:
                yield loader
        case ast.Subscript(value=held, slice=ast.Name(id="__name__")):
            yield from [held] * (_meant(held, imported) == "sys.modules")
        case ast.Subscript(value=held, slice=ast.Constant(value=str(name))):
            yield from [held] * (_meant(held, imported) == "sys.modules" and not is_own(name))
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[held]):
            yield from [held] * (_meant(held, imported) == "sys.modules")
