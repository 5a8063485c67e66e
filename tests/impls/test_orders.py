"""An epoch takes every rating, or every row, once, in an order of its own."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.kernels.rated_rows import rated_rows
from tests.support import pretended_device as pretended
from tests.support.low_rank import low_rank, make

DEVICES = ["cpu", pretended.DEVICE, pytest.param("cuda", marks=pytest.mark.cuda)]
STEPS = {"embedding_mf": {"step": "eager"}, "ncf": {"step": "eager"}, "sparse_embedding_mf": {}}


def batches_seen(model: Any, train: Ratings) -> list[tuple[Tensor, ...]]:
    """The batches of which `model` computes the loss in two epochs, on the host."""
    if model.device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    seen: list[tuple[Tensor, ...]] = []
    loss = model._loss

    def recording(*batch: Tensor) -> Tensor:
        seen.append(tuple(part.detach().clone() for part in batch))
        return loss(*batch)

    model._loss = recording
    with pretended.counted(Counter()) if model.device == pretended.DEVICE else nullcontext():
        model.fit(train)
    return [tuple(part.cpu() for part in batch) for batch in seen]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", STEPS)
def test_an_epoch_has_every_rating_once(name: str, device: str) -> None:
    train, _ = low_rank(30, 20)
    seen = batches_seen(make(name, device=device, batch_size=100, **STEPS[name]), train)
    one, other = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert [len(users) for users, *_ in one] == [100, 100, 40]
    pairs = sorted(zip(train.users.tolist(), train.items.tolist(), strict=True))
    orders = [
        [pair for u, i, _ in epoch for pair in zip(u.tolist(), i.tolist(), strict=True)]
        for epoch in (one, other)
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == pairs
    assert orders[0] != orders[1] != pairs


@pytest.mark.parametrize("device", DEVICES)
def test_an_epoch_of_autorec_has_every_row_once(device: str) -> None:
    train, _ = low_rank(30, 20)
    model = make(
        "autorec", device=device, batch_size=8, response="rating", presence=0.0, step="eager"
    )
    seen = batches_seen(model, train)
    rows = [sorted(row) for batch in seen for row in response_of(batch)]
    expected = [sorted(train.values[train.items == item].tolist()) for item in range(20)]
    assert len(seen) == 6
    assert sorted(rows[:20]) == sorted(rows[20:]) == sorted(expected)
    assert rows[:20] != rows[20:] != expected


def response_of(batch: tuple[Tensor, ...]) -> list[list[float]]:
    """The response at the rated entries of each row of a batch of either form."""
    if len(batch) == 1:
        return [row[~row.isnan()].tolist() for row in batch[0]]
    rows, position, _, response = batch
    return [response[position == place].tolist() for place in range(len(rows))]


@pytest.mark.parametrize("dense_bytes", [0, 1 << 30])
def test_both_forms_of_a_rating_matrix_have_the_same_rows(
    dense_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impls.kernels.rated_rows.DENSE_BYTES", dense_bytes)
    train, _ = low_rank(30, 20)
    rated_at_all = train.items != 3
    users, items, values = (
        array[rated_at_all] for array in (train.users, train.items, train.values)
    )
    rng = torch.Generator().manual_seed(0)
    V, W, hidden = (torch.rand(n, 3, generator=rng) for n in (30, 30, 4))
    b = torch.rand(30, generator=rng)
    matrix = torch.zeros(20, 30)
    matrix[items.astype(int), users.astype(int)] = torch.tensor(values)
    order = torch.tensor([7, 3, 19, 0])
    rated = matrix[order] > 0
    x = (matrix[order] + 2.0) * rated
    error = (torch.tanh(hidden @ W.T + b) - matrix[order]) * rated

    rows = rated_rows(items, users, values, (20, 30), "cpu:0")
    assert rows.same_shapes == bool(dense_bytes)
    assert (len(rows), rows.n_columns) == (20, 30)
    (batch,) = rows.batches(order, 4)
    torch.testing.assert_close(rows.times(batch, 2.0, V), x @ V)
    found = rows.squared_error(batch, hidden, W, b, torch.tanh)
    torch.testing.assert_close(found, error.square().sum())


def test_a_cpu_takes_entries() -> None:
    train, _ = low_rank(30, 20)
    rows = rated_rows(train.items, train.users, train.values, (20, 30), "cpu")
    assert not rows.same_shapes
