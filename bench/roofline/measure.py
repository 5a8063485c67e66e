"""A machine's bounds with N threads: `python -m bench.roofline.measure N` prints a Roof.

Each is the fastest of several readings, as in STREAM (McCalpin 1995): other work on the machine
can only slow a reading down, and a bound is what the machine can do at all.

It runs in a process of its own, so that thread pools have N threads from their start and the
harness needs no compiler.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from bench.records import Roof

TABLES = tuple(1 << power for power in range(18, 29, 2))
"""Bytes, 256 KiB to 256 MiB: from a second-level cache to far beyond the last one."""
ROW = 64
"""Entries of a row: 256 bytes, the rows of 62 factors, a bias and a one."""
LEAST_VISITS = 1 << 18
"""Of rows in a reading, so that a small table is timed for longer than a thread takes to wake."""
SIDE = 1536
"""Of the square matrices whose product gives the bound of arithmetic."""
REPEATS = 9


def measure(
    threads: int,
    tables: tuple[int, ...] = TABLES,
    side: int = SIDE,
    least_visits: int = LEAST_VISITS,
) -> Roof:
    """Bandwidth over tables of several sizes, and the rate of arithmetic."""
    return Roof(
        threads=threads,
        flops_per_s=_rounded(_flops_per_s(side)),
        bandwidth={size: _rounded(_bytes_per_s(size, threads, least_visits)) for size in tables},
    )


def _bytes_per_s(table_bytes: int, threads: int, least_visits: int) -> float:
    """Each thread reads and writes rows of its own share of a table, in random order."""
    share = table_bytes // (4 * ROW) // threads
    table = np.zeros((threads * share, ROW), np.float32)
    rng = np.random.default_rng(0)
    rows = np.stack([rng.permutation(share) + n * share for n in range(threads)]).astype(np.int32)
    passes = -(-least_visits // rows.size)
    seconds = _least_s(lambda: _visit(table, rows, passes))
    return 2 * table.nbytes * passes / seconds


def _flops_per_s(side: int) -> float:
    """Of NumPy's matrix product: no multiply-adds are faster."""
    A = np.ones((side, side), np.float32)
    return 2 * side**3 / _least_s(lambda: A @ A)


@njit(parallel=True, cache=True)
def _visit(table: NDArray[np.float32], rows: NDArray[np.int32], passes: int) -> None:
    for thread in prange(rows.shape[0]):
        for _ in range(passes):
            for row in rows[thread]:
                for column in range(ROW):
                    table[row, column] += np.float32(1)


def _least_s(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=1, repeat=REPEATS))


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


if __name__ == "__main__":
    print(measure(int(sys.argv[1])).model_dump_json())
