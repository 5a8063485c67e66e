"""Where the start of a worker's process goes: `python -m tests.speed.starts` prints the median of
twelve starts of a process that imports so much, interleaved, with their range.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import defaultdict

from tabulate import tabulate

TIMES = 12
STAGES = {
    "Python": "pass",
    "numpy": "import numpy",
    "a worker": "import bench.cell.worker",
    "a worker with numba_sgd": "import bench.cell.worker, impls.numba_sgd",
    "torch alone": "import torch",
    "a worker with embedding_mf": "import bench.cell.worker, impls.embedding_mf",
    "a worker with ncf": "import bench.cell.worker, impls.ncf",
}


def main() -> None:
    seconds = defaultdict(list)
    for n in range(-1, TIMES):  # the first start reads from the disk
        for stage, code in STAGES.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-P", "-c", code], check=True)
            if n >= 0:
                seconds[stage].append(time.perf_counter() - began)
    rows = [
        [stage, f"{statistics.median(s):.3f} ({min(s):.3f}–{max(s):.3f})"]
        for stage, s in seconds.items()
    ]
    print(tabulate(rows, ["a process that imports", "seconds"], "github"))


if __name__ == "__main__":
    main()
