"""Words of the command line: `--impl a b c` for click, whose options take one value each, what
takes the place of a suite's own settings, and what is said of the layout of a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import typer

from bench.commands.terminal import UsageError
from bench.planning.presets import SettingError, parse_settings
from bench.planning.suite import Overrides
from datasets.catalog import CATALOG
from datasets.reading.layout import DELIMITERS, ROLES, Layout
from datasets.splits import GIVEN, is_given

Texts = list[str] | None
UNPLACED, PLACED = ("run", "report", "predict"), ("choose", "data", "tune")
"""Verbs with options of several values: without positional arguments, and with some."""
SEVERAL = ("--impl", "--dataset", "--device", "--set", "--missing", "--records")


def spread(arguments: list[str]) -> list[str]:
    """Repeat an option before each further value: `--impl a b` becomes `--impl a --impl b`.

    Only where no value could be taken for a positional argument: of a verb that has none, or whose
    own come first.
    """
    verb, first = [*arguments, "", ""][:2]
    if verb not in UNPLACED and (verb not in PLACED or not first or first.startswith("-")):
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
    """Raises SettingError for a word that is no text: a record, in which it would stand, is."""
    for word in words:
        if word != word.encode(errors="replace").decode():
            encoding = sys.getfilesystemencoding()
            remedy = "where it is the name of a file, rename that, or make a link to it"
            if encoding != "utf-8":
                remedy = f"set LC_ALL=C.UTF-8, for this locale's encoding is {encoding}"
            raise SettingError(f"{word} is not text in {encoding}: {remedy}")


def overrides(impl: Texts, dataset: Texts, set_: Texts, block: dict[str, Any]) -> Overrides:
    """What was given; a block's fields that are None were not. Raises SettingError."""
    refuse_undecodable([*(impl or []), *(dataset or []), *(set_ or []), str(block.get("preset"))])
    given = {name: value for name, value in block.items() if value is not None}
    return Overrides(impl or [], dataset or [], given, parse_settings(set_ or []))


def split_of(split: str | None, test: str | None, datasets: Texts) -> str | None:
    """The split that is requested: with a test file it goes by that one.

    Raises UsageError where the file has no place: beside several datasets or one of the catalog,
    or with a split that chooses the test ratings itself.
    """
    if test is None:
        return split
    refuse_undecodable([test])
    if len(datasets or []) != 1 or datasets[0] in CATALOG:  # type: ignore[index]
        raise UsageError(
            f"--test {test} is the test part of one file: name the file to train on, too, "
            "--dataset train.csv"
        )
    if split is not None and not is_given(split):
        raise UsageError(
            f"--split {split} chooses test ratings, and --test {test} gives them: leave one out, "
            "or use --split given:90/10, which takes a validation part from the train file"
        )
    return split or GIVEN


def share(text: str) -> float:
    """`5%` or `0.05` as 0.05. Raises typer.BadParameter."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(%?)", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < value < 1:
        raise typer.BadParameter(f"{text!r} is no share between 0 and 1, such as 5% or 0.05")
    return value


def duration(text: str) -> float:
    """`120s`, `2min` or `120` in seconds. Raises typer.BadParameter."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(s|min|h|)", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is no time, such as 120s or 2min")
    return float(found[1]) * {"min": 60, "h": 3600}.get(found[2], 1)


def layout(
    columns: str | None = None,
    delimiter: str | None = None,
    no_header: bool = False,
    missing: Texts = None,
    zeros: str | None = None,
    date_format: str | None = None,
) -> Layout:
    """The options of one file. Raises UsageError for a value that an option cannot take."""
    refuse_undecodable(filter(None, [columns, delimiter, *(missing or []), zeros, date_format]))
    named = {} if columns is None else parse_columns(columns)
    if no_header:
        _refuse_names(named)
    return Layout(
        columns=named,
        delimiter=None if delimiter is None else _delimiter(delimiter),
        header=False if no_header else None,
        missing=_missing(missing or []),
        zeros=None if zeros is None else _zeros(zeros),
        date_format=None if date_format is None else _date_format(date_format),
    )


def parse_columns(text: str) -> dict[str, str]:
    """Role -> name or position from 1, of `user=account,item=song`. Raises UsageError."""
    columns: dict[str, str] = {}
    for part in text.split(","):
        role, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise UsageError(f"--columns {text!r}: write it as user=account,item=song,rating=plays")
        if role not in ROLES:
            raise UsageError(f"--columns: {role!r} is no role of a column; use {', '.join(ROLES)}")
        if role in columns:
            raise UsageError(f"--columns: {role} is given twice")
        if column in columns.values():
            raise UsageError(f"--columns: column {column!r} is given twice")
        if re.fullmatch(r"-[0-9]+|0+", column):
            raise UsageError(f"--columns {role}={column}: positions count from 1")
        columns[role] = column
    return columns


def refuse_unused(given: Layout, datasets: Iterable[str]) -> None:
    """Raise UsageError where a layout is given and no dataset is a file."""
    names = list(dict.fromkeys(datasets))
    if (options := given.options()) and all(name in CATALOG for name in names):
        are = "is a dataset" if len(names) == 1 else "are datasets"
        raise UsageError(
            f"--{next(iter(options))} says how a file is read, but {', '.join(names)} {are} of "
            "the catalog; name a file, or leave the option out"
        )


def _refuse_names(columns: dict[str, str]) -> None:
    for role, column in columns.items():
        if not column.isdecimal():
            raise UsageError(
                f"--columns {role}={column}: with --no-header no column has a name; "
                "give positions, from 1"
            )


def _delimiter(text: str) -> str:
    found = {**DELIMITERS, "\\t": "\t"}.get(text.lower(), text)
    if len(found) != 1 and found != "::":
        words = ", ".join(DELIMITERS)
        raise UsageError(f"--delimiter {text!r}: one character, '::', or one of {words} is needed")
    if found.isalnum() or found in "\"'.+-_\r\n\0" or not (found.isprintable() or found == "\t"):
        raise UsageError(f"--delimiter {text!r}: this cannot be between two fields")
    return found


def _missing(values: list[str]) -> tuple[str, ...]:
    """Several options, or one with commas, as a record has them; '' is an empty rating."""
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",")))


def _zeros(text: str) -> Literal["missing", "ratings"]:
    if text not in ("missing", "ratings"):
        raise UsageError(
            f"--zeros {text!r}: 'missing' where a 0 means 'not rated', or 'ratings' where it is one"
        )
    return text  # type: ignore[return-value]  # mypy does not narrow str by `in`


def _date_format(text: str) -> str:
    """Tried on a date of which no two numbers are equal."""
    known = "as in '%d/%m/%Y' or '%Y-%m-%d %H:%M:%S'"
    moment = datetime(2021, 3, 14, 15, 9, 26, tzinfo=UTC)
    try:
        read = datetime.strptime(moment.strftime(text), text)
    except (ValueError, re.error) as error:
        reason = str(error).rstrip(".")
        raise UsageError(f"--date-format {text!r}: {reason}; write it {known}") from None
    if read.year != moment.year:
        raise UsageError(f"--date-format {text!r} has no year; write it {known}")
    return text
