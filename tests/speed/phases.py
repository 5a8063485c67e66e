"""Where a kernel's seconds go: the profiles of docs/roofline.md.

`python -m tests.speed.phases` measures, on the training part of ml-1m and two threads, the phases
of a sweep of `bayesian_mf` and of `als` each alone, in turns; and the steps of `numba_sgd` on one
thread, on rows from tables of several sizes. It takes a minute, and wants a machine that does
nothing else.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping

import numba
import numpy as np
import torch
from numba import njit, prange
from tabulate import tabulate

from bench.roofline.measure import measure
from bench.stats import Interval, median_interval
from datasets import catalog, splits
from datasets.ratings import Ratings
from impls.als import ALS
from impls.bayesian.bayesian_mf import BayesianMF
from impls.kernels.regressions.cholesky import EXTRA_COLUMNS, cholesky_solve
from impls.kernels.regressions.compiled import CompiledRegressions
from impls.kernels.regressions.gaussian_rows import draw_prior
from impls.kernels.regressions.gram import gram, parts
from impls.kernels.regressions.regressions import start
from impls.kernels.regressions.vector_tiles import WIDTH
from impls.kernels.sgd.blocked import RATING
from impls.kernels.sgd.vector_rows import ENTRY_BYTES, aligned_rows, diagonal_steps, lanes_for
from impls.numba_sgd import NumbaSGD

THREADS = 2
ROUNDS = 41
FACTORS = NumbaSGD.factors
STEPS = 1 << 20
"""Of `numba_sgd` in a reading."""
LEAST_SIDE = 16
"""Of the matrices for the rate of arithmetic, which is not wanted here."""
TABLES = tuple(1 << power for power in (14, 16, 18, 20, 22, 24, 26))
"""Bytes: from the nearest cache to memory."""


def main() -> None:
    torch.set_num_threads(THREADS)
    numba.set_num_threads(THREADS)
    train = splits.cut(catalog.load("ml-1m"), "random:80/10/10").train
    for name, d in (("bayesian_mf", 1 + BayesianMF.factors), ("als", 1 + ALS.factors)):
        seconds = interleaved(regression_phases(train, d, noisy=name == "bayesian_mf"))
        whole = seconds["the sweep"].value
        rows = [
            [phase, shown(s, 1e3), f"{100 * s.value / whole:.0f} %"] for phase, s in seconds.items()
        ]
        print(tabulate(rows, [f"{name}, ml-1m", "ms", "of the sweep"], "github"), end="\n\n")
    numba.set_num_threads(1)
    table = ["numba_sgd: rows in", "ns a step", "ns to read and write two rows"]
    print(tabulate(map(step_rows, TABLES), table, "github", disable_numparse=True))


def interleaved(phases: Mapping[str, Callable[[], object]]) -> dict[str, Interval]:
    """Seconds of each in the median, 95 %, after a first call that compiles."""
    seconds = defaultdict(list)
    for n in range(-1, ROUNDS):
        for phase, work in phases.items():
            began = time.perf_counter()
            work()
            if n >= 0:
                seconds[phase].append(time.perf_counter() - began)
    return {phase: median_interval(found) for phase, found in seconds.items()}


def shown(seconds: Interval, per_second: float) -> str:
    low, middle, high = (
        f"{per_second * s:.3g}" for s in (seconds.low, seconds.value, seconds.high)
    )
    return f"{middle} ({low}–{high})"


def regression_phases(train: Ratings, d: int, *, noisy: bool) -> dict[str, Callable[[], object]]:
    """A sweep over both sides in rows (n, d), and each phase of it alone."""
    rng = torch.Generator().manual_seed(0)
    shape = train.n_users, train.n_items
    z = (train.values - train.values.mean()) / train.values.std()
    W, X = (start(n, d - 1, 0.1, rng) for n in shape)
    of_users = CompiledRegressions.of(train.users, train.items, z, shape)
    of_items = CompiledRegressions.of(train.items, train.users, z, shape[::-1])
    sides = ((of_users, W, X), (of_items, X, W))
    one = torch.eye(d)

    def sweep() -> None:
        for ratings, own, others in sides:
            mean, precision = draw_prior(own, rng) if noisy else (torch.zeros(d), one)
            noise = torch.randn(own.shape, generator=rng) if noisy else torch.zeros_like(own)
            towards = precision @ mean
            rows, _ = ratings.solve(
                *(others,), alpha=1.0, precision=precision, towards=towards, ridge=0.05, noise=noise
            )
            own.copy_(rows)

    def sums() -> None:
        for ratings, _, others in sides:
            _sums(ratings.starts, ratings.columns, ratings.values, *parts(others.numpy()), d)

    def systems() -> None:
        for n in shape:
            _systems(-(-n // WIDTH), d)

    found: dict[str, Callable[[], object]] = {
        "the sweep": sweep,
        "sums of the ratings": sums,
        "Cholesky factors and solutions": systems,
    }
    if noisy:
        found["random numbers"] = lambda: [
            torch.randn(rows.shape, generator=rng) for rows in (W, X)
        ]
        found["priors"] = lambda: [draw_prior(rows, rng) for rows in (W, X)]
    return found


@njit(parallel=True)
def _sums(starts, columns, values, b, q, d) -> None:  # type: ignore[no-untyped-def]
    """The Gram matrix of each row, of which nothing is kept."""
    n_groups = -(-(len(starts) - 1) // WIDTH)
    for group in prange(n_groups):
        G = np.zeros((d + 1, d + 1, WIDTH), np.float32)
        for lane, r in enumerate(range(group, len(starts) - 1, n_groups)):
            ratings = slice(starts[r], starts[r + 1])
            gram(columns[ratings], values[ratings], b, q, G[:, :, lane])


@njit(parallel=True)
def _systems(n_groups, d) -> None:  # type: ignore[no-untyped-def]
    """As many systems, each of the unit matrix."""
    for _ in prange(n_groups):
        At = np.zeros((d, d + EXTRA_COLUMNS, WIDTH), np.float32)
        for i in range(d):
            At[i, i] = np.float32(1)
        cholesky_solve(At, np.zeros((d, WIDTH), np.float32))


def step_rows(table_bytes: int) -> list[str]:
    """The size of a table; ns of a step on rows from all over its two halves, and of reading and
    writing two rows by the bandwidth over it."""
    lanes = lanes_for(FACTORS)
    n_rows = table_bytes // (ENTRY_BYTES * lanes) // 2
    rng = np.random.default_rng(0)
    ratings = np.empty(STEPS, RATING)
    ratings["user"], ratings["item"] = rng.integers(n_rows, size=(2, STEPS))
    ratings["standard_score"] = rng.standard_normal(STEPS)
    U, V = aligned_rows(n_rows, lanes), aligned_rows(n_rows, lanes)
    U[:, FACTORS + 1] = V[:, FACTORS] = 1
    take_steps, starts = diagonal_steps(FACTORS), np.array([0, STEPS])

    def steps() -> None:
        take_steps(starts, ratings, U, V, 1, 0, np.float32(0.01), np.float32(0.999))

    [seconds] = interleaved({"steps": steps}).values()
    [bytes_per_s] = measure(1, (table_bytes,), side=LEAST_SIDE).bandwidth.values()
    moved_s = 4 * ENTRY_BYTES * lanes / bytes_per_s
    size = f"{table_bytes / 2**20:g} MiB"
    return [size, shown(seconds, 1e9 / STEPS), f"{1e9 * moved_s:.1f}"]


if __name__ == "__main__":
    main()
