"""From a name, an entry point or a file to an implementation's class."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from bench.planning.source_digest import Modules, digest_of, own_modules, reached, unfollowed
from impls.registry import IMPLEMENTATIONS

ENTRY_POINT_GROUP = "ratebench.implementations"


class ImplementationError(Exception):
    """No implementation of that name, or what was named is not one."""


class NotImportableError(ImplementationError):
    """A module that does not import. Its row is `skipped` for want of a package, else `failed`."""

    def __init__(self, status: Literal["skipped", "failed"], reason: str) -> None:
        super().__init__(reason)
        self.status: Literal["skipped", "failed"] = status
        self.reason = reason


@dataclass(frozen=True)
class Description:
    """How a class describes itself; a class from outside may leave any of it out.

    library  the distribution that it wraps, one of the extra `peers`, or is written in; empty
             where the locked ones do
    """

    model: str
    source: str
    library: str
    devices: tuple[str, ...]
    presets: Mapping[str, Mapping[str, Any]]
    summary: str


def class_path_of(name: str) -> str:
    """`module:Class` or `path/to/file.py:Class` for a name; raises ImplementationError."""
    if name in IMPLEMENTATIONS:
        return IMPLEMENTATIONS[name]
    outside = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in outside:
        return outside[name]
    path, _, class_name = name.rpartition(":")
    if path.endswith(".py") and class_name:
        if not Path(path).is_file():
            raise ImplementationError(f"no file {path} (requested by --impl {name})")
        return f"{Path(path).resolve()}:{class_name}"
    known = ", ".join([*IMPLEMENTATIONS, *outside])
    raise ImplementationError(
        f"no implementation '{name}'. There are: {known}; or name one of your own "
        "as path/to/file.py:Class"
    )


def load_class(class_path: str) -> type[Any]:
    """Import the class behind a class path.

    Raises ImplementationError where the module has no such class or the class lacks
    part of the protocol, NotImportableError where the module cannot be imported.
    """
    location, _, class_name = class_path.rpartition(":")
    try:
        module = _module(location)
    except ModuleNotFoundError as error:
        raise NotImportableError("skipped", f"package not installed: {error.name}") from error
    except Exception as error:
        raise NotImportableError("failed", f"import: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if not inspect.isclass(found):
        classes = [name for name, value in vars(module).items() if _defined_in(module, value)]
        raise ImplementationError(
            f"{location} has no class '{class_name}'; it defines {', '.join(classes) or 'none'}"
        )
    _check_protocol(found)
    return found


def describe(implementation: type[Any]) -> Description:
    """Model, source, library, devices, presets and the first line of the docstring."""
    presets = {"default": {}, **getattr(implementation, "presets", {})}
    return Description(
        model=getattr(implementation, "model", implementation.__name__),
        source=getattr(implementation, "source", ""),
        library=getattr(implementation, "library", ""),
        devices=tuple(getattr(implementation, "devices", ("cpu",))),
        presets=presets,
        summary=(inspect.getdoc(implementation) or "").partition("\n")[0],
    )


def restored(implementation: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters that have been through JSON, tuples again where the class has tuples."""
    defaults = {field.name: field.default for field in dataclasses.fields(implementation)}
    return {
        name: tuple(value) if isinstance(defaults[name], tuple) else value
        for name, value in values.items()
    }


def source_of(
    implementation: type[Any], class_path: str, modules: Modules | None = None
) -> tuple[str, list[str]]:
    """Digest of what the source of the class behind a class path means, and the places in it that
    load code which the digest cannot follow."""
    location, _, requested = class_path.rpartition(":")
    script = location.endswith(".py")
    asked = location if script else getattr(sys.modules.get(location), "__file__", None)
    try:
        file = Path(inspect.getfile(implementation))
    except (TypeError, OSError):  # made by a call, in no module that has a file
        file = Path(asked or __file__)
    own = None if asked is None else own_modules(Path(asked), "" if script else location)
    # What a module does with a class that it imports is a part of the row, too.
    also = [(Path(asked), requested)] if asked and Path(asked) != file else []
    found = reached(file, implementation.__name__, modules, own, also)
    return digest_of(found), unfollowed(found)


def _module(location: str) -> ModuleType:
    if not location.endswith(".py"):
        return importlib.import_module(location)
    path = Path(location)
    # A file may import what stands beside it, as it could when run by itself.
    sys.path.append(str(path.parent))
    # A name of its own, for a file may be called like a module that others need.
    name = f"ratebench_{hashlib.sha256(location.encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _check_protocol(implementation: type[Any]) -> None:
    fields = getattr(implementation, "__dataclass_fields__", {})
    lacking = [f"field `{name}`" for name in ("device", "seed") if name not in fields]
    lacking += [
        f"method `{name}`"
        for name in ("fit", "predict")
        if not callable(getattr(implementation, name, None))
    ]
    if not dataclasses.is_dataclass(implementation):
        lacking = ["@dataclass", *lacking]
    if lacking:
        raise ImplementationError(
            f"{implementation.__name__} is not an implementation: it lacks {', '.join(lacking)} "
            "(see impls/protocol.py)"
        )


def _defined_in(module: ModuleType, value: object) -> bool:
    return inspect.isclass(value) and value.__module__ == module.__name__
