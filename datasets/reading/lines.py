"""The lines of a text file and their fields: which characters end a line, and what a quote means.

A line ends at LF, CR or CR LF. A field is quoted where a quote opens it and the closing one is
followed by a delimiter or the end of the line; any other quote is a character. Only where the
lines of a file do not come out even that way may a quoted field hold line breaks.
"""

from __future__ import annotations

import io
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import IO

import numpy as np

from datasets.errors import DataError
from datasets.reading.sources import Source

BLOCK_BYTES = 1 << 20
"""How much is read at once."""
LONGEST_LINE = 1 << 20
"""In bytes."""

BLANKS = " \t\v\f\r\n"
"""Lines of these alone are left out."""

UNIT_SEPARATOR = "\x1f"
"""The delimiter of lines that were split here and are parsed afterwards."""

MOST_LINES = 1000
"""Of one quoted field; a quote that is not closed by then is a character."""

Record = tuple[int, list[str]]
"""The number of the line, from 1, on which a record begins, and its fields."""


class Blocks(io.RawIOBase):
    """A source as pyarrow reads it: a block of whole lines at a time, each as `prepare` returns
    it, without a byte order mark and the first `skip` lines.

    error  what ended it early. It is raised by who reads, after pyarrow: an exception in one of
           pyarrow's threads would leave tasks behind for which the process waits at its end.
    """

    def __init__(
        self, source: Source, stream: IO[bytes], skip: int, prepare: Callable[[bytes], bytes]
    ) -> None:
        self._blocks = _blocks(source, stream, skip, prepare)
        self._left = memoryview(b"")
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            try:
                block = next(self._blocks, None)
            except Exception as error:
                self.error = error
                return 0
            if block is None:
                return 0
            self._left = memoryview(block)
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


