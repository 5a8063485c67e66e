"""Text from outside, such as file names and messages, as it may be printed."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline: escape sequences begin with one
    "\u2028\u2029"  # ends of lines and paragraphs
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they reorder what stands around them
    "\ud800-\udfff]"  # bytes of a file name that are not UTF-8
)


def printable(text: str) -> str:
    """`text` with an escape such as `\\x1b` for each character that would act on a terminal or
    that no file in UTF-8 can hold. Newlines and tabs stay.

    >>> printable("red \\x1b[31m")
    'red \\\\x1b[31m'
    """
    return _UNPRINTABLE.sub(lambda found: _escape(found[0]), text)


def one_line(text: str) -> str:
    """As `printable`, with escapes for newlines and tabs, too: for a name in a line or a table."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # the byte itself, as Python decodes file names
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
