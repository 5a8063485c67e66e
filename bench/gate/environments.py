"""The interpreter for a tree: this one where its locked versions are ours, else one made for it."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from bench.gate.errors import LockError
from bench.records import digest
from datasets import cache

LOCK = "constraints.txt"


def lock_of(tree: Path) -> str:
    """A digest of the locked versions."""
    lock = tree / LOCK
    return digest(lock.read_text() if lock.is_file() else "")


def python_for(tree: Path, ours: str, told: Callable[[str], None]) -> Path:
    """`ours` is the lock that this interpreter's environment was made from.

    An environment of another lock is made once and kept in the cache folder. The project itself
    is not installed into it, so that its tree is the only one there is to import.
    """
    lock = lock_of(tree)
    if lock == ours:
        return Path(sys.executable)
    folder = cache.folder() / "gate" / lock
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        told(f"making an environment with other locked versions in {folder} (once; minutes)")
        venv.create(folder, clear=True, with_pip=True)
        quiet = ("-qq", "--disable-pip-version-check")
        answer = subprocess.run(
            [python, "-m", "pip", "install", *quiet, "--requirement", tree / LOCK],
            capture_output=True,
            text=True,
        )
        if answer.returncode:
            raise LockError(f"{LOCK} cannot be installed: {answer.stderr.strip()}")
        complete.touch()
    return python
