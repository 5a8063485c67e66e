"""What was read of a ratings file, and by which rules: for `bench data`, and for a run's notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Column:
    """The column that plays a role. `why`: "named in the header", "the second of four", …"""

    name: str
    position: int
    why: str


@dataclass(frozen=True)
class Reading:
    """How a file was read. Every count is of lines or rows of the file.

    rows             lines of data, before any was left out
    columns          role -> the column that plays it
    ignored          columns that play no role
    delimiter        between two fields; empty for a file that has none, such as parquet
    quoting          "none", "quoted fields", or that lone quotes are characters
    header           whether a first line names the columns; its position is not counted as data
    date_format      of the timestamps: "%d/%m/%Y", "ISO 8601", "seconds since 1970", …
    dropped          why rows were left out -> how many
    duplicate_rule   which rating of a pair that was rated again counts
    notes            what was guessed or converted, a sentence each, with its count
    first            the first three ratings: user, item, rating, time as in the file
    """

    rows: int
    columns: Mapping[str, Column]
    ignored: tuple[str, ...] = ()
    delimiter: str = ""
    quoting: str = "none"
    header: bool = True
    date_format: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
    duplicate_rule: str = ""
    notes: tuple[str, ...] = ()
    first: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Of the fields that `dataclasses.asdict` gave, after JSON."""
        return cls(
            **{
                **fields,
                "columns": {role: Column(**each) for role, each in fields["columns"].items()},
                "ignored": tuple(fields["ignored"]),
                "notes": tuple(fields["notes"]),
                "first": tuple(map(tuple, fields["first"])),
            }
        )
