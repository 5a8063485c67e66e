"""The interpreter for a tree: this one where the locked versions are equal, else one of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from bench.gate.errors import LockError
from bench.records import digest
from datasets import cache

LOCK = "constraints.txt"
PROJECT = "pyproject.toml"
SEEDED = "setuptools"
"""Python 3.11 puts one of its own into a new environment, and `make env` leaves it there."""


def lock_of(tree: Path) -> str:
    """A digest of the locked versions."""
    lock = tree / LOCK
    return digest(lock.read_text(encoding="utf-8") if lock.is_file() else "")


def python_for(tree: Path, lock_here: str, progress: Callable[[str], None]) -> Path:
    """`lock_here` is the lock that this interpreter's environment should have been made from.

    An environment of another lock is made once for each Python and stored in the cache folder. The
    project itself is not installed into it, so that its tree is the only one there is to import.
    Raises LockError where that fails, and where this environment was made from another lock.
    """
    lock = lock_of(tree)
    if lock == lock_here:
        _check_installed(tree)
        return Path(sys.executable)
    if not (tree / LOCK).is_file():
        raise LockError(
            f"{tree.name} has no {LOCK}, so the versions to time it with are unknown: "
            "name a revision that has one"
        )
    needed = _needed(tree)
    # The build of Python is part of the key: sys.version distinguishes two of one version.
    name = f"{platform.python_version()}-{digest(sys.version, lock, needed)}"
    folder = cache.folder() / "gate" / name
    python, complete = folder / "bin" / "python", folder / "complete"
    if not (complete.exists() and _runs(python)):
        progress(f"making an environment with other locked versions in {folder} (once; minutes)")
        try:
            venv.create(folder, clear=True, symlinks=True, with_pip=True)
            install = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
            subprocess.run(
                [*install, "--constraint", tree / LOCK, *needed],
                check=True,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
            complete.touch()
        except (OSError, subprocess.CalledProcessError) as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip()  # pip's message
            raise LockError(
                f"cannot install the lock of {tree.name} in {folder}: {reason}\n"
                "Correct that and try again, or name a revision whose lock can be installed with "
                f"Python {platform.python_version()}"
            ) from None
    return python


def _check_installed(tree: Path) -> None:
    """Raises LockError where this environment has other versions than the tree locks."""
    installed = {canonicalize_name(each.name): each.version for each in distributions()}
    wrong = [
        f"{name} {installed[name]} (locked: {specifier})"
        for name, specifier in _locked(tree)
        if name in installed and not specifier.contains(installed[name], prereleases=True)
    ]
    if wrong:
        raise LockError(
            f"this environment was made from another {LOCK} than that of {tree.name}: "
            f"{', '.join(wrong)}. Run `make env` first"
        )


def _locked(tree: Path) -> Iterator[tuple[NormalizedName, SpecifierSet]]:
    """What the tree locks for this system; pip's own options are no part of it."""
    lock = tree / LOCK
    for line in lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else ():
        text = line.partition("#")[0].strip()
        if not text or text.startswith("-"):
            continue
        try:
            locked = Requirement(text)
        except InvalidRequirement as error:
            raise LockError(f"{LOCK} of {tree.name} cannot be read: {error}") from None
        here = locked.marker is None or locked.marker.evaluate()
        if here and (name := canonicalize_name(locked.name)) != SEEDED:
            yield name, locked.specifier


def _needed(tree: Path) -> list[str]:
    """What `make env` installs: the dependencies and the extra `dev`, without other extras."""
    try:
        project = tomllib.loads((tree / PROJECT).read_text(encoding="utf-8"))["project"]
        return [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise LockError(
            f"the {PROJECT} of {tree.name} does not name dependencies and an extra `dev` "
            f"({error!r}), so what to install for it is unknown: name another revision"
        ) from None


def _runs(python: Path) -> bool:
    """Whether there is still an interpreter behind it."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False
