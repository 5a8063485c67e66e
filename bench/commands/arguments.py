"""Words of the command line: `--impl a b c` for click, whose options take one value each, and what
takes the place of a suite's own settings."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from bench.planning.hyperparameters import SettingError, parse_settings
from bench.planning.suite import Overrides

Texts = list[str] | None
SEVERAL = ("--impl", "--dataset", "--device", "--set")


def spread(arguments: list[str]) -> list[str]:
    """Repeat an option before each further value: `--impl a b` becomes `--impl a --impl b`.

    Only for `bench run`, which has no positional arguments that a value could be taken for.
    """
    if arguments[:1] != ["run"]:
        return arguments
    spread_out: list[str] = []
    option = None
    values = 0
    for word in arguments:
        if word.startswith("--"):
            option, values = (word, 0) if word in SEVERAL else (None, 0)
        elif option is not None:
            values += 1
            if values > 1:
                spread_out.append(option)
        spread_out.append(word)
    return spread_out


def refuse_undecodable(words: Iterable[str]) -> None:
    """Raises SettingError for a name that is not text: a record, in which it would stand, is."""
    for word in words:
        if word != word.encode(errors="replace").decode():
            encoding = sys.getfilesystemencoding()
            remedy = "rename the file, or make a link to it"
            if encoding != "utf-8":
                remedy = f"set LC_ALL=C.UTF-8, for this locale's encoding is {encoding}"
            raise SettingError(f"{word}: this name is not text in {encoding}; {remedy}")


def overrides(impl: Texts, dataset: Texts, set_: Texts, block: dict[str, Any]) -> Overrides:
    """What was given; a block's fields that are None were not. Raises SettingError."""
    refuse_undecodable([*(impl or []), *(dataset or []), *(set_ or []), str(block.get("preset"))])
    given = {name: value for name, value in block.items() if value is not None}
    return Overrides(impl or [], dataset or [], given, parse_settings(set_ or []))
