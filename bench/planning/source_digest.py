"""Digest of what an implementation's source means: the identity of a row's code.

It is computed from the class and every definition of its own package that the class reaches, as
syntax trees without comments, docstrings and formatting. So a mended comment, a formatter, a
moved file or a definition that nothing reaches changes nothing; a changed constant, operator or
called function does.

The source is read and never imported: the digest of an old commit can be computed from its files.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from impls.registry import RENAMED

PROJECT = ("bench", "datasets", "impls")
"""Packages whose modules may move: what is imported from one counts by its name alone."""

INTERFACE = "protocol.py"
"""The harness's side of the protocol, in `impls`: no part of a row, as the clock is none."""

IGNORED_FIELDS = ("ctx", "type_comment", "type_params", "kind")
"""Parts of a syntax tree that carry no meaning here, or that only some Pythons have."""


def source_digest(file: Path, class_name: str, modules: Modules | None = None) -> str:
    """16 hexadecimal digits for the class `class_name` that `file` defines.

    modules  what was read for other classes, of files that do not change meanwhile
    """
    texts = sorted(reached(file, class_name, modules).values())
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def reached(
    file: Path, class_name: str, modules: Modules | None = None
) -> dict[tuple[Path, str], str]:
    """(file, name) -> canonical text of every definition that the class reaches.

    What a module does outside of definitions is under the name "".
    """
    modules = {} if modules is None else modules
    visited: set[Path] = set()
    found: dict[tuple[Path, str], str] = {}
    waiting = [(file, class_name)]
    while waiting:
        path, name = waiting.pop()
        module = modules.get(path) or modules.setdefault(path, _Module(path))
        if path not in visited:
            visited.add(path)
            # Importing a module runs it, whether or not anything of it is used.
            imported = {each.file for each in module.imports.values() if each.file}
            waiting += [(each, "") for each in (path, *imported) if each.name != INTERFACE]
        if (path, name) not in found:
            found[path, name], more = module.definition(name)
            waiting += more
    return {key: text for key, text in found.items() if text}


@dataclass(frozen=True)
class _Import:
    """What one name of a module stands for. `file` is None outside of the module's own package;
    `name` is "" where the name is a module."""

    file: Path | None
    module: str
    name: str


@dataclass
class _Module:
    """One source file, by its definitions."""

    path: Path
    imports: dict[str, _Import] = field(default_factory=dict)
    _known: dict[str, tuple[str, list[tuple[Path, str]]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tree = ast.parse(self.path.read_bytes())
        self.body = tree.body
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._note_import(node)
            elif isinstance(node, ast.ImportFrom):
                self._note_import_from(node)

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """The statements that bind each name, in order; under "" those that bind none."""
        by_name: dict[str, list[ast.stmt]] = defaultdict(list)
        for statement in self.body:
            for name in _bound(statement) or [""]:
                by_name[name].append(statement)
        return by_name

    def definition(self, name: str) -> tuple[str, list[tuple[Path, str]]]:
        """The canonical text of `name`, and what of its own package it refers to."""
        if name not in self._known:
            self._known[name] = self._definition(name)
        return self._known[name]

    def _definition(self, name: str) -> tuple[str, list[tuple[Path, str]]]:
        if name and name not in self.definitions:
            # Something imported from elsewhere, or a name that exists only once the module has run.
            found = self.imports.get(name)
            return ("", []) if found is None else self._referred(found)
        statements = self.definitions.get(name, [])
        parts = [text for each in statements if (text := canonical(each))]
        more: list[tuple[Path, str]] = []
        for used in sorted({each for statement in statements for each in _names(statement)}):
            if used in self.definitions:
                more.append((self.path, used))
            elif used in self.imports:
                text, further = self._referred(self.imports[used])
                parts += [f"{used} is {text}"] if text else []
                more += further
        return "\n".join(parts), more

    def _referred(self, found: _Import) -> tuple[str, list[tuple[Path, str]]]:
        """What an import brings: a text for something from outside, definitions of one's own."""
        if found.file is None:
            return f"{found.module} {found.name}", []
        if found.file.name == INTERFACE and found.module.partition(".")[0] in PROJECT:
            return "", []
        if found.name and found.name != "*":
            return "", [(found.file, found.name)]
        # A module as a whole: which of its attributes are used is not followed.
        names = _Module(found.file).definitions
        return "", [(found.file, name) for name in names]

    def _note_import(self, node: ast.Import) -> None:
        for alias in node.names:
            file = self._find(alias.name, 0)
            bound = alias.asname or alias.name.partition(".")[0]
            self.imports[bound] = _Import(file, _outside(alias.name), "")

    def _note_import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            bound = alias.asname or alias.name
            # `from package import module` names a module where others name what is in one.
            whole = self._find(f"{module}.{alias.name}".lstrip("."), node.level)
            if whole is not None:
                self.imports[bound] = _Import(whole, module, "")
            else:
                file = self._find(module, node.level)
                self.imports[bound] = _Import(file, _outside(module), alias.name)
                if alias.name == "*" and file is not None:
                    for name in _Module(file).definitions:
                        self.imports.setdefault(name, _Import(file, module, name))

    def _find(self, module: str, level: int) -> Path | None:
        """The file of a module that stands beside this one or in its package; else None."""
        parts = [part for part in module.split(".") if part]
        if level:
            roots = [self.path.parents[level - 1]]
        else:
            package = _package(self.path)
            roots = [self.path.parent]
            if package is not None and parts[:1] == [package.name]:
                roots.append(package.parent)
        for root in roots:
            place = root.joinpath(*parts)
            for candidate in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
                if parts and candidate.is_file():
                    return candidate
        return None


Modules = dict[Path, _Module]


def canonical(node: ast.stmt) -> str:
    """The tree as text without places, comments, docstrings, imports and old names; "" for
    nothing left."""
    tree = _tree(node)
    return "" if tree is None else json.dumps(tree, ensure_ascii=False)


def _tree(value: Any) -> Any:
    if isinstance(value, ast.Import | ast.ImportFrom) or _is_text(value):
        return None
    if isinstance(value, ast.Constant):
        constant = value.value
        renamed = RENAMED.get(constant, constant) if isinstance(constant, str) else constant
        return ["Constant", type(constant).__name__, repr(renamed)]
    if isinstance(value, ast.AST):
        fields = {
            name: tree
            for name, part in ast.iter_fields(value)
            if name not in IGNORED_FIELDS and (tree := _tree(part)) not in (None, [])
        }
        return [type(value).__name__, fields]
    if isinstance(value, list):
        return [tree for each in value if (tree := _tree(each)) is not None]
    return RENAMED.get(value, value) if isinstance(value, str) else value  # or an int, or None


def _is_text(node: object) -> bool:
    """A docstring, or a string that stands as a comment does."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a top-level statement binds in its module; imports are apart."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    return sorted(
        {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        | {
            node.name
            for node in ast.walk(statement)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
    )


def _names(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id


def _outside(module: str) -> str:
    first = module.partition(".")[0]
    return first if first in PROJECT else module


def _package(file: Path) -> Path | None:
    """The outermost package that `file` is in; None where it is in none."""
    folders = itertools.takewhile(lambda folder: (folder / "__init__.py").is_file(), file.parents)
    return next(reversed(list(folders)), None)
