"""The device that a cell trains on, as its worker sees to it."""

from __future__ import annotations

import sys

from bench.planning.availability import index_of

DEVICE_FULL = ("out of memory", "ALLOC_FAILED")
"""What a CUDA library says that cannot get memory: the driver, and cuBLAS for its workspace."""


class Device:
    """The CPU, which needs nothing: what a call has asked of it is done when the call returns."""

    def open(self) -> None:
        """Make it the current device, for what names none, and with that its context."""

    def synchronise(self) -> None:
        """Wait until all work that is queued on it is done."""

    def reset_peak(self) -> None:
        """Count the peak of its memory from now on."""

    def peak_bytes(self) -> int | None:
        """The most that torch's allocator had handed out at once; None for the CPU."""
        return None

    def told(self) -> str:
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

    def told(self) -> str:
        name = f"cuda:{self.index}"
        try:
            free, total = self._cuda.mem_get_info(self.index)
            held = self._cuda.memory_allocated(self.index)
            name = f"{name} ({self._cuda.get_device_name(self.index)})"
        except RuntimeError:  # a device without room for a context answers nothing
            return name
        return f"{name}: {_gb(held)} held by this row, {_gb(free)} of {_gb(total)} free"


def device_of(name: str) -> Device:
    """`cpu`, `cuda` or `cuda:1`."""
    return CudaDevice(index_of(name)) if name.startswith("cuda") else Device()


def is_full(error: Exception) -> bool:
    """Whether `error` says that a device had no memory left."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in DEVICE_FULL)


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