def _blocks(
    source: Source, stream: IO[bytes], skip: int, prepare: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    rest, first = b"", True
    while data := stream.read(BLOCK_BYTES):
        data = rest + data
        if b"\0" in data:
            raise _not_text(source)
        # A CR at the end may be half of a line end.
        end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
        if not end and len(data) > LONGEST_LINE:
            raise DataError(
                f"a line is longer than {LONGEST_LINE >> 20} MB",
                "Check that it is a file of one rating a line",
                where=source,
            )
        block, rest = data[:end], data[end:]
        if first and block:
            block, first = _behind(block.removeprefix(BOM), skip), False
        if block:
            yield prepare(block)
    if rest:
        yield prepare(_behind(rest.removeprefix(BOM), skip) if first else rest)


def _not_text(source: Source) -> DataError:
    with source.open() as stream:
        line = 1
        while b"\0" not in (data := stream.read(BLOCK_BYTES)):
            line += data.count(b"\n")
        line += data[: data.index(b"\0")].count(b"\n")
    problem = "holds a NUL character: it is binary, damaged or UTF-16"
    return DataError(problem, "Save it as CSV text in UTF-8", where=source, line=line)


BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


def _behind(block: bytes, lines: int) -> bytes:
    """The block without its first lines."""
    start = 0
    for _ in range(lines):
        found = _LINE_END.search(block, start)
        start = found.end() if found else len(block)
    return block[start:]


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Every line that is not blank, with its number from 1; what is not UTF-8 is replaced."""
    number = 0
    with source.open() as stream:
        for block in _blocks(source, stream, 0, bytes):
            text = block.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
            for line in text.removesuffix("\n").split("\n"):
                number += 1
                if line.strip(BLANKS):
                    yield number, line


def split(line: str, delimiter: str) -> list[str]:
    """The fields of one line, unquoted."""
    if delimiter == "::" or '"' not in line:
        return line.split() if delimiter == " " else line.split(delimiter)
    pattern, fields, at = _field(delimiter), [], 0
    line = line.strip() if delimiter == " " else line
    while True:
        found = pattern.match(line, at)
        assert found is not None
        quoted, plain, end = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        if not end:
            return fields
        at = found.end()


def records(source: Source, delimiter: str, *, across_lines: bool) -> Iterator[Record]:
    """The fields of every line that is not blank.

    across_lines  a quoted field may hold line breaks, which are part of it
    """
    if not across_lines:
        for number, line in lines(source):
            yield number, split(line, delimiter)
        return
    ahead: deque[tuple[int, str]] = deque()
    found = lines(source)
    while ahead or (ahead := deque(itertools.islice(found, 1))):
        number, text = ahead.popleft()
        fields = split(text, delimiter)
        if has_lone_quote(fields):
            ahead.extend(itertools.islice(found, MOST_LINES - len(ahead)))
            closed = _closed(text, [line for _, line in ahead], delimiter)
            fields = closed[0] if closed else fields
            for _ in range(closed[1] if closed else 0):
                ahead.popleft()
        yield number, fields


def _closed(line: str, following: list[str], delimiter: str) -> tuple[list[str], int] | None:
    """The fields of a line whose quotes are closed on one of the following lines, and how many of
    them that takes; None where they are not."""
    opens = _lone_quote(split(line, delimiter))
    for n, each in enumerate(following, start=1):
        if '"' not in each:
            continue
        fields = split("\n".join([line, *following[:n]]), delimiter)
        still = _lone_quote(fields)
        if still is None:
            return fields, n
        if still == opens and '"' in each.replace('""', ""):
            return None  # a quote within the field, which would have closed it
        opens = still
    return None


def has_lone_quote(fields: list[str]) -> bool:
    """Whether a field begins with a quote that opens no quoted field, or one that is not closed."""
    return _lone_quote(fields) is not None


def _lone_quote(fields: list[str]) -> int | None:
    """The first such field."""
    return next((n for n, field in enumerate(fields) if field.lstrip().startswith('"')), None)


@lru_cache
def _field(delimiter: str) -> re.Pattern[str]:
    """A field and what ends it: (what stands in quotes, else None; else the text; delimiter)."""
    between = r"[ \t]+" if delimiter == " " else re.escape(delimiter)
    own = "[ \t]" if delimiter == " " else re.escape(delimiter)
    blank = "" if delimiter == " " else "[ \t]*" if delimiter != "\t" else " *"
    quoted = rf'{blank}"((?:[^"]|"")*+)"{blank}(?={between}|\Z)'
    plain = rf"((?:(?!{own}).)*+)"
    return re.compile(rf"(?:{quoted}|{plain})({between}|\Z)", re.DOTALL)


def is_regular(block: bytes, delimiter: str) -> bool:
    """Whether in each of these lines every quote opens or closes a field, is doubled in one, or
    stands within a field that no quote opens: what every parser reads alike."""
    return _has_plain_quotes(block, delimiter) or _regular(delimiter).match(block) is not None


def _has_plain_quotes(block: bytes, delimiter: str) -> bool:
    """`is_regular` for lines where quotes do nothing but open and close fields: twenty times as
    fast."""
    buffer = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    at = np.flatnonzero(buffer == ord('"'))
    opening, closing = at[::2], at[1::2]
    if len(opening) != len(closing):
        return False
    line_ends = np.flatnonzero((buffer == ord("\n")) | (buffer == ord("\r")))
    outer = np.concatenate([buffer[opening - 1], buffer[closing + 1]])
    on_one_line = np.searchsorted(line_ends, opening) == np.searchsorted(line_ends, closing)
    ends_field = (outer == ord(delimiter)) | (outer == ord("\n")) | (outer == ord("\r"))
    return bool(ends_field.all() and on_one_line.all())


@lru_cache
def _regular(delimiter: str) -> re.Pattern[bytes]:
    own = re.escape(delimiter).encode()
    blank = b"[ \\t]*" if delimiter != "\t" else b" *"
    quoted = rb'"(?:[^"\r\n]|"")*+"'
    plain = rb"(?!" + blank + rb'")[^' + own + rb"\r\n]*+"
    end = rb"(?:" + own + rb"|\r\n|[\r\n]|\Z)"
    return re.compile(rb"(?:(?:" + quoted + rb"|" + plain + rb")" + end + rb")*+\Z")
