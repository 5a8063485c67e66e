"""What a user says of a ratings file, where it does not say it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

ROLES = ("user", "item", "rating", "timestamp")
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " ", "bar": "|"}
"""Words for delimiters that cannot be seen, or that a shell takes for its own."""


@dataclass(frozen=True)
class Layout:
    """The layout as far as the user gives it; what is left out is detected.

    columns      role -> the column's name in the header, or its position from 1
    delimiter    between two fields
    header       whether the first line names the columns
    missing      ratings that stand for "not rated", "" for an empty one: such rows are left out
    zeros        whether a rating of 0 is one or stands for "not rated"
    date_format  of the timestamps, as `strptime` takes it: "%d/%m/%Y"
    lenient      whether a column that is not in the header by its name of `columns` may be there by
                 a known one: of pairs, where `columns` are those of the ratings. No option
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] = ()
    zeros: Literal["missing", "ratings"] | None = None
    date_format: str | None = None
    lenient: bool = False

    def options(self) -> dict[str, str]:
        """What is given, as the options of the command line: `columns` -> "user=a,item=b"."""
        words = {mark: word for word, mark in DELIMITERS.items()}
        given = {
            "columns": ",".join(f"{role}={name}" for role, name in self.columns.items()),
            "delimiter": words.get(self.delimiter or "", self.delimiter or ""),
            "no-header": "yes" if self.header is False else "",
            "missing": ",".join(self.missing),
            "zeros": self.zeros or "",
            "date-format": self.date_format or "",
        }
        # An empty rating is a value that stands for "not rated", and not the want of one.
        return {
            name: value
            for name, value in given.items()
            if value or (name == "missing" and self.missing)
        }

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> Layout:
        """The layout whose `options()` these are."""
        columns = filter(None, options.get("columns", "").split(","))
        delimiter = options.get("delimiter")
        return cls(
            dict(each.split("=", 1) for each in columns),
            DELIMITERS.get(delimiter or "", delimiter),
            False if "no-header" in options else None,
            tuple(options["missing"].split(",")) if "missing" in options else (),
            cast(Literal["missing", "ratings"] | None, options.get("zeros")),
            options.get("date-format"),
        )


AS_DETECTED = Layout()
