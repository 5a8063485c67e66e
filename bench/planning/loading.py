"""From a name, an entry point or a file to an implementation's class."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from bench import BESIDE
from impls.registry import IMPLEMENTATIONS

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

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
    outside = plugins()
    if name in outside:
        return _class_path(outside[name])
    path, _, class_name = name.rpartition(":")
    if path.endswith(".py") and class_name:
        if not Path(path).is_file():
            raise ImplementationError(f"no file {path} (requested by --impl {name})")
        return f"{Path(path).resolve()}:{class_name}"
    if path in (*IMPLEMENTATIONS, *outside):
        raise ImplementationError(
            f"no implementation '{name}'. For a preset: --impl {path} --preset {class_name}"
        )
    known = ", ".join([*IMPLEMENTATIONS, *outside])
    raise ImplementationError(
        f"no implementation '{name}'. There are: {known}; or name one of your own "
        "as path/to/file.py:Class"
    )


def plugins() -> dict[str, list[EntryPoint]]:
    """The entry points of installed packages by their names: one each, if no two packages clash."""
    found: dict[str, list[EntryPoint]] = {}
    for point in _entry_points():
        same = found.setdefault(point.name, [])
        if all(point.value != other.value for other in same):
            same.append(point)
    return found


def _entry_points() -> Iterable[EntryPoint]:
    """Of all packages but those whose file of them is no text: one of these hides no other."""
    # Here, for its import would be a tenth of what the process of a cell needs to start.
    from importlib.metadata import distributions, entry_points

    try:
        return entry_points(group=ENTRY_POINT_GROUP)
    except UnicodeError:
        return [point for package in distributions() for point in _entry_points_of(package)]


def _entry_points_of(package: Distribution) -> Iterable[EntryPoint]:
    try:
        return package.entry_points.select(group=ENTRY_POINT_GROUP)
    except UnicodeError:
        return ()


def clash(name: str, points: Sequence[EntryPoint]) -> str:
    """Why the entry points of a name cannot run under it; "" where there is one, and it can."""
    places = ", ".join(map(_place, points))
    if name in IMPLEMENTATIONS:
        return f"'{name}' is the built-in implementation: {places} has its name, and cannot be run"
    if len(points) > 1:
        return f"several installed packages have an implementation '{name}': {places}"
    return ""


def _class_path(points: list[EntryPoint]) -> str:
    point = points[0]
    if problem := clash(point.name, points):
        raise ImplementationError(f"{problem}; uninstall all but one, or rename them")
    module, _, class_name = point.value.partition("[")[0].strip().partition(":")
    if not (module.strip() and class_name.strip()):
        raise ImplementationError(f"'{point.name}' is {_place(point)}, and not module:Class")
    return f"{module.strip()}:{class_name.strip()}"


def _place(point: EntryPoint) -> str:
    return f"{point.value} from {point.dist.name}" if point.dist else point.value


def load_class(class_path: str) -> type[Any]:
    """Import the class behind a class path.

    Raises ImplementationError where the module has no such class or the class lacks
    part of the protocol, NotImportableError where the module cannot be imported.
    """
    location, _, class_name = class_path.rpartition(":")
    try:
        module = _module(location)
    except Exception as error:
        raise _not_importable(error, location) from error
    found = getattr(module, class_name, None)
    if not inspect.isclass(found):
        classes = [name for name, value in vars(module).items() if _defined_in(module, value)]
        raise ImplementationError(
            f"{location} has no class '{class_name}'; it defines {', '.join(classes) or 'none'}"
        )
    _check_protocol(found)
    return found


def describe(implementation: type[Any]) -> Description:
    """Model, source, library, devices, presets and the first line of the docstring.

    Raises ImplementationError where one of them is of another type.
    """

    def of(name: str, kind: Any, default: Any, what: str) -> Any:
        value = getattr(implementation, name, default)
        if not isinstance(value, kind):
            raise ImplementationError(
                f"{implementation.__name__}.{name} is {value!r:.60}, and not {what}"
            )
        return value

    devices = of("devices", (tuple, list), ("cpu",), 'a tuple such as ("cpu",)')
    presets = of("presets", Mapping, {}, "a dict of dicts, by the presets' names")
    if wrong := [name for name, values in presets.items() if not isinstance(values, Mapping)]:
        raise ImplementationError(f"{implementation.__name__}.presets[{wrong[0]!r}] is not a dict")
    return Description(
        model=of("model", str, implementation.__name__, "a text"),
        source=of("source", str, "", "a text"),
        library=of("library", str, "", "a text"),
        devices=tuple(devices),
        presets={"default": {}, **presets},
        summary=(inspect.getdoc(implementation) or "").partition("\n")[0],
    )


def restored(implementation: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters that have been through JSON, tuples again where the class has tuples."""
    fields = {field.name: field for field in dataclasses.fields(implementation)}
    return {
        name: tuple(value)
        if isinstance(value, list) and isinstance(_example(fields[name]), tuple)
        else value
        for name, value in values.items()
    }


