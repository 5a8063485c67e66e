"""Why nothing can be compared, each in words for the user."""

from __future__ import annotations


class GateError(Exception):
    """What ends a gate as broken."""


class RevisionError(GateError):
    """No repository here, or no such revision in it."""


class LockError(GateError):
    """The locked versions of a tree cannot be installed, or are not what is installed."""


class SideError(GateError):
    """A side has died, or hangs, or cannot say what it has."""


class ForeignError(GateError):
    """A side imported what is not of its tree, so that nothing it says counts."""


class BaselineError(GateError):
    """No baseline where one was named, or nothing that it could be compared with."""


class OutError(GateError):
    """The raw timings cannot be kept where they were asked for."""
