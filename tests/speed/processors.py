"""What the vector kernels use on other processors: `python -m tests.speed.processors` compiles them
for each, and prints which registers hold the vectors that they multiply, and whether they agree
with their NumPy references there.

Numba compiles for any x86-64 processor that is named to it, and a newer one runs what is for an
older one. Code for 64-bit Arm is compiled across, from Numba's LLVM code, and is not run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from numba import njit
from tabulate import tabulate

from impls.kernels.regressions.cholesky import EXTRA_COLUMNS, cholesky_solve
from impls.kernels.regressions.vector_tiles import ENTRY_BYTES, WIDTH, add_tile
from impls.kernels.sgd import vector_rows
from impls.kernels.sgd.blocked import RATING

ARM = "64-bit Arm"
PROCESSORS = {
    "x86-64 with SSE 4.2": ("nehalem", "+sse4.2,-avx,-avx2,-avx512f"),
    "x86-64 with AVX2": ("haswell", "+avx2,+fma,-avx512f"),
    "x86-64 with AVX-512": ("skylake-avx512", "+avx512f,+avx512vl,+avx512bw,+avx512dq,+fma"),
    ARM: ("generic", ""),
}
"""Name -> LLVM's name of the processor that Numba compiles for, and its features."""

VECTORS = "not triton and not basis and not weights and not scores"
"""Which of the tests below are of kernels in LLVM's vector types."""
REFERENCES = Path(__file__).parents[1] / "impls/kernels/test_references.py"

COUNTS = re.compile(r"^define [^\n]*@NRT_decref\(.*?^}$", re.MULTILINE | re.DOTALL)
"""Numba's count of references, which is x86-64's own code and multiplies nothing."""

PRODUCT = re.compile(r"^\s*(?:v?mulps|vfn?m(?:add|sub)\w+ps)\s.*%([xyz]mm)\d", re.MULTILINE)
PRODUCT_ON_ARM = re.compile(r"^\s*(?:fmla|fmls|fmul)\s+(v)\d+\.4s", re.MULTILINE)


def products(processor: str) -> dict[str, dict[str, int]]:
    """Kernel -> kind of register -> instructions that multiply vectors in it."""
    done = _run(processor, ["tests.speed.processors", processor])
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


def agrees(processor: str) -> bool:
    """Whether each kernel in LLVM's vector types agrees with its NumPy reference, compiled for an
    x86-64 processor."""
    words = ["pytest", "-p", "no:cacheprovider", str(REFERENCES), "-k", VECTORS]
    return _run(processor, words).returncode == 0


def runs_here(processor: str) -> bool:
    """Whether this machine has the features that code for it may use."""
    has, features = llvm.get_host_cpu_features(), PROCESSORS[processor][1]
    return all(has.get(feature, False) for feature in re.findall(r"\+([\w.]+)", features))


def _run(processor: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    """A module of Python in which Numba compiles for the processor."""
    name, features = PROCESSORS[processor]
    with tempfile.TemporaryDirectory() as cache:  # what others compiled is for this processor
        variables = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
        variables["NUMBA_CACHE_DIR"] = cache
        return subprocess.run(
            [sys.executable, "-m", *words],
            env={**os.environ, **variables},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


def compiled() -> dict[str, Any]:
    """Name -> function of Numba that this process compiled."""

    @njit
    def tile(G, x):  # type: ignore[no-untyped-def]
        G_row, x_row = G.shape[1] * ENTRY_BYTES, x.shape[1] * ENTRY_BYTES
        # Numba adds the first argument, the context.
        add_tile(G.ctypes.data, G_row, x.ctypes.data, x_row, 0, 0, len(x))  # type: ignore[call-arg]

    tile(np.zeros((6, WIDTH), np.float32), np.zeros((1, WIDTH), np.float32))
    At = np.zeros((6, 6 + EXTRA_COLUMNS, WIDTH), np.float32)
    At[range(6), range(6)] = 1
    cholesky_solve(At, np.zeros((6, WIDTH), np.float32))
    rows = vector_rows.aligned_rows(1, vector_rows.lanes_for(16))
    steps = vector_rows.diagonal_steps(16)
    rate, shrink = np.float32(0.1), np.float32(0.9)
    steps(np.array([0, 0]), np.zeros(0, RATING), rows, rows.copy(), 1, 0, rate, shrink)
    return {"sums of a regression": tile, "Cholesky": cholesky_solve, "steps of SGD": steps}


def across(code: str) -> str:
    """The assembly of 64-bit Arm for LLVM code."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    machine = target.create_target_machine(cpu="cortex-a72", opt=3)
    module = llvm.parse_assembly(COUNTS.sub("declare void @NRT_decref(ptr)", code))
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    assembly: str = machine.emit_assembly(module)
    return assembly


def count(processor: str) -> None:
    """Print what `products` returns, of this process."""
    found = {}
    for name, kernel in compiled().items():
        if processor == ARM:
            code = "\n".join(map(across, kernel.inspect_llvm().values()))
            found[name] = Counter(PRODUCT_ON_ARM.findall(code))
        else:
            found[name] = Counter(PRODUCT.findall("\n".join(kernel.inspect_asm().values())))
    print(json.dumps(found))


def main() -> None:
    rows = []
    for processor in PROCESSORS:
        if not runs_here(processor):
            rows.append([processor, "all", "unknown", "this machine cannot run it"])
            continue
        right = "not run" if processor == ARM else ("no", "yes")[agrees(processor)]
        for kernel, kinds in products(processor).items():
            used = ", ".join(f"{n} in {kind}" for kind, n in sorted(kinds.items()))
            rows.append([processor, kernel, used or "none", right])
    print(tabulate(rows, ["processor", "kernel", "products of vectors", "as NumPy"], "github"))


if __name__ == "__main__":
    count(sys.argv[1]) if len(sys.argv) > 1 else main()
