"""Set before anything imports Triton: without a CUDA device, its kernels are interpreted."""

import os

from bench.planning.availability import device_problem

if device_problem("cuda"):
    os.environ.setdefault("TRITON_INTERPRET", "1")
