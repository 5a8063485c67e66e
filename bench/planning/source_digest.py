"""Digest of what an implementation's source means: the identity of a row's code.

It is computed from the class and every definition of its own package that the class reaches, as
syntax trees without comments, docstrings and formatting. So a mended comment, a formatter, a
moved file or a definition that nothing reaches changes nothing; a changed constant, operator or
called function does.

The source is read and never imported: the digest of an old commit can be computed from its files.

Of an implementation from outside, everything that it imports from its own folder or package counts,
however deep. What no reader of source can follow (a module imported by a computed name, a changed
`sys.path`) is listed, so that a run can warn of it. Files that the code opens as data do not count.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import impls
from bench.planning.syntax import bound_names, canonical, defines, dotted, run_on_import, used_names
from impls.registry import RENAMED

PROJECT = ("bench", "datasets", "impls")
"""Packages whose modules may move: what is imported from one counts by its name alone."""

IMPLS = Path(impls.__file__).parent
INTERFACE = ("impls", "protocol.py")
"""The harness's side of the protocol: no part of a row, as the clock is none."""


SOURCE = ".py"
SUFFIXES = (*EXTENSION_SUFFIXES, SOURCE, ".pyc", ".pyx")
"""Of modules, in the order in which Python looks for them. Of all but source the bytes count."""
INSTALLED = ("site-packages", "dist-packages")
"""Folders in which the packages beside one's own are other people's."""

BUILT_IN_CALLS = ("__import__", "eval", "exec", "globals")
CALLS = (
    *("import_module", "iter_modules", "walk_packages", "run_path", "run_module"),
    *("spec_from_file_location", "SourceFileLoader", "ExtensionFileLoader", "load_source"),
    *("addsitedir", "CDLL", "LoadLibrary", "load_library", "dlopen"),
)
"""Functions of any module that load code by a name or path that is computed as the program runs."""
SEARCH_PATHS = ("path", "meta_path", "path_hooks")
"""Attributes of `sys` that decide which file an import finds."""


@dataclass(frozen=True)
class Own:
    """Where the modules of an implementation from outside are imported from.

    folder   the folder that is searched, as an entry of `sys.path` is
    package  the only package in it that is the implementation's own; "" where all of them are
    """

    folder: Path
    package: str = ""


def own_modules(file: Path, module: str) -> Own | None:
    """What belongs to an implementation whose module was imported as `module` from `file`.

    None for a built-in one. A script (`module` is "") owns what stands in its folder.
    """
    parts = module.split(".") if module else []
    if parts[:1] == ["impls"]:
        return None
    depth = len(parts) - (file.stem != "__init__") if parts else 0
    folder = file.parents[min(max(depth, 0), len(file.parents) - 1)]
    alone = bool(parts) and any(name in INSTALLED for name in folder.parts)
    return Own(folder, parts[0] if alone else "")


def source_digest(file: Path, class_name: str, modules: Modules | None = None) -> str:
    """16 hexadecimal digits for the built-in class `class_name` that `file` defines.

    modules  what was read for other classes, of files that do not change meanwhile
    """
    return digest_of(reached(file, class_name, modules))


def digest_of(found: Mapping[Place, _Definition]) -> str:
    """16 hexadecimal digits for definitions and what their names stand for."""
    texts = sorted(each.bound_to(found) for each in found.values())
    return hashlib.sha256("\n".join(filter(None, texts)).encode()).hexdigest()[:16]


def unfollowed(found: Mapping[Place, _Definition]) -> list[str]:
    """What of these definitions loads code that the digest cannot follow: `lib/core.py:3: exec`."""
    return sorted({each for definition in found.values() for each in definition.unfollowed})


