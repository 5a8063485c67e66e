"""Digest of what a built-in implementation's source means: the identity of a row's code.

It is computed from the class and every definition of its own package that the class reaches, as
syntax trees without comments, docstrings and formatting. So a mended comment, a formatter, a
moved file or a definition that nothing reaches changes nothing; a changed constant, operator or
called function does.

The source is read and never imported: the digest of an old commit can be computed from its files.
Of an implementation from outside whole files count: `own_files`.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import impls
from bench.planning.source.syntax import bound_names, canonical, used_names
from impls.registry import RENAMED

PROJECT = ("bench", "datasets", "impls")
"""Packages whose modules may move: what is imported from one counts by its name alone."""

IMPLS = Path(impls.__file__).parent
INTERFACE = ("impls", "protocol.py")
"""The harness's side of the protocol: no part of a row, as the clock is none."""


def source_digest(file: Path, class_name: str, modules: Modules | None = None) -> str:
    """16 hexadecimal digits for the class `class_name` that `file` defines.

    modules  what was read for other classes, of files that do not change meanwhile
    """
    try:
        found = reached(file, class_name, modules)
    except RecursionError:  # an expression too deep to walk: any change of the file counts
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    texts = sorted(each.bound_to(found) for each in found.values())
    return hashlib.sha256("\n".join(filter(None, texts)).encode()).hexdigest()[:16]


def reached(
    file: Path, class_name: str, modules: Modules | None = None
) -> dict[Place, _Definition]:
    """Every definition that the class reaches, by its file and name.

    What a module does outside of definitions is under the name "". Of a class that is not defined
    at the top level of its file, everything in the file counts.
    """
    modules = {} if modules is None else modules
    visited: set[Path] = set()
    found: dict[Place, _Definition] = {}
    waiting: list[Place] = [(file, class_name)]
    while waiting:
        path, name = waiting.pop()
        module = modules.get(path) or modules.setdefault(path, _Module(path))
        if path not in visited:
            visited.add(path)
            # Importing a module runs it and its packages, whether or not anything of it is used.
            imported = {each.file for some in module.imports.values() for each in some if each.file}
            waiting += [(each, "") for each in (path, *imported, *_packages(path))]
            if (path, name) == (file, class_name) and name not in module.names:
                waiting += [(path, each) for each in module.names]
        if (path, name) not in found and not _is_interface(path):
            found[path, name] = module.definition(name)
            waiting += found[path, name].references.values()
    return found


@dataclass(frozen=True)
class _Import:
    """What one name of a module stands for. `file` is None outside of the module's own package;
    `name` is "" where the name is a module."""

    file: Path | None
    module: str
    name: str


@dataclass(frozen=True)
class _Definition:
    """The canonical text of a definition, and what it refers to: name in the text -> definition."""

    text: str
    references: dict[str, Place]

    def bound_to(self, found: Mapping[Place, _Definition]) -> str:
        """The text with what its names stand for, so that no two can change places unseen."""
        lines = [self.text] if self.text else []
        for used, place in sorted(self.references.items()):
            if place in found:
                text = hashlib.sha256(found[place].text.encode()).hexdigest()
                lines.append(f"{used.partition(' ')[0]} is {text}")
        return "\n".join(lines)


@dataclass
class _Module:
    """One source file, by its definitions."""

    path: Path
    imports: dict[str, list[_Import]] = field(default_factory=lambda: defaultdict(list))
    _known: dict[str, _Definition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tree = ast.parse(self.path.read_bytes())
        self.body = tree.body
        package = package_of(self.path)
        built_in = package is not None and package.name == "impls"
        self._renamed = RENAMED if built_in else {}
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
            for name in bound_names(statement) or [""]:
                by_name[name].append(statement)
        return by_name

    @property
    def names(self) -> set[str]:
        """What the module defines or imports."""
        return {*self.definitions, *self.imports}

    def definition(self, name: str) -> _Definition:
        """The canonical text of `name`, and what of its own package it refers to."""
        if name not in self._known:
            self._known[name] = self._definition(name)
        return self._known[name]

    def _definition(self, name: str) -> _Definition:
        statements = self.definitions.get(name, [])
        parts = [text for each in statements if (text := canonical(each, self._renamed))]
        used = {*used_names(statements)}
        references: dict[str, Place] = {}
        for each in sorted(used | ({name} if name in self.imports else set())):
            shown = self._renamed.get(each, each)
            if each in self.definitions and each != name:
                references[shown] = (self.path, each)
            for found in self.imports.get(each, []):
                if found.file is None:
                    parts.append(f"{shown} is {found.module} {found.name}")
                elif not _is_interface(found.file):
                    references |= self._referred(shown, found)
        return _Definition("\n".join(dict.fromkeys(parts)), references)

    def _referred(self, used: str, found: _Import) -> dict[str, Place]:
        """One definition, or of a module all: which of its attributes are used is not followed."""
        assert found.file is not None
        if found.name:
            return {f"{used} {found.file}": (found.file, found.name)}
        names = _Module(found.file).names
        return {f"{used} {found.file} {name}": (found.file, name) for name in names}

    def _note_import(self, node: ast.Import) -> None:
        for alias in node.names:
            file = self._find(alias.name, 0)
            bound = alias.asname or alias.name.partition(".")[0]
            self._add(bound, _Import(file, _outside(alias.name), ""))

    def _note_import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            bound = alias.asname or alias.name
            # `from package import module` names a module where others name what is in one.
            whole = self._find(f"{module}.{alias.name}".lstrip("."), node.level)
            file = self._find(module, node.level)
            if whole is not None:
                self._add(bound, _Import(whole, module, ""))
            elif alias.name == "*" and file is not None:
                for name in _Module(file).names - {""}:
                    self._add(name, _Import(file, module, name))
            else:
                self._add(bound, _Import(file, _outside(module), alias.name))

    def _add(self, bound: str, found: _Import) -> None:
        if found not in self.imports[bound]:
            self.imports[bound].append(found)

    def _find(self, module: str, level: int) -> Path | None:
        """The file of a module that stands beside this one, in its package or in `impls`; else
        None."""
        parts = [part for part in module.split(".") if part]
        if level:
            roots = [self.path.parents[level - 1]]
        else:
            package = package_of(self.path)
            roots = [self.path.parent]
            if package is not None and parts[:1] == [package.name]:
                roots.append(package.parent)
            if parts[:1] == ["impls"]:
                roots.append(IMPLS.parent)
        for root in roots:
            place = root.joinpath(*parts)
            for candidate in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
                if parts and candidate.is_file():
                    return candidate
        return None


Place = tuple[Path, str]
Modules = dict[Path, _Module]


def _outside(module: str) -> str:
    first = module.partition(".")[0]
    return first if first in PROJECT else module


def _is_interface(file: Path) -> bool:
    return file.parts[-2:] == INTERFACE


def _packages(file: Path) -> list[Path]:
    """The `__init__` of every package that `file` is in."""
    folders = itertools.takewhile(lambda folder: (folder / "__init__.py").is_file(), file.parents)
    return [folder / "__init__.py" for folder in folders]


def package_of(file: Path) -> Path | None:
    """The outermost package that `file` is in; None where it is in none."""
    inits = _packages(file)
    return inits[-1].parent if inits else None
