"""What a plan must know of an implementation, read without letting it harm the harness.

The built-in modules are imported here. A file or package from outside might exit, hang or print
at import, so it is imported in a process of its own. Its source is read here all the same: code
that was imported could answer for itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from bench.planning import loading
from bench.planning.lifeline import held_call, killed_by
from bench.planning.presets import SettingError, resolve
from bench.planning.source.digest import Modules, reached, source_digest
from bench.planning.source.own_files import SUFFIXES, own_files, own_source
from datasets.temporary import TemporaryFolder
from impls.registry import IMPLEMENTATIONS

PRINTS_ANYTHING = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
"""For a process of a row, which may print any text, whatever the user's terminal holds."""

IMPORT_LIMIT_S = 60
"""How long a module from outside may take to import."""


Contain = Callable[[str, Path], tuple[Sequence[str], Mapping[str, str]]]
"""The words before a command and its variables, which contain a process that imports a class path
and writes to a folder."""


def plainly(*_: object) -> tuple[Sequence[str], Mapping[str, str]]:
    """Not contained by anything."""
    return (), os.environ


@dataclass(frozen=True)
class Described:
    """An implementation at a preset.

    hyperparameters  None where it has no such preset
    unfollowed       places in its source that load code which `implementation_hash` misses
    """

    model: str
    library: str
    devices: tuple[str, ...]
    implementation_hash: str
    hyperparameters: dict[str, Any] | None
    unfollowed: tuple[str, ...] = ()


def describe(
    class_path: str,
    preset: str,
    settings: Mapping[str, str],
    epochs: int | None,
    contain: Contain = plainly,
) -> Described:
    """Describe the class behind a class path.

    Raises ImplementationError, NotImportableError or SettingError.
    """
    if class_path in IMPLEMENTATIONS.values() or class_path.startswith("impls."):
        return _described(_built_in(class_path), preset, settings, epochs)
    with TemporaryFolder() as folder:
        answer = Path(folder.name) / "answer"
        words, variables = contain(class_path, Path(folder.name))
        arguments = json.dumps([class_path, preset, dict(settings), epochs, str(answer)])
        try:
            code = held_call(
                [*words, sys.executable, "-P", "-m", "bench.planning.describing", arguments],
                IMPORT_LIMIT_S,
                {**variables, **PRINTS_ANYTHING},
            )
        except subprocess.TimeoutExpired:
            reason = f"{_phase(answer)} did not end within {IMPORT_LIMIT_S} s"
            raise loading.NotImportableError("failed", reason) from None
        if not answer.is_file():
            if words and code > 128:  # as a sandbox gives the signal
                code = 128 - code
            reason = f"{_phase(answer)} ended its process with exit code {code}"
            if code < 0:
                reason = f"{_phase(answer)}: {killed_by(-code)}"
            raise loading.NotImportableError("failed", reason)
        found = json.loads(answer.read_text(encoding="utf-8"))
        described = _read(found)
        digest, unfollowed = own_source(*_places(class_path, found["places"]))
        return dataclasses.replace(
            described, implementation_hash=digest, unfollowed=tuple(unfollowed)
        )


def _places(class_path: str, imported: list[tuple[str, str]]) -> list[tuple[Path, str]]:
    """As `loading.places_of` says, and the process that imported the class: the requested file is
    found here, so that whatever else that process names can only add to what counts."""
    location, _, _ = class_path.rpartition(":")
    others = [
        (Path(file), name)
        for file, name in imported[1:]
        if file.endswith(SUFFIXES) and Path(file).is_file()  # never a device or a pipe
    ]
    if location.endswith(".py"):
        return [(Path(location), ""), *others]
    return [(_module_file(location) or Path(imported[0][0]), location), *others]


def _module_file(name: str) -> Path | None:
    """The file of a module, found without importing the packages that it is in."""
    parts = name.split(".")
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(parts[0])  # by the finders of editable installs, too
        for depth in range(2, len(parts) + 1):
            within = spec and spec.submodule_search_locations
            spec = PathFinder.find_spec(".".join(parts[:depth]), [*within]) if within else None
        if spec and spec.has_location and spec.origin:
            return Path(spec.origin)
    return None


@dataclass(frozen=True)
class _Loaded:
    implementation: type[Any]
    description: loading.Description
    source_hash: str = ""


def _load(class_path: str) -> _Loaded:
    implementation = loading.load_class(class_path)
    return _Loaded(implementation, loading.describe(implementation))


_MODULES: Modules = {}


@functools.cache
def _built_in(class_path: str) -> _Loaded:
    """Once for the many cells of a row: a built-in module does not change in a process."""
    loaded = _load(class_path)
    file = Path(inspect.getfile(loaded.implementation))
    digest = source_digest(file, loaded.implementation.__name__, _MODULES)
    return dataclasses.replace(loaded, source_hash=digest)


