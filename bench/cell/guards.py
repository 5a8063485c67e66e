"""Two checks of a row: that its predictions are consistent, and that no work runs off the clock."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from bench.score import check_predictions
from impls.protocol import Implementation

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
        return f"runs beside training while the clock is stopped: {', '.join(sorted(found))}"


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