def _example(field: dataclasses.Field[Any]) -> Any:
    """A value of the field: its default, or an empty tuple where only its annotation tells."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    annotation = field.type if isinstance(field.type, str) else repr(field.type)
    return () if re.match(r"(typing\.)?tuple\b", annotation, re.IGNORECASE) else None


def places_of(implementation: type[Any], class_path: str) -> list[tuple[Path, str]]:
    """The files whose source counts for the class behind a class path, with the names by which
    they were imported: the requested one ("" of a script) and, if another, the one that defines
    it."""
    location, _, _ = class_path.rpartition(":")
    script = location.endswith(".py")
    named = location if script else getattr(sys.modules.get(location), "__file__", None)
    try:
        file = inspect.getfile(implementation)
    except (TypeError, OSError):  # made by a call, in no module that has a file
        file = named or __file__
    requested = (Path(named or file), "" if script else location)
    if Path(file) == requested[0]:
        return [requested]
    return [requested, (Path(file), implementation.__module__)]


def _module(location: str) -> ModuleType:
    if not location.endswith(".py"):
        return importlib.import_module(location)
    path = Path(location)
    # A file may import what stands beside it, as it could when run by itself.
    sys.path.append(str(path.parent))
    # A name of its own, for a file may be called like a module that others need.
    name = f"ratebench_{hashlib.sha256(os.fsencode(location)).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def hidden_package(error: BaseException | None) -> str:
    """What is missing where an error says that code wanted another distribution's package of a
    name that ratebench has, such as Hugging Face's `datasets`; "" for any other error."""
    for _ in range(MOST_CAUSES):
        match error:
            case None:
                break
            case ImportError(name=str(name)) if name in BESIDE or _is_missing_in_ours(error):
                missing = re.search(r"cannot import name '(\w+)'", str(error))
                return _HIDDEN.format(name.partition(".")[0], missing[1] if missing else name)
            case AttributeError(name=str(name), obj=ModuleType(__name__=package)) if (
                package in BESIDE
            ):
                return _HIDDEN.format(package, name)
        error = error.__cause__ or error.__context__
    return ""


_HIDDEN = (
    "here `{0}` is ratebench's own package, which has no `{1}`: code that needs another package "
    "`{0}` cannot run beside it (docs/adding-an-implementation.md)"
)


def message_of(error: BaseException) -> str:
    """The first line of an error's message, shortened: a message may be a table of numbers. What
    `hidden_package` finds takes its place."""
    try:
        text = hidden_package(error) or str(error).strip().partition("\n")[0]
    except Exception as second:
        text = f"its message cannot be read: {type(second).__name__:.100}"
    return shortened(text, MESSAGE_CHARS)


def shortened(text: str, most: int) -> str:
    """`text`, cut to so many characters and with its length where it has more."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def reason_of(error: BaseException, class_path: str) -> str:
    """`file.py:12: ValueError: message`, the line being the implementation's own where it has one
    in the traceback, else the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    module = class_path.rpartition(":")[0]
    path = module if module.endswith(".py") else module.replace(".", "/") + ".py"
    own = [frame for frame in frames if frame.filename.endswith(path)]
    frame = (own or frames)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"{place}: {type(error).__name__:.100}: {message_of(error)}"


MOST_CAUSES = 100
"""How many errors of a chain are looked at, which may be a circle."""

MESSAGE_CHARS = 1_000
"""How much of an exception's message is reported."""


def _is_missing_in_ours(error: ImportError) -> bool:
    return isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in BESIDE


def _not_importable(error: Exception, location: str) -> NotImportableError:
    if hidden := hidden_package(error):
        return NotImportableError("failed", f"import: {hidden}")
    # Of what the module needs; that the module itself is missing is nothing to install.
    absent = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if absent and not f"{location}.".startswith(f"{absent}."):
        return NotImportableError("skipped", f"package not installed: {absent}")
    return NotImportableError("failed", f"import: {type(error).__name__}: {message_of(error)}")


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