def reached(
    file: Path,
    class_name: str,
    modules: Modules | None = None,
    own: Own | None = None,
    also: Iterable[Place] = (),
) -> dict[Place, _Definition]:
    """Every definition that the class reaches, by its file and name.

    modules  what was read for other classes, of files that do not change meanwhile
    own      where its own modules are imported from; None for a built-in row
    also     where else to begin: (file, name), of a class that is requested from another file
             than the one that defines it

    What a module does outside of definitions is under the name "". Of a class that is not defined
    at the top level of its file, everything in the file counts.
    """
    modules = {} if modules is None else modules
    visited: set[Path] = set()
    found: dict[Place, _Definition] = {}
    starts = [(file, class_name), *also]
    waiting = list(starts)
    while waiting:
        path, name = waiting.pop()
        module = _module(path, own, modules)
        if path not in visited:
            visited.add(path)
            # Importing a module runs it and its packages, whether or not anything of it is used.
            imported = {each.file for some in module.imports.values() for each in some if each.file}
            waiting += [(each, "") for each in (path, *imported, *module.packages)]
            waiting += [(path, each) for each in module.registered]
        if (path, name) in starts and name not in module.names:
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
    """The canonical text of a definition, and what it refers to: name in the text -> definition.

    unfollowed  the places in it that load code by a computed name
    """

    text: str
    references: dict[str, Place]
    unfollowed: tuple[str, ...] = ()

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
    """One source file, by its definitions. Of a file that cannot be parsed, its bytes count."""

    path: Path
    own: Own | None
    modules: Modules
    _known: dict[str, _Definition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tree = _parsed(self.path)
        self._opaque = tree is None
        self.body = tree.body if tree else []
        package = _package(self.path)
        built_in = package is not None and package.name == "impls"
        self._renamed = RENAMED if built_in else {}
        if built_in:  # as a class from outside may extend one: its files are the project's
            self.own = None
        self._nodes = [
            node
            for node in (ast.walk(tree) if tree else ())
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """The statements that bind each name, in order; under "" those that bind none."""
        by_name: dict[str, list[ast.stmt]] = defaultdict(list)
        for statement in self.body:
            for name in bound_names(statement) or [""]:
                by_name[name].append(statement)
        return by_name

    @cached_property
    def imports(self) -> dict[str, list[_Import]]:
        """What each imported name stands for: several things, where several imports bind it."""
        found: dict[str, list[_Import]] = defaultdict(list)
        for node in self._nodes:
            for bound, what in self._imported(node):
                if what not in found[bound]:
                    found[bound].append(what)
        return found

    @property
    def names(self) -> set[str]:
        """What the module defines or imports."""
        return self._names(frozenset([self.path]))

    def _names(self, seen: frozenset[Path]) -> set[str]:
        """Two modules may import everything of each other: those in `seen` are being read."""
        names = {*self.definitions}
        for node in self._nodes:
            for alias in node.names:
                if isinstance(node, ast.Import):
                    names.add(alias.asname or alias.name.partition(".")[0])
                elif alias.name != "*":
                    names.add(alias.asname or alias.name)
                elif (file := self._find(node.module or "", node.level)) is None:
                    names.add("*")
                elif file not in seen:
                    names |= self._other(file)._names(seen | {file}) - {""}
        return names

    @property
    def packages(self) -> list[Path]:
        """The `__init__` of every package that the file is in."""
        if self.own is None or not self.path.is_relative_to(self.own.folder):
            return _packages(self.path)
        # A folder without one may stand between two that have one.
        inner = self.path.relative_to(self.own.folder).parents
        inits = [self.own.folder / folder / "__init__.py" for folder in inner]
        return [
            *dict.fromkeys(_packages(self.path) + [each for each in inits[:-1] if each.is_file()])
        ]

    @cached_property
    def registered(self) -> list[str]:
        """Names whose statements run own code, or load some, as the module is imported: by a
        decorator, a metaclass or a call, which may store what no name leads to."""
        if self.own is None:
            return []
        ours = {name for name, some in self.imports.items() if any(each.file for each in some)}
        ours |= self.definitions.keys()
        return [
            name
            for name, statements in self.definitions.items()
            if any(ours.intersection(used_names(run_on_import(each))) for each in statements)
            or any(next(self._unfollowed(each), None) for each in statements if not defines(each))
        ]

    def definition(self, name: str) -> _Definition:
        """The canonical text of `name`, and what of its own package it refers to."""
        if name not in self._known:
            self._known[name] = self._definition(name)
        return self._known[name]

    def _definition(self, name: str) -> _Definition:
        if self._opaque:
            return _Definition(_bytes_of(self.path), {})
        statements = self.definitions.get(name, [])
        if self.own and not statements and name not in self.imports:
            statements = self.definitions.get("__getattr__", [])  # which makes what is not there
        parts = self._texts(statements)
        used = {*used_names(statements)} | ({name} if name in self.imports else set())
        references: dict[str, Place] = {}
        for each in sorted(used):
            shown = self._renamed.get(each, each)
            if each in self.definitions and each != name:
                references[shown] = (self.path, each)
            for found in self.imports.get(each, []):
                if found.file is None:
                    parts.append(f"{shown} is {found.module} {found.name}")
                elif not _is_interface(found.file):
                    references |= self._referred(shown, found)
        text = "\n".join(dict.fromkeys(parts))
        if self.own is None:
            return _Definition(text, references)
        for statement in statements:
            references |= self._submodules(statement)
        unfollowed = itertools.chain.from_iterable(map(self._unfollowed, statements))
        return _Definition(text, references, tuple(unfollowed))

    def _texts(self, statements: list[ast.stmt]) -> list[str]:
        try:
            return [text for each in statements if (text := canonical(each, self._renamed))]
        except RecursionError:  # an expression too deep to walk: any change of the file counts
            return [_bytes_of(self.path)]

    def _referred(self, used: str, found: _Import) -> dict[str, Place]:
        """One definition, or of a module all: which of its attributes are used is not followed."""
        assert found.file is not None
        if found.name:
            return {f"{used} {found.file}": (found.file, found.name)}
        names = self._other(found.file).names or {""}
        return {f"{used} {found.file} {name}": (found.file, name) for name in names}

    def _submodules(self, statement: ast.stmt) -> dict[str, Place]:
        """`lib.core.C`, where `lib` is imported here and `lib.core` by another module."""
        found: dict[str, Place] = {}
        for node in ast.walk(statement):
            name, *attributes = dotted(node)
            for each in self.imports.get(name, []) if attributes else ():
                file = each.file if not each.name else None
                for attribute in attributes:
                    if file is None or file.stem != "__init__":
                        break
                    if file := _module_file(file.parent, [attribute]):
                        found |= self._referred(name, _Import(file, "", ""))
        return found

    def _unfollowed(self, statement: ast.stmt) -> Iterator[str]:
        """Each place that loads code by a computed name, or changes where imports are found."""
        folder = self.own.folder if self.own else self.path.parent
        inside = self.path.is_relative_to(folder)
        place = self.path.relative_to(folder).as_posix() if inside else self.path.name
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                what = self._loader(node)
            elif isinstance(node, ast.Attribute | ast.Name):
                what = self._search_path(node)
            else:
                continue
            if what:
                yield f"{place}:{node.lineno}: {what}"

    def _loader(self, call: ast.Call) -> str:
        """The name of a function that loads code by a name, unless that names no own module."""
        name, *attributes = dotted(call.func)
        if attributes:
            what = attributes[-1] if attributes[-1] in CALLS else ""
        else:  # it may have been imported under another name
            meant = [each.name for each in self.imports.get(name, []) if each.name in CALLS]
            what = meant[0] if meant else name * (name in BUILT_IN_CALLS)
        argument = call.args[0] if call.args else None
        if what in ("import_module", "__import__") and isinstance(argument, ast.Constant):
            module = str(argument.value)
            return what * (module.startswith(".") or self._find(module, 0) is not None)
        return what

    def _search_path(self, node: ast.Attribute | ast.Name) -> str:
        """`sys.path` and what is like it; "" for anything else."""
        name, *attributes = dotted(node)
        of_sys = [each.name for each in self.imports.get(name, []) if each.module == "sys"]
        if attributes:
            return f"sys.{attributes[0]}" * (of_sys == [""] and attributes[0] in SEARCH_PATHS)
        return name * (name == "__path__" or any(each in SEARCH_PATHS for each in of_sys))

    def _imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, _Import]]:
        return self._import(node) if isinstance(node, ast.Import) else self._import_from(node)

    def _import(self, node: ast.Import) -> Iterator[tuple[str, _Import]]:
        for alias in node.names:
            file = self._find(alias.name, 0)
            bound = alias.asname or alias.name.partition(".")[0]
            yield bound, _Import(file, _outside(alias.name), "")
            if "." in alias.name and not alias.asname:  # it binds the outermost package
                parts = alias.name.split(".")
                for depth in range(1, len(parts)):
                    if package := self._find(".".join(parts[:depth]), 0):
                        yield bound, _Import(package, "", "")

    def _import_from(self, node: ast.ImportFrom) -> Iterator[tuple[str, _Import]]:
        module = node.module or ""
        for alias in node.names:
            bound = alias.asname or alias.name
            # `from package import module` names a module where others name what is in one.
            whole = self._find(f"{module}.{alias.name}".lstrip("."), node.level)
            file = self._find(module, node.level)
            if whole is not None:
                yield bound, _Import(whole, module, "")
                # A name that the package itself binds goes before its module of that name.
                if (
                    self.own
                    and file
                    and file != self.path
                    and alias.name in self._other(file).names
                ):
                    yield bound, _Import(file, module, alias.name)
            elif alias.name == "*" and file is not None:
                for name in sorted(self._other(file)._names(frozenset([self.path, file])) - {""}):
                    yield name, _Import(file, module, name)
            else:
                yield bound, _Import(file, _outside(module), alias.name)

    def _other(self, file: Path) -> _Module:
        return _module(file, self.own, self.modules)

    def _find(self, module: str, level: int) -> Path | None:
        """The file of a module that stands beside this one, in its package, in the folder that the
        implementation's own modules come from, or in `impls`; else None."""
        parts = [part for part in module.split(".") if part]
        if level:
            roots = [self.path.parents[level - 1]] if level <= len(self.path.parents) else []
        else:
            package = _package(self.path)
            roots = [self.path.parent]
            if package is not None and parts[:1] == [package.name]:
                roots.append(package.parent)
            if self.own and parts and parts[0] not in PROJECT:
                roots += [self.own.folder] * (self.own.package in ("", parts[0]))
            if parts[:1] == ["impls"]:
                roots.append(IMPLS.parent)
        for root in roots:
            if (parts or level) and (file := _module_file(root, parts)):
                return file
        return None


