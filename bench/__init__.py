"""The harness: plans cells, runs each in its own process, scores and reports them.

Importing it decides which packages `datasets` and `impls` are in this process: ratebench's own,
which stand beside it, however `sys.path` is ordered. Another distribution has a `datasets`, too.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

BESIDE = {
    name: Path(__file__).parent.with_name(name) / "__init__.py" for name in ("datasets", "impls")
}
"""Packages of ratebench whose names another distribution may have, and where they begin."""


class _Beside:
    """Finds them before `sys.path` is searched. Not by `importlib.abc`, whose import takes as long
    as all that is here, in each cell's process."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> ModuleSpec | None:
        if name not in BESIDE:
            return None
        return importlib.util.spec_from_file_location(name, BESIDE[name])


def _check(name: str, place: Path) -> None:
    """Raises ImportError where another package has the name, in this process or on the disk."""
    if b"ratebench" not in place.read_bytes():
        raise ImportError(
            f"{place} is no longer ratebench's: another distribution that has a package "
            f"`{name}` was installed over it. Install ratebench anew, in an environment of its own",
            name=name,
        )
    if name not in sys.modules:
        return
    loaded = getattr(sys.modules[name], "__file__", None)
    if loaded is None or not place.samefile(loaded):
        raise ImportError(
            f"this process imported another package `{name}` ({loaded or 'a folder'}) before "
            f"ratebench, which has one of that name: import `bench` first",
            name=name,
        )


for _name, _place in BESIDE.items():
    _check(_name, _place)
sys.meta_path.insert(0, _Beside())
