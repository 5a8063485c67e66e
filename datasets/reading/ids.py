"""Ids as a file writes them -> the ids that they are.

An id is a whole number where all of its column are, else text. It never passes through a float.
Blanks around it are no part of it, nor is which of several codes Unicode has for a letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError, shown
from datasets.ratings import Ids
from datasets.reading.parsing import Columns

_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?", re.ASCII)
LONGEST = 1000
"""Characters of an id; an array of ids takes four bytes for each of the longest one's."""
MOST_BYTES = 2 << 30


def ids_of(columns: Columns, role: str) -> tuple[NDArray[np.int32], Ids, list[str]]:
    """Codes (n,), their labels in ascending order, and what was converted.

    Raises DataError with the line of an id that is missing, negative, longer than `LONGEST`
    characters or above 2^64 - 1.
    """
    import pandas as pd

    texts = columns.texts[role]
    if isinstance(texts.values, np.ndarray):
        labels: NDArray[Any] = texts.values
        plain, notes = list[str](), list[str]()
        if labels.dtype.kind == "i":
            columns.refuse(role, labels < 0, f"the {role} id is negative")
    else:
        plain = [canonical(text) for text in texts.written()]
        columns.refuse(role, np.array([not text for text in plain]), f"the {role} id is missing")
        nul = np.array(["\0" in text for text in plain])
        columns.refuse(role, nul, f"the {role} id holds a NUL character")
        long = np.array([len(text) > LONGEST for text in plain])
        problem = f"the {role} id is longer than {LONGEST:,} characters"
        columns.refuse(role, long, problem, "Check that this column holds ids")
        labels, notes = _labels(columns, role, plain)
    codes, ids = pd.factorize(labels, sort=True)
    if ids.dtype.kind in "iu":
        ids = ids.astype(np.int64 if int(ids[-1]) < 2**63 else np.uint64)
    return codes.astype(np.int32)[texts.codes], ids, notes


def canonical(text: str) -> str:
    """Without blanks around it, and of equal letters one form; `60.0` is 60."""
    text = text.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
        start, end = 0, len(text)
        while start < end and _is_invisible(text[start]):
            start += 1
        while start < end and _is_invisible(text[end - 1]):
            end -= 1
        text = text[start:end]
    if "." in text and (whole := _WHOLE.fullmatch(text)):
        return whole[1]
    return text


def _is_invisible(character: str) -> bool:
    """A blank, or one that is not shown, such as a zero width space."""
    return character.isspace() or unicodedata.category(character) == "Cf"


def matched(texts: Sequence[str], ids: Ids) -> NDArray[np.int32]:
    """Position in `ids` of each id as a file writes it, -1 where it is not there. (n,)

    Where the ids are numbers, `007`, `7.0` and `7` are 7.
    """
    place = {label: position for position, label in enumerate(ids.tolist())}
    plain = [canonical(text) for text in texts]
    keys: list[Any] = plain
    if ids.dtype.kind in "iu":
        whole = [_WHOLE.fullmatch(text) for text in plain]
        keys = [int(each[1]) if each and len(each[1]) <= LONGEST else None for each in whole]
    return np.array([place.get(key, -1) for key in keys], np.int32)


def _labels(columns: Columns, role: str, plain: list[str]) -> tuple[NDArray[Any], list[str]]:
    """Numbers where all are whole and none is written in two ways; else text."""
    texts = columns.texts[role]
    _refuse_rounded(columns, role, plain)
    notes = [*_conversions(role, texts.written(), plain), *_doubts(role, plain)]
    others = [text for text in plain if not _WHOLE.fullmatch(text)]
    if others:
        if len(others) < len(plain):
            notes.append(
                f"{role} ids are read as text, for {len(others):,} of {len(plain):,} are not whole "
                f"numbers, such as {shown(min(others))}"
            )
        return _as_text(columns, role, plain), notes
    large = np.array([len(text.lstrip("+-0")) > 20 or int(text) >= 2**64 for text in plain])
    remedy = "Use numbers from 0 to 2^64 - 1, or ids that are not all numbers"
    columns.refuse(role, large, f"the {role} id is too large", remedy)
    numbers = [int(text) for text in plain]
    columns.refuse(role, np.array(numbers) < 0, f"the {role} id is negative", remedy)
    written = dict(zip(numbers, plain, strict=True))
    pairs = ((text, written[n]) for n, text in zip(numbers, plain, strict=True))
    twice = [pair for pair in pairs if pair[0] != pair[1]]
    if twice:
        notes.append(
            f"{role} ids are read as text, for {' and '.join(map(shown, min(twice)))} would be "
            "one number"
        )
        return _as_text(columns, role, plain), notes
    return np.array(numbers, np.uint64 if max(numbers) >= 2**63 else np.int64), notes


def _refuse_rounded(columns: Columns, role: str, plain: list[str]) -> None:
    """Raise for `7.66E+16`: its last digits are lost, so that many ids have become one."""
    rounded = np.array([bool((m := _SCIENTIFIC.fullmatch(t)) and int(m[1]) > 14) for t in plain])
    problem = f"the {role} id is rounded, for it is written as a power of ten"
    columns.refuse(role, rounded, problem, "Export ids as whole numbers or as text")


_SCIENTIFIC = re.compile(r"\d(?:[.,]\d*)?[eE]\+?(\d{1,3})", re.ASCII)


def _doubts(role: str, plain: list[str]) -> list[str]:
    """What to say of ids that may not be what they seem."""
    notes = []
    distinct = set(plain)
    if words := sorted(text for text in distinct if text.casefold() in NO_VALUE):
        notes.append(
            f"{role} ids {' and '.join(map(shown, words))} are read as ids; where they stand for "
            "no value, remove these rows"
        )
    if marked := [text for text in distinct if text.startswith(('="', "'")) and text[1:]]:
        notes.append(
            f"{len(marked):,} {role} ids begin with a mark of a spreadsheet, such as "
            f"{shown(min(marked))}: it is read as a part of the id"
        )
    if alike := len(distinct) - len({text.casefold() for text in distinct}):
        first: dict[str, str] = {}
        pairs = ((first.setdefault(text.casefold(), text), text) for text in sorted(distinct))
        one, other = next((a, b) for a, b in pairs if a != b)
        notes.append(
            f"{alike:,} {role} ids differ from another in capitals alone, such as {shown(one)} and "
            f"{shown(other)}: they are read as different ids"
        )
    return notes


NO_VALUE = ("nan", "none", "null", "na", "n/a", "<na>", "#n/a")


def _as_text(columns: Columns, role: str, plain: list[str]) -> NDArray[np.str_]:
    needed = 4 * max(map(len, plain)) * len(plain)
    if needed > MOST_BYTES:
        raise DataError(
            f"the {role} ids take {needed / 1e9:.0f} GB as text, for the longest has "
            f"{max(map(len, plain)):,} characters",
            "Use shorter ids, or numbers",
            where=columns.where,
        )
    return np.array(plain, np.str_)


def _conversions(role: str, raw: list[str], plain: list[str]) -> list[str]:
    """Which texts became one id, with their count."""
    notes = []
    distinct = len(set(plain))
    if distinct < len(raw):
        first: dict[str, str] = {}
        pairs = [(first.setdefault(p, r), r) for r, p in zip(raw, plain, strict=True)]
        one, other = next((a, b) for a, b in pairs if a != b)
        notes.append(
            f"{len(raw) - distinct:,} {role} ids are written in two ways, such as {shown(one)} and "
            f"{shown(other)}: they are read as one"
        )
    return notes
