"""A side does not compile in every round."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.gate.side import Checkout as Place
from bench.gate.side import Ended, Process, timing_core
from tests.bench.gate.conftest import Checkout

COMPILED = """\
from pathlib import Path
import numpy as np
from numba import njit

def add(n):
    return njit(lambda x: x + n)

def twice(function):
    @njit
    def twice(x):
        return function(function(x))
    return twice

def test_w(benchmark):
    functions = [twice(add(n)) for n in (2, 3)]
    answers = [function(1) for function in functions]
    with Path("found").open("a") as file:
        for function in functions:
            file.write(f"{len(function.stats.cache_hits)} ")
    assert benchmark(lambda: np.array(answers)).tolist() == [5, 7]
"""


def time_once(tree: Path) -> Ended:
    place = Place(Path(sys.executable), tree)
    with Process("head", place, hash_seed=0, core=timing_core(), patience_s=60) as process:
        process.names()
        process.begin(["w"])
        process.ready()
        return process.finish()


def test_what_numba_compiled_of_a_tree_is_there_for_the_next_process(checkout: Checkout) -> None:
    """Also a function whose closure holds another; and none is taken for one of another closure."""
    checkout.write(tests__speed__test_w=COMPILED)
    assert [time_once(checkout.root) for _ in range(2)] == [Ended()] * 2
    assert (checkout.root / "found").read_text() == "0 0 1 1 "
