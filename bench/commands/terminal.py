"""What every verb prints with: two consoles, tables, and text for encodings without ± or ∞.

Whatever is printed comes out as one can read it: characters that the encoding does not have are
replaced, those that act on a terminal are escaped, and there is neither markup nor an emoji code.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.commands.signals import import_problem
from bench.report.formats import plural as plural
from bench.store import RecordStore
from datasets.errors import DataWarning
from datasets.printable import one_line, printable

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


REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free space there"),
    errno.EFBIG: "raise the limit that `ulimit -f` shows",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "let this user write there"),
    **dict.fromkeys((errno.EEXIST, errno.EISDIR, errno.ENOTDIR), "move it away"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit that `ulimit -n` shows"),
    errno.EAGAIN: "raise the limit that `ulimit -u` shows",
    errno.ENOMEM: "free some, or raise the limit that `ulimit -v` shows",
}
"""What helps where the system refuses a file, a process or memory."""


class UsageError(Exception):
    """A request that cannot be carried out; the message says why."""


class _Console(Console):
    """Every string that is printed, in a table, too, comes through `render_str`."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def console(
    file: TextIO | None = None, *, stderr: bool = False, width: int | None = None
) -> Console:
    """A console that prints text as it is: no markup, emoji codes or colours from names.

    Lines are wrapped at words on a terminal, and left as they are elsewhere.
    """
    stream = file or (sys.stderr if stderr else sys.stdout)
    a_file = stream is None or not stream.isatty()
    if a_file and "COLUMNS" not in os.environ:
        width = width or WIDE
    options: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    return _Console(file=file, stderr=stderr, width=width, soft_wrap=a_file, **options)


def print_line(text: str) -> None:
    """Lines of the verb's result, to standard output."""
    out.print(text)


def note(text: str) -> None:
    """Lines beside the result, to standard error."""
    err.print(text)


def note_end_of_search(error: BaseException) -> None:
    """That a search ended before its time, and how it goes on."""
    how = "interrupted" if isinstance(error, KeyboardInterrupt) else "the search ends here"
    note(f"\n{how}; the same command goes on from the recorded trials")


def warn(text: object) -> None:
    """What must not be missed, to standard error."""
    err.print(f"WARNING: {text}", style="bold yellow")


def fail(error: object) -> None:
    """Why a verb ends with an error, to standard error."""
    err.print(f"error: {error}", style="red")


def problem_of(error: OSError, place: Path | None = None) -> str:
    """The file that the error names, else `place`, what is wrong with it, and what helps."""
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else place
    problem = f"{where}: {error.strerror or error}" if where else str(error.strerror or error)
    remedy = REMEDIES.get(error.errno or 0)
    return f"{problem} ({remedy})" if remedy else problem


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show warnings about datasets as `warn` does, and all others as Python does."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if issubclass(category, DataWarning):
            warn(message)
        else:
            before(message, category, *where, **options)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def warn_of_bad_lines(store: RecordStore) -> None:
    """Warn of lines in the store that are not records."""
    for line in store.read()[1]:
        warn(line)


def table(rows: Iterable[Sequence[str]], headers: Sequence[str] = (), kinds: str = "Ll") -> Table:
    """A table without borders.

    kinds  a letter for each column, the last one for all that follow: l for left, r for right; a
           capital for cells that are not wrapped where the terminal is too narrow
    """
    rows = [[encodable(one_line(cell)) for cell in row] for row in rows]
    grid = Table(box=RULE, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    grid.show_header = bool(headers)
    for number, header in enumerate(headers or [""] * max(map(len, rows))):
        kind = kinds[min(number, len(kinds) - 1)]
        grid.add_column(
            encodable(one_line(header)),
            justify="right" if kind in "rR" else "left",
            overflow="fold",
            no_wrap=kind.isupper(),
            min_width=None if kind.isupper() else LEAST,
        )
    for row in rows:
        grid.add_row(*row)
    return grid


def columns_that_fit(rows: Sequence[Sequence[str]], width: int) -> int:
    """How many columns a table has room for whose first one is not wrapped and all others are; at
    least two."""
    name = max(len(one_line(row[0])) for row in rows)
    return 1 + max(1, (width - name) // (LEAST + GAP))


def encodable(text: str) -> str:
    """`text` with plain letters for what standard output cannot hold: `+-` for ±, else `?`."""
    encoding = getattr(out.file, "encoding", None) or "utf-8"
    return text.encode(encoding, "ratebench").decode(encoding)


def open_streams() -> None:
    """Let standard output and error write any text, whatever their encoding.

    Where one was closed it is /dev/null: else the next file that is opened would be in its place,
    and get what the processes that a verb starts print.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="ratebench")


@contextlib.contextmanager
def utf8_output() -> Iterator[TextIO]:
    """Standard output for data, in UTF-8 whatever the terminal's encoding: a `?` would be wrong."""
    stream = sys.stdout
    if hasattr(stream, "reconfigure"):
        before = stream.encoding
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        yield stream
        stream.flush()
    except OSError:
        _give_up(stream)
        raise
    finally:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=before, errors="ratebench")


@contextlib.contextmanager
def system_errors_are_one_line() -> Iterator[None]:
    """End with a line where a file cannot be read or written, no memory is left, or a library that
    is imported late cannot be; with exit code 1 where it is what is printed that cannot be."""
    try:
        yield
    except (OSError, MemoryError, ImportError) as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        code = SYSTEM_ERROR
        if isinstance(error, MemoryError):
            problem = f"no memory is left ({REMEDIES[errno.ENOMEM]})"
        elif isinstance(error, ImportError):
            problem = import_problem(error)
        elif f"{frame.f_globals['__name__']}.".startswith(PRINTERS):
            problem, code = f"the output cannot be written: {error.strerror}", 1
        else:
            problem = problem_of(error)
        with contextlib.suppress(OSError):
            print(f"error: {printable(problem)}", file=sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            _give_up(stream)
        raise SystemExit(code) from None


SYSTEM_ERROR = 2
"""As for all that is not the program's fault."""

PRINTERS = ("rich.", "typer.", "click.", "bench.commands.")
"""What writes to standard output and error; records and pages are written elsewhere."""


def _give_up(stream: TextIO) -> None:
    """Drop what a stream holds and cannot write, or Python would try again at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("ratebench", _plain)
out = console()
err = console(stderr=True)
