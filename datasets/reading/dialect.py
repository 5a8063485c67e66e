"""The layout of a ratings file, detected from its first line."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from datasets.errors import DataError
from datasets.reading.sources import Source

DELIMITERS = ("::", "\t", ",", ";", "|", " ")
ROLES = {
    "user": ("user", "userid", "uid", "username", "reviewerid", "reviewer", "customerid", "u"),
    "item": (
        *("item", "itemid", "iid", "movieid", "movie", "productid", "product", "bookid", "book"),
        *("asin", "parentasin", "isbn", "artistid", "songid", "trackid", "animeid", "businessid"),
        *("gameid", "recipeid", "jokeid", "mid", "i"),
    ),
    "rating": ("rating", "ratings", "score", "value", "stars", "overall", "bookrating", "r"),
    "timestamp": ("timestamp", "time", "ts", "unixreviewtime", "datetime", "date", "t"),
}
"""Column names, letters and digits only, in order of preference."""

_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True)
class Dialect:
    """Delimiter, whether there is a header, and the column of each role.

    columns  role -> position; `timestamp` is missing where the file has none
    width    number of columns in the file
    """

    delimiter: str
    header: bool
    columns: dict[str, int]
    width: int


def find_dialect(source: Source) -> Dialect:
    """Detect the layout from the first line that is not blank.

    A header is recognised by its names; without one the columns are user, item, rating and,
    where the fourth holds numbers, timestamp. Raises DataError for an empty or binary file and
    where no delimiter gives these columns.
    """
    number, line = _first_line(source)
    candidates = [(delimiter, split(line, delimiter)) for delimiter in DELIMITERS]
    for delimiter, fields in candidates:
        named = named_columns(fields)
        if {"user", "item", "rating"} <= named.keys():
            return Dialect(delimiter, True, named, len(fields))
        if len(fields) >= 3 and is_number(fields[2]):
            timed = len(fields) > 3 and is_number(fields[3])
            roles = ("user", "item", "rating", "timestamp")[: 4 if timed else 3]
            return Dialect(delimiter, False, {role: i for i, role in enumerate(roles)}, len(fields))
    raise _no_dialect(source, number, candidates)


def split(line: str, delimiter: str) -> list[str]:
    """The fields of one line, unquoted."""
    if delimiter == "::":
        return line.split("::")
    if delimiter == " ":
        return [field.strip('"') for field in line.split()]
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))


def _first_line(source: Source) -> tuple[int, str]:
    with source.open() as stream:
        sample = stream.read(_SAMPLE_BYTES)
    if b"\0" in sample:
        raise DataError(
            "is a binary or UTF-16 file", "Save it as CSV text in UTF-8", where=source, line=1
        )
    text = sample.decode("utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            return number, line
    raise DataError("the file is empty", "It needs one line per rating", where=source, line=1)


def named_columns(fields: list[str]) -> dict[str, int]:
    # RecBole writes the type behind the name: "user_id:token".
    names = [re.sub(r"[^a-z0-9]", "", field.lower().split(":")[0]) for field in fields]
    return {
        role: names.index(known)
        for role, accepted in ROLES.items()
        for known in [next((name for name in accepted if name in names), None)]
        if known is not None
    }


def is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _no_dialect(source: Source, line: int, candidates: list[tuple[str, list[str]]]) -> DataError:
    fields = max(
        (fields for _, fields in candidates), key=lambda f: (len(named_columns(f)), len(f))
    )
    named = named_columns(fields)
    remedy = "Give columns user, item, rating and optionally timestamp, in this order or by header"
    if len(fields) < 3:
        problem = f"{len(fields)} column(s), three are needed"
    elif named:
        missing = [role for role in ("user", "item", "rating") if role not in named]
        problem = f"the header {', '.join(fields)} has no {' and no '.join(missing)} column"
    else:
        problem = f"neither a known header nor a number in the third column, {fields[2]!r}"
    return DataError(problem, remedy, where=source, line=line)
