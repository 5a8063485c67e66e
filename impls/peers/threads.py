"""How many threads a library that asks for a number may take."""

from __future__ import annotations

import os


def pinned() -> int:
    """As many as the harness has pinned for all; every core where nobody has."""
    return int(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0] or os.cpu_count() or 1)
