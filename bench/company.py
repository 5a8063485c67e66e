"""Threads and processes beside the one that trains, which could work while the clock stands."""

from __future__ import annotations

import threading


class Company:
    """Those there now, as what a library started in the warm-up, may stay; newcomers may not.

    Python's threads alone are looked at: the pools of BLAS, OpenMP, torch and numba are native
    and work for a caller who waits.
    """

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._processes = _children()

    def newcomers(self) -> str | None:
        """Who has come since and is still there, in words; None where nobody is."""
        found = [f"thread {each.name}" for each in set(threading.enumerate()) - self._threads]
        new = _children()
        found += [f"process {pid} ({new[pid]})" for pid in new.keys() - self._processes.keys()]
        if not found:
            return None
        return f"runs beside training while the clock stands still: {', '.join(sorted(found))}"


def _children() -> dict[int, str]:
    """The name of each running process that descends from this one, by its id."""
    import psutil  # here, so that no row pays for it on the import clock

    children: dict[int, str] = {}
    for child in psutil.Process().children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE:
                children[child.pid] = child.name()
        except psutil.NoSuchProcess:
            continue
    return children
