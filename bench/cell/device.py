"""The device that a cell trains on: to open it, wait for it, and read its memory."""

from __future__ import annotations

import sys

from bench.planning.availability import index_of
from bench.planning.loading import message_of

DEVICE_FULL = ("out of memory", "ALLOC_FAILED")
"""In the message of a CUDA library that gets no memory: the driver, or cuBLAS for its workspace."""


class Device:
    """The CPU, which needs nothing: its work is done when a call returns."""

    def open(self) -> None:
        """Make it the current device, which creates its context."""

    def synchronise(self) -> None:
        """Wait until all work that is queued on it is done."""

    def reset_peak(self) -> None:
        """Count the peak of its memory from now on."""

    def peak_bytes(self) -> int | None:
        """The most that torch's allocator had handed out at once; None for the CPU."""
        return None

    def describe(self) -> str:
        """Its name and how full it is."""
        return "cpu"


class CudaDevice(Device):
    """Number `index` of those that this process may see; left alone until it is opened."""

    def __init__(self, index: int) -> None:
        import torch

        self.index = index
        self._cuda = torch.cuda

    def open(self) -> None:
        self._cuda.set_device(self.index)

    def synchronise(self) -> None:
        self._cuda.synchronize(self.index)

    def reset_peak(self) -> None:
        self._cuda.reset_peak_memory_stats(self.index)

    def peak_bytes(self) -> int | None:
        return int(self._cuda.max_memory_allocated(self.index))

    def describe(self) -> str:
        name = f"cuda:{self.index}"
        try:
            free, total = self._cuda.mem_get_info(self.index)
            held = self._cuda.memory_allocated(self.index)
            name = f"{name} ({self._cuda.get_device_name(self.index)})"
        except RuntimeError:  # a device without room for a context
            return name
        return f"{name}: {_gb(held)} held by this row, {_gb(free)} of {_gb(total)} free"


def device_of(name: str) -> Device:
    """`cpu`, `cuda` or `cuda:1`."""
    return CudaDevice(index_of(name)) if name.startswith("cuda") else Device()


def is_full(error: BaseException) -> bool:
    """Whether the `error` is that a device had no memory left."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        word in message_of(error) for word in DEVICE_FULL
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
