"""A preset, and what the command line changes in it."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

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
    for name, text in settings.items():
        if name not in fields:
            raise SettingError(
                f"{implementation.__name__} has no hyperparameter '{name}'; "
                f"it has {', '.join(sorted(fields)) or 'none'}"
            )
        values[name] = _parse(implementation, name, text)
    try:
        model = implementation(**values)
    except (TypeError, ValueError) as error:  # the class's own check of its fields
        raise SettingError(str(error)) from error
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
        settings.setdefault(implementation, {})[name] = value
    return settings


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
    where = f"{implementation.__name__}.{name}"
    try:
        kind = get_type_hints(implementation)[name]
    except NameError as error:
        raise SettingError(f"{where}={text}: the field's type is not known: {error}") from error
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = {"true": True, "false": False}.get(text.lower(), text)
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise SettingError(f"{where}={text}: {error.errors()[0]['msg'].lower()}") from None
