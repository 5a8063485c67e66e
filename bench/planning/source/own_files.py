"""Digest of an implementation from outside: of every file of its own that it imports, whole.

Each own module that the requested file may import counts, however deep, as a syntax tree with its
imports and without comments, docstrings and formatting. Which of two files an import finds depends
on `sys.path`, so all that it may mean count: too much is a run too many, too little a wrong record.

A file is known by its path below the implementation's folder, and the requested file by none: a
copied folder or a renamed file is the same implementation. The files are read and never imported.
What cannot be followed is listed, so that a run can warn of it. Files that the code opens as data
do not count.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from bench.planning.source.digest import IMPLS, INTERFACE, PROJECT, package_of
from bench.planning.source.syntax import canonical
from bench.planning.source.unfollowed import unfollowed

SOURCE = ".py"
SUFFIXES = (*EXTENSION_SUFFIXES, SOURCE, ".pyc", ".pyx")
"""Of modules. Of all but source the bytes count."""
INSTALLED = ("site-packages", "dist-packages")
"""Folders in which the packages beside one's own are other people's."""


@dataclass(frozen=True)
class Own:
    """Where own modules are imported from.

    folder   the folder that is searched, as an entry of `sys.path` is
    package  the only package or module in it that is own; "" where all of them are
    """

    folder: Path
    package: str = ""


def own_source(requested: tuple[Path, str], *others: tuple[Path, str]) -> tuple[str, list[str]]:
    """16 hexadecimal digits for an implementation, and the places in it that load code which the
    digest cannot follow: `lib/core.py:3: exec`.

    requested  the file that was named, and the name by which it was imported; "" of a script
    others     files that count beside it, such as the one that defines its class
    """
    starts = [requested, *others]
    files = _Files(requested[0], [*dict.fromkeys(itertools.starmap(_own, starts))])
    trees = files.reached([path for path, _ in starts])
    texts = sorted((files.label(path), _text(path, tree)) for path, tree in trees.items())
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
    return digest, sorted({each for path, tree in trees.items() for each in files.warn(path, tree)})


def own_files(requested: tuple[Path, str]) -> set[Path]:
    """The files that count for the digest of the implementation that was requested."""
    return {*_Files(requested[0], [_own(*requested)]).reached([requested[0]])}


def _own(file: Path, module: str) -> Own:
    """A script owns what stands in its folder; an installed module its own package alone."""
    parts = module.split(".") if module else []
    depth = len(parts) - (file.stem != "__init__") if parts else 0
    folder = file.parents[min(max(depth, 0), len(file.parents) - 1)]
    first = parts[0] if parts else ""
    alone = first in sys.stdlib_module_names or any(name in INSTALLED for name in folder.parts)
    return Own(folder, first if alone else "")


@dataclass(frozen=True)
class _Files:
    """The own modules of an implementation, as files.

    requested  the file that was named
    own        where its modules are imported from: the requested file's come first
    """

    requested: Path
    own: list[Own]

    def reached(self, starts: Iterable[Path]) -> dict[Path, ast.Module | None]:
        """The syntax trees of all own files that these may import; None of what has none."""
        found: dict[Path, ast.Module | None] = {}
        waiting = list(starts)
        while waiting:
            path = waiting.pop()
            if path in found or path == IMPLS.parent.joinpath(*INTERFACE):
                continue
            tree = found[path] = _parsed(path)
            waiting += self._packages(path)
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        waiting += self._found(path, alias.name)
                elif isinstance(node, ast.ImportFrom):
                    waiting += self._found_from(path, node)
        return found

    def label(self, path: Path) -> str:
        """How a file is known, wherever the implementation's folder is."""
        if path == self.requested:
            return ""
        if path.is_relative_to(IMPLS):
            return f"ratebench {path.relative_to(IMPLS.parent).as_posix()}"
        for number, own in enumerate(self.own):
            if path.is_relative_to(own.folder):
                return f"{number} {path.relative_to(own.folder).as_posix()}"
        return f"outside {os.path.relpath(path, self.own[0].folder)}"

    def warn(self, path: Path, tree: ast.Module | None) -> Iterator[str]:
        """The places in a file that load code which cannot be followed."""
        if tree is None or path.is_relative_to(IMPLS):  # which is the project's own to know
            return
        folder = self.own[0].folder
        inside = path.is_relative_to(folder)
        place = path.relative_to(folder).as_posix() if inside else path.name
        for line, what in unfollowed(tree, lambda module: any(self._found(path, module))):
            yield f"{place}:{line}: {what}"

    def _packages(self, path: Path) -> list[Path]:
        """The `__init__` of every package that a file is in, below the folder that is searched."""
        return [
            file
            for own in self.own
            if path.is_relative_to(own.folder)
            for folder in [*path.relative_to(own.folder).parents][:-1]
            for file in _module_files(own.folder / folder / "__init__")
        ]

    def _found(self, path: Path, module: str) -> list[Path]:
        """The own files that `import module` in `path` may run: its packages are among them."""
        parts = module.split(".")
        return [file for root in self._roots(path, parts[0]) for file in _candidates(root, parts)]

    def _found_from(self, path: Path, node: ast.ImportFrom) -> Iterator[Path]:
        """The own files that `from … import …` may run, of which some names may be modules."""
        parts = node.module.split(".") if node.module else []
        if node.level:
            roots = [*path.parents][node.level - 1 : node.level]
        else:
            roots = self._roots(path, parts[0])
        for root in roots:
            for alias in node.names:
                # `*` imports what `__all__` of a package names, modules too.
                every = alias.name == "*" and _module_files(root.joinpath(*parts, "__init__"))
                names = _modules_in(root.joinpath(*parts)) if every else [alias.name]
                for name in names:
                    yield from _candidates(root, [*parts, name])

    def _roots(self, path: Path, first: str) -> list[Path]:
        """The folders in which an absolute import in `path` may find its first name."""
        if first in PROJECT:  # ratebench's own go first, however `sys.path` is ordered
            return [IMPLS.parent] * (first == "impls")
        folders = [own.folder for own in self.own]
        inside = any(path.is_relative_to(folder) for folder in folders)
        above = itertools.takewhile(
            lambda folder: folder not in folders,
            path.parents if inside else path.parents[:1],
        )
        package = package_of(path)
        return [
            *above,
            *(own.folder for own in self.own if own.package in ("", first)),
            *([package.parent] if package is not None and package.name == first else ()),
        ]


