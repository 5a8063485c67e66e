"""The one exception for bad input."""

from __future__ import annotations


class DataError(Exception):
    """Input that cannot be used. The message has the place, the problem and a remedy."""

    def __init__(self, problem: str, remedy: str, *, where: object = "", line: int | None = None):
        place = f"{where}:{line}: " if line is not None else f"{where}: " if where else ""
        super().__init__(f"{place}{problem}. {remedy}.")


class NotAvailable(DataError):  # noqa: N818 - it names a state that callers handle
    """A dataset that is not on this machine and cannot be downloaded now."""
