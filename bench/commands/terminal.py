"""What every verb prints with: two consoles, tables, and text for encodings without ± or ∞."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.box import Box
from rich.console import Console
from rich.table import Table

from bench.store import RecordStore

PLAIN = {"±": "+-", "∞": "inf", "≤": "<=", "×": "x", "λ": "lambda", "…": "...", "\xa0": " "}
PLAIN |= dict.fromkeys("−–—━╸╺", "-")
RULE = Box("    \n" * 2 + " -- \n" + "    \n" * 5, ascii=True)
"""A table with nothing but a line below its headers."""
GAP = 2
"""Columns of the terminal between two columns of a table."""
LEAST = 10
"""Columns of the terminal that a cell that wraps has at least."""
WIDE = 160
"""Columns where there is no terminal to measure, and COLUMNS is not set."""


class UsageError(Exception):
    """A request that cannot be carried out; the message says why."""


def console(
    file: TextIO | None = None, *, stderr: bool = False, width: int | None = None
) -> Console:
    """A console that prints text as it is: no markup, emoji codes or colours from names.

    Lines are wrapped at words on a terminal, and left as they are elsewhere.
    """
    stream = file or (sys.stderr if stderr else sys.stdout)
    a_file = not stream.isatty()
    if a_file and "COLUMNS" not in os.environ:
        width = width or WIDE
    options: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    return Console(file=file, stderr=stderr, width=width, soft_wrap=a_file, **options)


def print_line(text: str) -> None:
    """Lines of the verb's result, to standard output."""
    out.print(text)


def note(text: str) -> None:
    """Lines beside the result, to standard error."""
    err.print(text)


def warn(text: object) -> None:
    """What must not be missed, to standard error."""
    err.print(f"WARNING: {text}", style="bold yellow")


def fail(error: object) -> None:
    """Why a verb ends with an error, to standard error."""
    err.print(f"error: {error}", style="red")


def warn_of_bad_lines(store: RecordStore) -> None:
    """Warn of lines in the store that are not records."""
    for line in store.read()[1]:
        warn(line)


def table(rows: Iterable[Sequence[str]], headers: Sequence[str] = (), kinds: str = "Ll") -> Table:
    """A table without borders.

    kinds  a letter for each column, the last one for all that follow: l for left, r for right; a
           capital for cells that are not wrapped where the terminal is too narrow
    """
    rows = [[encodable(cell) for cell in row] for row in rows]
    grid = Table(box=RULE, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    grid.show_header = bool(headers)
    for number, header in enumerate(headers or [""] * max(map(len, rows))):
        kind = kinds[min(number, len(kinds) - 1)]
        grid.add_column(
            encodable(header),
            justify="right" if kind in "rR" else "left",
            overflow="fold",
            no_wrap=kind.isupper(),
            min_width=None if kind.isupper() else LEAST,
        )
    for row in rows:
        grid.add_row(*row)
    return grid


def encodable(text: str) -> str:
    """`text` with plain letters for what standard output cannot hold: `+-` for ±, else `?`."""
    encoding = getattr(out.file, "encoding", None) or "utf-8"
    return text.encode(encoding, "ratebench").decode(encoding)


def plural(count: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def never_raise_on_encoding() -> None:
    """Let standard output and error write any text, whatever their encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="ratebench")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("ratebench", _plain)
out = console()
err = console(stderr=True)
