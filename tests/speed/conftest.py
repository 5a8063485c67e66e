"""The clock of the workloads: pytest-benchmark's, on one thread, the first call left out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import threadpoolctl

Answer = np.ndarray | tuple[np.ndarray, ...]
Clocked = Callable[..., Answer]


@pytest.fixture
def clocked(benchmark: Callable[..., Any]) -> Clocked:
    """`clocked(work, *arguments, device="cpu")` times `work`, which returns arrays: its answer.

    The gate compares the answers of both sides. On CUDA the device is synchronised before the
    clock stops, so that queued work is charged to the call that queued it.
    """

    def clocked(work: Callable[..., Answer], *arguments: Any, device: str = "cpu") -> Answer:
        synchronise = _synchroniser(device)

        def call() -> Answer:
            answer = work(*arguments)
            synchronise()
            return answer

        with _one_thread():
            call()  # compiles and fills caches
            return benchmark(call)

    return clocked


@contextmanager
def _one_thread() -> Iterator[None]:
    """For every pool that is loaded by now; numba's is one that threadpoolctl does not know."""
    numba = sys.modules.get("numba")
    before = numba.get_num_threads() if numba else 1
    with threadpoolctl.threadpool_limits(1):
        if numba:
            numba.set_num_threads(1)
        try:
            yield
        finally:
            if numba:
                numba.set_num_threads(before)


def _synchroniser(device: str) -> Callable[[], None]:
    if device == "cpu":
        return lambda: None
    import torch

    return torch.cuda.synchronize