def _candidates(root: Path, parts: list[str]) -> list[Path]:
    """The files that importing `parts` from `root` may run: of the module and its packages."""
    places = [root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return [
        file
        for place in places
        for stem in (place / "__init__", place)
        for file in _module_files(stem)
    ]


def _module_files(stem: Path) -> list[Path]:
    """All of them: which goes first, of a source and a compiled module, is Python's to know."""
    files = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES] if stem.name else []
    return [file for file in files if os.path.isfile(file)]  # noqa: PTH113 -- that one never raises


def _modules_in(folder: Path) -> list[str]:
    """The names of modules and packages that stand in a folder."""
    return sorted({each.name.partition(".")[0] for each in folder.glob("*")})


def _parsed(path: Path) -> ast.Module | None:
    """The syntax tree; None of what is no source, or cannot be parsed or read."""
    if path.suffix != SOURCE:
        return None
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return None


def _text(path: Path, tree: ast.Module | None) -> str:
    """What of a file counts: its tree, or its bytes if it has no tree that can be written."""
    try:
        if tree is not None:
            return canonical(tree, {}, imports=True)
    except (RecursionError, ValueError):  # too deep to walk, or a number of too many digits
        pass
    try:
        return f"bytes {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        return f"unreadable: {error.strerror}"
