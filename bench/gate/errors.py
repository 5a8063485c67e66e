"""Why nothing can be compared, each with a message for the user."""

from __future__ import annotations


class GateError(Exception):
    """What ends a gate as broken."""


class RevisionError(GateError):
    """No repository here, or no such revision in it."""


class LockError(GateError):
    """The locked versions of a tree cannot be installed, or are not what is installed."""


class SideError(GateError):
    """A side has died, or hangs, or its workloads cannot be collected."""


class ForeignError(GateError):
    """A side imported a module from outside its tree, so that none of its timings count."""


class BaselineError(GateError):
    """No baseline where one was named, or nothing that it could be compared with."""


class OutError(GateError):
    """The raw timings cannot be written to the file of `--out`."""


class ProofError(GateError):
    """A run of `--prove` is BROKEN, so that its verdicts say nothing about the gate."""
