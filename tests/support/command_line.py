"""The command in a process of its own, and a file of ratings for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support import SUPPORT

MISBEHAVING = SUPPORT / "misbehaving.py"
MEAN = f"{MISBEHAVING}:Mean"
# A shell ignores SIGINT for what it starts in the background, and children inherit that.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
BENCH = [sys.executable, "-c", f"{START}; from bench.cli import main; main()"]
Bench = Callable[..., subprocess.CompletedProcess[str]]


def write(
    path: Path, sep: str = ",", header: str = "user,item,rating\n", scale: tuple = (1, 5)
) -> Path:
    rng = np.random.default_rng(0)
    pairs = rng.permutation(40 * 30)[:600]
    low, high = scale
    values = rng.integers(2 * low, 2 * high + 1, 600) / 2
    rows = (f"u{p // 30}{sep}i{p % 30}{sep}{v:g}\n" for p, v in zip(pairs, values, strict=True))
    path.write_text(header + "".join(rows), encoding="utf-8")
    return path
