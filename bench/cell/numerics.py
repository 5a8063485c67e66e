"""The arithmetic of torch: the same for every row, and float32 in full."""

from __future__ import annotations

import sys

Settings = dict[str, str | bool]

WANTED: Settings = {
    "cuda_matmul": "ieee",
    "cuda_conv": "ieee",
    "cpu_matmul": "ieee",
    "cudnn_benchmark": False,
    "deterministic": False,
}
"""What `settle` sets; docs/measurement.md explains each."""


def settle() -> None:
    """Put every setting as wanted, where torch is loaded; it touches no device."""
    if (torch := sys.modules.get("torch")) is None:
        return
    torch.set_float32_matmul_precision("highest")  # of cuBLAS, and of oneDNN on a CPU
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.fp32_precision = "ieee"  # or a general setting would stand in
    torch.backends.cudnn.benchmark = False
    torch.set_deterministic_debug_mode("default")  # its namesake imports a compiler, for a second


def in_force() -> Settings | None:
    """The settings as they are; None where torch is not loaded."""
    if (torch := sys.modules.get("torch")) is None:
        return None
    return {
        "cuda_matmul": torch.backends.cuda.matmul.fp32_precision,
        "cuda_conv": torch.backends.cudnn.conv.fp32_precision,
        "cpu_matmul": torch.backends.mkldnn.matmul.fp32_precision,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def departures(found: Settings | None) -> list[str]:
    """A flag for a row that was timed with other settings than all the others."""
    own = [f"{name} {value}" for name, value in (found or {}).items() if value != WANTED[name]]
    return [f"arithmetic of its own: {', '.join(own)}"] if own else []