def _described(
    loaded: _Loaded, preset: str, settings: Mapping[str, str], epochs: int | None
) -> Described:
    of = loaded.description
    values = None
    if preset in of.presets:
        values = resolve(loaded.implementation, of.presets[preset], settings, epochs)
    return Described(of.model, of.library, of.devices, loaded.source_hash, values)


class Sources:
    """The sources of a run's implementations, watched while its cells run: a worker has its user's
    rights, and could rewrite another row's file after that row's digest was taken.

    digests  by class path, as planned
    changed  the class paths whose source no longer is what was planned, or once was not
    """

    def __init__(self, digests: Mapping[str, str]) -> None:
        self.changed: set[str] = set()
        self._digests = dict(digests)
        self._stamps = {path: _stamps(path) for path in digests}

    def add(self, class_path: str, digest: str) -> None:
        """Watch one more. A built-in module may have been imported long ago: it is read again."""
        if class_path in self._digests:
            return
        self._digests[class_path], self._stamps[class_path] = digest, _stamps(class_path)
        location, _, name = class_path.rpartition(":")
        if _built_in_file(location, name) and _digest_of(class_path) != digest:
            self.changed.add(class_path)

    def look(self) -> list[str]:
        """The class paths whose source has another meaning for the first time."""
        found = []
        for path, before in self._stamps.items():
            if {file: _stamp(file) for file in before} == before:
                continue
            self._stamps[path] = _stamps(path, {})
            if (digest := _digest_of(path)) != self._digests[path]:
                self._digests[path] = digest
                found += [path] if path not in self.changed else []
        self.changed.update(found)
        return found


Stamp = tuple[int, int, int, int] | None
"""Inode, size and times of a file; None if it does not exist. No owner can set back the last."""


def _stamps(class_path: str, modules: Modules = _MODULES) -> dict[Path, Stamp]:
    """Of the files that count for a class; none where it is of an installed package."""
    location, _, name = class_path.rpartition(":")
    files: Iterable[Path] = ()
    if location.endswith(".py"):
        files = {Path(location)}
        with contextlib.suppress(OSError):
            files |= own_files((Path(location), ""))
    elif file := _built_in_file(location, name):
        files = {file}
        with contextlib.suppress(OSError, SyntaxError, RecursionError):
            files |= {path for path, _ in reached(file, name, modules)}
    return {file: _stamp(file) for file in files}


def _digest_of(class_path: str) -> str:
    """ "" where it cannot be read."""
    location, _, name = class_path.rpartition(":")
    with contextlib.suppress(OSError, SyntaxError):
        if file := _built_in_file(location, name):
            return source_digest(file, name)
        return own_source((Path(location), ""))[0]
    return ""


def _built_in_file(location: str, name: str) -> Path | None:
    implementation = getattr(sys.modules.get(location), name, None)
    if location.partition(".")[0] != "impls" or implementation is None:
        return None
    return Path(inspect.getfile(implementation))


def _stamp(file: Path) -> Stamp:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _phase(answer: Path) -> str:
    """What was running when a process ended without its answer."""
    if answer.is_file():
        return "its exit"
    return "__init__" if answer.with_suffix(".imported").exists() else "import"


def _answer(place: Path, class_path: str, *arguments: Any) -> Any:
    """The description as JSON, with what `places_of` says, or the error."""
    try:
        loaded = _load(class_path)
        place.with_suffix(".imported").touch()
        places = loading.places_of(loaded.implementation, class_path)
        return {
            "described": dataclasses.asdict(_described(loaded, *arguments)),
            "places": [(str(file), name) for file, name in places],
        }
    except loading.NotImportableError as error:
        return {"not importable": [error.status, error.reason]}
    except loading.ImplementationError as error:
        return {"implementation": str(error)}
    except SettingError as error:
        return {"setting": str(error)}
    except (Exception, KeyboardInterrupt) as error:  # an interrupt from outside ends the parent
        reason = f"{_phase(place)}: {type(error).__name__}: {loading.message_of(error)}"
        return {"not importable": ["failed", reason]}


def _read(answer: dict[str, Any]) -> Described:
    match answer:
        case {"not importable": [status, reason]}:
            raise loading.NotImportableError(status, reason)
        case {"implementation": message}:
            raise loading.ImplementationError(message)
        case {"setting": message}:
            raise SettingError(message)
    fields = answer["described"]
    sequences = {name: tuple(fields[name]) for name in ("devices", "unfollowed")}
    return Described(**{**fields, **sequences})


if __name__ == "__main__":
    *_arguments, _place = json.loads(sys.argv[1])
    _text = json.dumps(_answer(Path(_place), *_arguments))
    Path(_place).write_text(_text, encoding="utf-8")