Place = tuple[Path, str]
Modules = dict[Path, _Module]


def _module(path: Path, own: Own | None, modules: Modules) -> _Module:
    return modules.get(path) or modules.setdefault(path, _Module(path, own, modules))


def _parsed(path: Path) -> ast.Module | None:
    """The syntax tree; None of what is no source, or cannot be parsed or read."""
    if path.suffix != SOURCE:
        return None
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return None


def _bytes_of(path: Path) -> str:
    try:
        return f"bytes {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _module_file(root: Path, parts: list[str]) -> Path | None:
    """The file that importing `parts` from `root` would load: a package goes before a module."""
    place = root.joinpath(*parts)
    stems = [place / "__init__", *([place] if parts else [])]
    candidates = [stem.with_name(stem.name + suffix) for stem in stems for suffix in SUFFIXES]
    return next((each for each in candidates if each.is_file()), None)


def _outside(module: str) -> str:
    first = module.partition(".")[0]
    return first if first in PROJECT else module


def _is_interface(file: Path) -> bool:
    return file.parts[-2:] == INTERFACE


def _packages(file: Path) -> list[Path]:
    """The `__init__` of every package that `file` is in."""
    folders = itertools.takewhile(lambda folder: (folder / "__init__.py").is_file(), file.parents)
    return [folder / "__init__.py" for folder in folders]


def _package(file: Path) -> Path | None:
    """The outermost package that `file` is in; None where it is in none."""
    inits = _packages(file)
    return inits[-1].parent if inits else None
