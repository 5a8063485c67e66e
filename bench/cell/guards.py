"""Checks of a row: that its predictions are consistent, and that no work runs off the clock."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.score import check_predictions
from impls.protocol import Implementation

if TYPE_CHECKING:
    import psutil

SAMPLE = 256
"""Pairs predicted again, at most half of all, so that how often an id is among them differs."""

TOLERANCE = 1e-3
"""Root mean square difference, of the scale's width. Sums in another order, in float32 or TF32,
stay well below it; dropout that was left on, or a count of the pairs of a call, is far above."""


def inconsistency(
    model: Implementation,
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    predicted: NDArray[np.float32],
    scale: tuple[float, float],
) -> str | None:
    """Predict some of the pairs (n,) again, among other pairs, and describe how the results differ.

    None where they agree with `predicted` (n,), as clipped to the scale, or where that is not
    finite, which is reported as divergence.
    """
    n = len(users)
    if not n or not np.isfinite(predicted).all():
        return None
    rows = np.random.default_rng(0).choice(n, min(SAMPLE, (n + 1) // 2), replace=False)
    again = check_predictions(model.predict(users[rows], items[rows]), len(rows))
    difference = np.clip(again, *scale) - np.clip(predicted[rows], *scale)
    rms = float(np.sqrt(np.mean(difference.astype(np.float64) ** 2)))
    if rms <= TOLERANCE * (scale[1] - scale[0]):
        return None
    return (
        "predictions depend on the other pairs of a call, or on earlier calls: "
        f"{len(rows)} of {n} pairs, predicted again, differ by {rms:.2g} (root mean square)"
    )


NAMED = 5
"""Threads and processes that a fault names; of more it gives the number."""


class BackgroundWork:
    """Threads and processes that started after this object was made.

    Those that are there by then, such as a library's from the warm-up, may stay. Only Python's
    threads are listed: the pools of BLAS, OpenMP, torch and numba are native, and work only for
    a caller who waits.
    """

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._processes = _children()

    def started_since(self) -> str | None:
        """Their names, as a fault; None where there are none."""
        found = [f"thread {each.name}" for each in set(threading.enumerate()) - self._threads]
        new = _children()
        found += [f"process {pid} ({new[pid]})" for pid in new.keys() - self._processes.keys()]
        if not found:
            return None
        names = ", ".join(sorted(found)[:NAMED])
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        return f"runs beside training while the clock is stopped: {names}{more}"


class Hooks:
    """Ways in which a row's code would run inside the harness's: handlers of signals, timers,
    functions that trace or profile, callbacks of the garbage collector.

    Made before a row is imported, so that `reset` knows what was there. Only Python's are seen.
    """

    def __init__(self) -> None:
        self._start = self._expected = _hooks()

    def reset(self) -> None:
        """Take out what import and warm-up put in. Callbacks of the garbage collector stay, since
        it runs on the clock alone."""
        for timer in TIMERS.values():
            signal.setitimer(timer, 0)
        for name, handler in _handlers().items():
            before = self._start[f"handler of {name}"]
            if handler is not before and handler is not None and before is not None:
                signal.signal(signal.Signals[name], before)
        sys.settrace(self._start["trace function"])
        sys.setprofile(self._start["profile function"])
        threading.settrace(self._start["trace function of threads"])
        threading.setprofile(self._start["profile function of threads"])
        for tool in _monitoring_tools() - self._start["monitoring tools"]:
            sys.monitoring.free_tool_id(tool)  # type: ignore[attr-defined,unused-ignore]
        self._expected = _hooks()

    def changed(self) -> str | None:
        """What differs since `reset`, as a fault; None where nothing does."""
        now = _hooks()
        found = [name for name in now if now[name] != self._expected[name]]
        if not found:
            return None
        return f"changed what may run while the clock is stopped: {', '.join(found)}"


TIMERS = {
    "real-time timer": signal.ITIMER_REAL,
    "timer of user time": signal.ITIMER_VIRTUAL,
    "timer of CPU time": signal.ITIMER_PROF,
}


def _hooks() -> dict[str, Any]:
    return {
        **{f"handler of {name}": handler for name, handler in _handlers().items()},
        **{name: signal.getitimer(timer) != (0, 0) for name, timer in TIMERS.items()},
        "trace function": sys.gettrace(),
        "profile function": sys.getprofile(),
        "trace function of threads": threading.gettrace(),
        "profile function of threads": threading.getprofile(),
        "monitoring tools": _monitoring_tools(),
        "callbacks of the garbage collector": list(gc.callbacks),
    }


def _handlers() -> dict[str, Any]:
    """By the signals' names; None where the handler is not Python's to know."""
    return {each.name: signal.getsignal(each) for each in signal.Signals}


def _monitoring_tools() -> set[int]:
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    return {each for each in range(6) if monitoring and monitoring.get_tool(each)}


def descendants() -> list[psutil.Process]:
    """The processes that descend from this one, such as the JVM that a library started."""
    import psutil  # here, so that no row pays for it on the import clock

    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


def _children() -> dict[int, str]:
    """The name of each running process that descends from this one, by its id."""
    import psutil

    children: dict[int, str] = {}
    for child in descendants():
        try:
            if child.status() != psutil.STATUS_ZOMBIE:
                children[child.pid] = child.name()
        except psutil.NoSuchProcess:
            continue
    return children
