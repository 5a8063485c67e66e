"""`bench --version`."""

from __future__ import annotations

from importlib.metadata import version as version_of

from bench.machine import source_state


def version() -> str:
    """The version and, in a checkout, its commit."""
    commit, changed = source_state()
    number = f"ratebench {version_of('ratebench')}"
    return f"{number}, commit {commit[:7]}{' with changes' * bool(changed)}" if commit else number
