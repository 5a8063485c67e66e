"""The number of threads for libraries that take one as an argument."""

from __future__ import annotations

import os


def pinned() -> int:
    """The number that the harness has pinned; every core where none is pinned."""
    return int(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0] or os.cpu_count() or 1)
