"""How often the training loops wait for their device in an epoch: by their defaults not once."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from datasets.ratings import Ratings
from impls.protocol import Training
from tests.support import pretended_device as pretended
from tests.support import syncs
from tests.support.low_rank import low_rank, make
from tests.support.pretended_device import DEVICE, TO_DEVICE, TO_HOST

SETTINGS: dict[str, dict[str, Any]] = {
    # Six batches or five, all of one size, so that the first epoch has captured what there is.
    "embedding_mf": {"batch_size": 40},
    "sparse_embedding_mf": {"batch_size": 40},
    "autorec": {"batch_size": 4},
    "ncf": {"batch_size": 40},
}
NAMES = (
    "autograd_mf",
    "embedding_mf",
    "sparse_embedding_mf",
    "autorec",
    "ncf",
    "als",
    "bayesian_mf",
)


@pytest.fixture(scope="module")
def train() -> Ratings:
    """240 ratings of 30 users and 20 items."""
    return low_rank(30, 20)[0]


@pytest.mark.parametrize("name", NAMES)
def test_an_epoch_waits_for_nothing(name: str, train: Ratings) -> None:
    model = make(name, device=DEVICE, **SETTINGS.get(name, {}))
    assert syncs.of_an_epoch(model, train) == {}


@pytest.mark.parametrize("name", ["embedding_mf", "autorec", "ncf"])
def test_an_epoch_of_eager_steps_waits_for_nothing(name: str, train: Ratings) -> None:
    model = make(name, device=DEVICE, step="eager", **SETTINGS[name])
    assert syncs.of_an_epoch(model, train) == {}


def test_an_epoch_by_entries_waits_once_for_their_number(
    train: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impls.kernels.rated_rows.DENSE_BYTES", 0)
    model = make("autorec", device=DEVICE, **SETTINGS["autorec"])
    assert syncs.of_an_epoch(model, train) == {TO_HOST: 1}


def test_an_epoch_of_a_row_wise_loader_waits_for_every_batch(train: Ratings) -> None:
    """As in most tutorials: the batch is put together on the host."""
    model = make("embedding_mf", device=DEVICE, loader="rows", batch_size=40)
    assert syncs.of_an_epoch(model, train) == {TO_DEVICE: 3 * 6}


EAGER = [(name, {"step": "eager"}) for name in ("embedding_mf", "autorec", "ncf")]


@pytest.mark.cuda
@pytest.mark.parametrize(("name", "form"), [*((name, {}) for name in NAMES), *EAGER])
def test_an_epoch_waits_for_nothing_on_a_cuda_device(
    name: str, form: dict[str, str], train: Ratings
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = make(name, device="cuda", **SETTINGS.get(name, {}), **form)
    assert syncs.of_an_epoch(model, train) == {}


def on_device(*values: float) -> Tensor:
    return torch.tensor(values, device=DEVICE)


@pytest.mark.parametrize(
    ("work", "waits"),
    [
        (lambda x: x.item(), {"_local_scalar_dense": 1}),
        (lambda x: int(x.sum()), {"_local_scalar_dense": 1}),
        (lambda x: None if x.sum() > 0 else 1, {"_local_scalar_dense": 1}),
        (lambda x: x.nonzero(), {"nonzero": 1}),
        (lambda x: x[x > 0], {"nonzero": 1}),
        (lambda x: x.masked_select(x > 0), {"masked_select": 1}),
        (lambda x: x.unique(), {"_unique2": 1}),
        (lambda x: torch.equal(x, x), {"equal": 1}),
        (lambda x: x.repeat_interleave(x.long()), {"repeat_interleave": 1}),
        (lambda x: x.repeat_interleave(x.long(), output_size=2), {}),
        (lambda x: torch.linalg.cholesky(x.diag()), {"_linalg_check_errors": 1}),
        (lambda x: torch.linalg.inv(x.diag()), {"_linalg_check_errors": 1}),
        (lambda x: torch.linalg.solve(x.diag(), x.diag()), {"_linalg_check_errors": 1}),
        (lambda x: torch.linalg.cholesky_ex(x.diag()), {}),
        (lambda x: x.cpu().numpy(), {TO_HOST: 1}),
        (lambda x: x.to("cpu"), {TO_HOST: 1}),
        (lambda x: x.tolist(), {TO_HOST: 1}),
        (lambda x: torch.empty(1).copy_(x), {TO_HOST: 1}),
        (lambda x: x.copy_(torch.ones(1)), {TO_DEVICE: 1}),
        (lambda x: torch.tensor(np.ones(2), device=x.device), {TO_DEVICE: 1}),
        (lambda x: x + torch.ones(1).to(x.device), {TO_DEVICE: 1}),
        (lambda x: x[torch.zeros(3, dtype=torch.long)], {TO_DEVICE: 1}),
        (lambda x: x.cpu().sum().item(), {TO_HOST: 1}),
        (lambda x: torch.ones(len(x)).sum().item(), {}),
        (lambda x: (2 * x + torch.randn(3, device=x.device)).to(torch.float64).sum(), {}),
    ],
)
def test_each_wait_is_counted_once(work: Callable[[Tensor], object], waits: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    with pretended.counted(counts):
        x = on_device(2.0)
        counts.clear()
        work(x)
    assert +counts == waits


def test_waits_of_a_backward_pass_are_counted() -> None:
    class Asks(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        def backward(_: Any, *gradients: Tensor) -> Tensor:
            return gradients[0] * gradients[0].sum().item()

    counts: Counter[str] = Counter()
    with pretended.counted(counts):
        x = on_device(1.0, 2.0).requires_grad_()
        Asks.apply(x).sum().backward()
    assert counts["_local_scalar_dense"] == 1


@pytest.mark.parametrize("work", [lambda x: x + torch.ones(2), lambda x: x.numpy()])
def test_what_would_fail_on_a_device_fails(work: Callable[[Tensor], object]) -> None:
    with pretended.counted(Counter()):
        x = on_device(1.0, 2.0)
        with pytest.raises(RuntimeError, match="on the device"):
            work(x)


def test_on_a_cuda_device_torch_says_what_waits(
    monkeypatch: pytest.MonkeyPatch, train: Ratings
) -> None:
    modes: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    class Waits:
        device = "cuda"

        def fit(self, train: Ratings, training: Training) -> None:
            for epoch in training.epochs(2):
                for _ in range(1 + 2 * epoch):
                    warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
                warnings.warn("something else", stacklevel=1)

    assert syncs.of_an_epoch(Waits(), train) == {syncs.CALL: 3}
    assert modes == ["warn", "default"]
