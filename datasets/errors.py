"""The one exception for bad input, and the one warning."""

from __future__ import annotations

from datasets.printable import one_line

LONGEST = 80
"""Characters of a value that a message shows."""
MOST = 500
"""Characters of the problem, and of the remedy; what is longer quotes the file or a library."""


class DataError(Exception):
    """Input that cannot be used. The message has the place, the problem and a remedy.

    It is one line of printable characters and not long, whatever the input holds.
    """

    def __init__(self, problem: str, remedy: str, *, where: object = "", line: int | None = None):
        place = f"{where}:{line}: " if line is not None else f"{where}: " if where else ""
        super().__init__(one_line(f"{place}{_short(problem)}. {_short(remedy)}."))


class DataWarning(UserWarning):
    """What went wrong with a dataset and costs no more than time."""


class NotAvailable(DataError):  # noqa: N818 - it names a state that callers handle
    """A dataset that is not on this machine and cannot be downloaded now."""


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= MOST else f"{sentence[:MOST]} …"


def shown(text: str) -> str:
    """The text in quotes, its middle left out where it is long."""
    half = LONGEST // 2
    return repr(text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}")
