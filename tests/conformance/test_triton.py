"""`triton_sgd` against loops in NumPy, in Triton's interpreter where there is no CUDA device.

The rest of the suite is `TestTritonSGD`, and needs one.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.conformance.ratings import low_rank
from bench.planning.availability import device_problem, library_problem
from impls import triton_sgd
from impls.kernels.sgd.dealt_blocks import DealtBlocks, cut
from impls.triton_sgd import TritonSGD

Array = NDArray[np.float64]

pytestmark = pytest.mark.skipif(
    library_problem("triton") is not None, reason=str(library_problem("triton"))
)
DEVICE = "cpu" if device_problem("cuda") else "cuda"
STEP, SHRINKAGE = 2 * 0.04, 1 - 2 * 0.04 * 0.1
SETTINGS = {"learning_rate": 0.04, "decay": 0.5, "regularisation": 0.1, "std": 0.3}


def test_with_few_items_it_is_the_loop_over_the_ratings() -> None:
    train, k = low_rank(20, 16, 120, noise=0.3, seed=4)[0], 3
    start, model = (
        TritonSGD(factors=k, epochs=epochs, **SETTINGS, device=DEVICE).fit(train)
        for epochs in (0, 2)
    )
    p, q = (rows[:, :k].cpu().double().numpy() for rows in (start.U_, start.V_))
    b_user, b_item = np.zeros(train.n_users), np.zeros(train.n_items)
    response = (train.values - train.values.mean()) / train.values.std()
    for eta in (STEP, STEP / 2):
        shrink = 1 - eta * 0.1
        for u, i, z in zip(train.users, train.items, response, strict=True):
            change = eta * (z - b_user[u] - b_item[i] - p[u] @ q[i])
            b_user[u], b_item[i] = shrink * b_user[u] + change, shrink * b_item[i] + change
            p[u], q[i] = shrink * p[u] + change * q[i], shrink * q[i] + change * p[u]
    U, V = model.U_.cpu().numpy(), model.V_.cpu().numpy()
    assert U.shape == (20, 8)
    assert (U[:, k + 1] == 1).all()
    assert (V[:, k] == 1).all()
    assert not U[:, k + 2 :].any()
    for found, expected in ((U[:, :k], p), (V[:, :k], q), (U[:, k], b_user), (V[:, k + 1], b_item)):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_with_many_it_is_the_loop_over_blocks_16_ratings_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So many that some of the 16 have a user or an item in common."""
    train, k, groups = low_rank(60, 50, 900, noise=0.3, seed=5)[0], 4, 2
    monkeypatch.setattr(triton_sgd, "concurrency", lambda *_: (groups, 16))
    start, model = (
        TritonSGD(factors=k, epochs=epochs, **SETTINGS, device=DEVICE, seed=7).fit(train)
        for epochs in (0, 1)
    )
    U, V = (rows.cpu().double().numpy() for rows in (start.U_, start.V_))
    rng = torch.Generator().manual_seed(7)
    for n in (train.n_users, train.n_items):
        torch.rand(n, k, generator=rng)
    blocks, _ = cut(train, groups, "cpu")
    response = np.full((train.n_users, train.n_items), np.nan)
    response[train.users, train.items] = (train.values - train.values.mean()) / train.values.std()
    for shift in torch.randperm(groups, generator=rng).tolist():
        for group in range(groups):
            _steps(blocks, group * groups + (group + shift) % groups, response, U, V, k)
    np.testing.assert_allclose(model.U_.cpu(), U, atol=1e-5)
    np.testing.assert_allclose(model.V_.cpu(), V, atol=1e-5)


def _steps(blocks: DealtBlocks, block: int, response: Array, U: Array, V: Array, k: int) -> None:
    """A block in 16 equal shares, a rating of each at a time."""
    starts, users, items, _ = (column.numpy() for column in blocks)
    start, stop = starts[block : block + 2]
    share = -(-(stop - start) // 16)
    for step in range(share):
        n = start + step + share * np.arange(16)
        n = n[n < stop][::-1]  # what NumPy writes to a row last stays: the first one's
        u, i = users[n], items[n]
        p, q = U[u], V[i]
        change = STEP * (response[u, i] - (p * q).sum(axis=1))[:, None]
        U[u], V[i] = SHRINKAGE * p + change * q, SHRINKAGE * q + change * p
        U[:, k + 1] = V[:, k] = 1.0
