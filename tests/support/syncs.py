"""How often an epoch waits for its device: a CUDA device, or a simulated one on a CPU."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from datasets.ratings import Ratings
from impls.protocol import Implementation, Training
from tests.support import pretended_device as pretended

CALL = "synchronising call"
"""The name under which all calls are counted that torch warns of on a CUDA device."""


def of_an_epoch(model: Implementation, train: Ratings) -> Counter[str]:
    """How often the second of two epochs of `model`, which has at least two, made the host wait.

    By the name of the operator where the device is simulated.
    """
    counts: Counter[str] = Counter()
    counted = pretended.counted if model.device == pretended.DEVICE else _on_cuda
    training = _TwoEpochs(counts)
    with counted(counts):
        model.fit(train, training)
    return training.of_second


class _TwoEpochs(Training):
    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def epochs(self, n: int) -> Iterator[int]:
        yield 0  # creates what is created once, such as the state of an optimiser
        self._counts.clear()
        yield 1
        self.of_second = +self._counts


@contextmanager
def _on_cuda(counts: Counter[str]) -> Iterator[None]:
    def count(message: object, *_: object, **__: object) -> None:
        counts[CALL] += "synchronizing CUDA operation" in str(message)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = count
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
