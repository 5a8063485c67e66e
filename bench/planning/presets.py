"""A preset, and what the command line changes in it."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

MESSAGE_CHARS = 1_000
NOT_HYPERPARAMETERS = ("device", "seed")


class SettingError(Exception):
    """A hyperparameter that does not exist, or a value it cannot take."""


def resolve(
    implementation: type[Any],
    preset: Mapping[str, Any],
    settings: Mapping[str, str],
    epochs: int | None = None,
) -> dict[str, Any]:
    """Every hyperparameter of the class: its default, then the preset, then `settings`.

    `epochs` applies where the class has such a field. Raises SettingError.
    """
    values = dict(preset)
    fields = {
        field.name
        for field in dataclasses.fields(implementation)
        if field.init and field.name not in NOT_HYPERPARAMETERS
    }
    if epochs is not None and "epochs" in fields:
        values["epochs"] = epochs
    for name in (*settings, *preset):
        if name not in fields:
            raise SettingError(_unknown(implementation, name, fields))
    for name, text in settings.items():
        values[name] = _parse(implementation, name, text)
    try:
        model = implementation(**values)
    except (TypeError, ValueError, AttributeError) as error:  # the class's own check of its fields
        message = str(error).partition("\n")[0][:MESSAGE_CHARS]
        raise SettingError(f"{implementation.__name__}: {message}") from error
    resolved = {name: getattr(model, name) for name in sorted(fields)}
    for name, value in resolved.items():
        _check_recordable(f"{implementation.__name__}.{name}", value)
    return resolved


def parse_settings(words: list[str]) -> dict[str, dict[str, str]]:
    """`["numpy_sgd.factors=8"]` as `{"numpy_sgd": {"factors": "8"}}`; raises SettingError."""
    settings: dict[str, dict[str, str]] = {}
    for word in words:
        left, equals, value = word.partition("=")
        implementation, dot, name = left.rpartition(".")
        if not (equals and dot and implementation and name):
            raise SettingError(f"--set {word}: write it as implementation.field=value")
        if name in (given := settings.setdefault(implementation, {})):
            raise SettingError(f"--set {word}: {left} is {given[name]} already; leave one out")
        given[name] = value
    return settings


def _unknown(implementation: type[Any], name: str, fields: set[str]) -> str:
    field = getattr(implementation, "__dataclass_fields__", {}).get(name)
    if name in NOT_HYPERPARAMETERS:
        who = "an option of the command sets it"
        return f"{implementation.__name__} has no hyperparameter '{name}': {who}"
    if field is None:
        have = ", ".join(sorted(fields)) or "none"
        return f"{implementation.__name__} has no hyperparameter '{name}'; it has {have}"
    why = "an InitVar or ClassVar, which no object keeps for a record to hold"
    if not field.init:
        why = "a field with init=False"
    return f"{implementation.__name__}.{name} cannot be set: it is {why}"


def _check_recordable(where: str, value: Any) -> None:
    """A record is JSON, and its hyperparameters must come back from it as they were."""
    plain = list(value) if isinstance(value, tuple) else value
    try:
        same = json.loads(json.dumps(plain, allow_nan=False)) == plain
    except (TypeError, ValueError):
        same = False
    if not same:
        raise SettingError(
            f"{where} is {value!r}; a hyperparameter is a number, a text, true or false, "
            "None, or a tuple or list of these"
        )


def _parse(implementation: type[Any], name: str, text: str) -> Any:
    """The first reading of `text` that the field's type takes: as Python writes it, as JSON writes
    true and false, as it stands, so that a `str` may be 5, and as several texts, as in `a,b`."""
    where = f"{implementation.__name__}.{name}={text}"
    kind = _type_of(implementation, name, where)
    problem = ""
    for value in readings(text):
        try:
            return TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            problem = problem or error.errors()[0]["msg"].lower()
        except PydanticUserError:
            raise SettingError(f"{where}: text cannot become {kind}, the field's type") from None
    raise SettingError(f"{where}: {problem}")


def readings(text: str) -> Iterator[Any]:
    """What `text` may mean: as Python writes it, as JSON writes true and false, the text, and
    one or several texts with commas between them where it is nothing that Python writes."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        yield {"true": True, "false": False}.get(text.lower(), text)
        yield text
        yield tuple(text.split(","))
    else:
        yield value
        yield text


def _type_of(implementation: type[Any], name: str, where: str) -> Any:
    """The type of a field, by its annotation alone: the others of a class may be for type checkers
    only. Where its own is, its default tells whether it is a text. Raises SettingError."""
    owner = next(base for base in implementation.__mro__ if name in vars(base).get(ANNOTATED, {}))
    alone = type(owner.__name__, (), {ANNOTATED: {name: vars(owner)[ANNOTATED][name]}})
    alone.__module__ = owner.__module__
    try:
        return get_type_hints(alone, localns=dict(vars(owner)))[name]
    except Exception as error:  # an annotation is any expression
        field = implementation.__dataclass_fields__[name]
        default = field.default
        if default is None or default is field.default_factory:  # both are missing
            raise SettingError(
                f"{where}: the field's type is not known when the class runs ({error}); import it "
                "outside of `if TYPE_CHECKING`"
            ) from error
        return str if isinstance(default, str) else Any


ANNOTATED = "__annotations__"
