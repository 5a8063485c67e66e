"""Blocks on a device, and the kernel: interpreted, compiled ahead of time, and on a device.

`tests/conformance/test_triton.py` holds the whole to loops in NumPy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.planning.availability import device_problem, library_problem
from datasets.ratings import Dataset, Ratings
from datasets.splits import cut as split
from impls.kernels.scaling import Scaling
from impls.kernels.sgd.dealt_blocks import cut, dealt
from impls.numba_sgd import NumbaSGD
from impls.triton_sgd import SLOTS, TritonSGD, concurrency
from tests.support.low_rank import low_rank, rmse

WITH_TRITON = pytest.mark.skipif(
    library_problem("triton") is not None, reason=str(library_problem("triton"))
)
ON_CUDA = pytest.mark.skipif(device_problem("cuda") is not None, reason=str(device_problem("cuda")))
DEVICE = "cpu" if device_problem("cuda") else "cuda"

APART = Ratings(np.arange(20), np.arange(20), np.ones(20), 20, 20, (1, 5))
"""No two ratings of one user or item."""
COMPILED_FOR_HOPPER = """
import re
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from impls.kernels.sgd.triton_kernel import diagonal_steps

types = {"starts": "*i32", "users": "*i32", "items": "*i32", "response": "*fp32"}
types |= {"U": "*fp32", "V": "*fp32", "groups": "i32", "shift": "i32", "slots": "i32"}
types |= {"rate": "fp32", "shrink": "fp32"}
sizes = {"factors": 32, "lanes": 40, "SLOTS": 16, "LANES": 64}
aligned = {(n,): [["tt.divisibility", 16]] for n in range(6)}
source = ASTSource(diagonal_steps, types | dict.fromkeys(sizes, "constexpr"), sizes, aligned)
compiled = triton.compile(source, GPUTarget("cuda", 90, 32), {"num_stages": 1})
assert compiled.asm["cubin"]
print(*re.findall(r"(?:ld|st)\\.global\\.v\\d|bar\\.sync", compiled.asm["ptx"]))
"""
FITTED = """
import sys
import numpy as np
from impls.triton_sgd import SLOTS, TritonSGD, concurrency
from tests.support.low_rank import low_rank

model = TritonSGD(factors=4, epochs=2, device=sys.argv[1]).fit(low_rank(80, 50)[0])
np.savez(sys.argv[2], U=model.U_.cpu(), V=model.V_.cpu())
"""


@given(st.integers(1, 9), st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_the_grid_holds_every_rating_once_in_the_block_of_its_groups(
    groups: int, seed: int
) -> None:
    """So that the blocks of a diagonal, g by g + d, share no user and no item."""
    train, _ = low_rank(23, 17, seed=seed)
    blocks, scaling = cut(train, groups, "cpu")
    starts, users, items, response = (column.numpy() for column in blocks)
    assert (starts[0], starts[-1]) == (0, len(train))
    expected = Scaling.of(train.values, "standardised")
    assert (scaling.mean, scaling.sd) == pytest.approx((expected.mean, expected.sd))
    rows = sorted(zip(train.users, train.items, expected.response(train.values), strict=True))
    found = sorted(zip(users, items, response, strict=True))
    np.testing.assert_allclose(found, rows, rtol=1e-5, atol=1e-6)
    of = np.repeat(np.arange(groups**2), np.diff(starts))
    for ids, group in ((users, of // groups), (items, of % groups)):
        assert all(len(set(group[ids == each])) == 1 for each in set(ids))


def test_the_most_often_rated_rows_go_to_different_groups() -> None:
    often = np.array([9, 1, 8, 2, 7, 3, 0])
    ids = torch.tensor(np.random.default_rng(0).permutation(np.repeat(np.arange(7), often)))
    group = dealt(ids, 7, 3)
    assert group.tolist() == [0, 2, 1, 1, 2, 0, 0]


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_in_flight_is_at_most_a_sixteenth_of_the_users_and_of_the_items(
    n_users: int, n_items: int
) -> None:
    groups, slots = concurrency(n_users, n_items)
    assert 1 <= groups * slots <= max(1, min(n_users, n_items) // 16)
    assert 1 <= slots <= SLOTS


@WITH_TRITON
@pytest.mark.parametrize(
    ("train", "groups", "slots"),
    [(low_rank(12, 12)[0], 1, 1), (low_rank(12, 12)[0], 3, 1), (APART, 1, 6)],
    ids=["one block", "nine blocks", "six at a time"],
)
def test_the_kernel_visits_every_rating_once(train: Ratings, groups: int, slots: int) -> None:
    """At a rate of 0 and a shrinkage of 2, each visit doubles both rows."""
    from impls.kernels.sgd.triton_kernel import diagonal_steps

    blocks, _ = cut(train, groups, DEVICE)
    U, V = (torch.ones(n, 8, device=DEVICE) for n in (train.n_users, train.n_items))
    for shift in range(groups):
        diagonal_steps[(groups,)](
            *blocks, U, V, groups, shift, slots, 0.0, 2.0,
            factors=6, lanes=8, SLOTS=8, LANES=8, num_stages=1,
        )  # fmt: skip
    for rows, ids in ((U, train.users), (V, train.items)):
        assert np.array_equal(rows[:, 0].cpu(), 2.0 ** np.bincount(ids))


@WITH_TRITON
def test_the_kernel_compiles_for_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    """Rows move in vectors of 16 bytes; all reads are before a barrier, all writes after it."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", COMPILED_FOR_HOPPER],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    reads, barrier, writes = "ld.global.v4", "bar.sync", "st.global.v4"
    assert printed.stdout.split() == [*[reads] * 4, barrier, *[writes] * 4, barrier]


def test_it_can_be_listed_where_triton_is_not_installed() -> None:
    code = "import sys; sys.modules['triton'] = None; import impls.triton_sgd"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.cuda
@WITH_TRITON
@ON_CUDA
def test_the_interpreter_and_the_device_agree(tmp_path: Path) -> None:
    tables = []
    for device, interpreted in (("cpu", "1"), ("cuda", "0")):
        subprocess.run(
            [sys.executable, "-c", FITTED, device, str(tmp_path / f"{device}.npz")],
            env={**os.environ, "TRITON_INTERPRET": interpreted},
            check=True,
        )
        tables.append(np.load(tmp_path / f"{device}.npz"))
    for name in ("U", "V"):
        np.testing.assert_allclose(tables[1][name], tables[0][name], atol=1e-5)


@pytest.mark.cuda
@WITH_TRITON
@ON_CUDA
def test_it_is_as_accurate_as_numba_sgd_on_movielens(ml_100k: Dataset) -> None:
    """In the mean of eight splits: of one, two seeds of numba_sgd itself differ by as much."""
    differences = []
    for seed in range(8):
        parts = split(ml_100k, "random:80/10/10", seed=seed)
        ours, theirs = (kind(seed=seed).fit(parts.train) for kind in (TritonSGD, NumbaSGD))
        differences.append(rmse(ours, parts.validation) - rmse(theirs, parts.validation))
    assert np.mean(differences) == pytest.approx(0, abs=0.002)
