"""A captured step is the eager one, launched otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.ratings import HeldOut, Ratings
from impls.gradient_step import WARM_UP, CapturedStep, adam, gradient_step
from tests.impls import pretended
from tests.impls.making import make, rmse
from tests.impls.pretended_graphs import Graph, graphs

SETTINGS: dict[str, dict[str, Any]] = {
    "embedding_mf": {"batch_size": 200, "decay": 0.5, "epochs": 4},
    # Dropout, so that both have to draw the same.
    "ncf": {"batch_size": 200, "decay": 0.5, "epochs": 4, "learning_rate": 0.01},
    "autorec": {"batch_size": 7, "decay": 0.5, "epochs": 4, "dropout": 0.3},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_learns_the_same_by_captured_steps(
    name: str, low_rank_set: tuple[Ratings, HeldOut]
) -> None:
    train, held_out = low_rank_set

    def predicted(step: str) -> Any:
        with pretended.counted(Counter()):
            model = make(name, device=pretended.DEVICE, step=step, **SETTINGS[name]).fit(train)
            return model.predict(held_out.users, held_out.items)

    before = Graph.replays
    eager = predicted("eager")
    assert Graph.replays == before
    captured = predicted("captured")
    assert Graph.replays > before + 2 * WARM_UP
    np.testing.assert_array_equal(captured, eager)


@pytest.mark.cuda
@pytest.mark.parametrize("name", SETTINGS)
def test_a_model_learns_as_well_by_captured_steps_on_a_cuda_device(
    name: str, low_rank_set: tuple[Ratings, HeldOut]
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    train, held_out = low_rank_set
    eager, captured = (
        rmse(make(name, device="cuda", step=step, **SETTINGS[name]).fit(train), held_out)
        for step in ("eager", "captured")
    )
    assert captured == pytest.approx(eager, abs=0.002)


@pytest.mark.parametrize(
    ("form", "device", "captures"),
    [
        ("captured", "cpu", False),
        ("eager", "cpu", False),
        ("eager", pretended.DEVICE, False),
        ("captured", pretended.DEVICE, True),
    ],
)
def test_a_step_is_captured_where_it_is_asked_for_and_can_be(
    form: Any, device: str, captures: bool
) -> None:
    with graphs(Counter()):
        step = gradient_step(torch.sum, torch.optim.SGD([nn.Parameter(torch.ones(1))]), form, device)
    assert isinstance(step, CapturedStep) == captures


def test_an_entry_s_form_is_captured_only_where_batches_have_one_shape(
    low_rank_set: tuple[Ratings, HeldOut], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impls.rated_rows.DENSE_BYTES", 0)
    before = Graph.replays
    with pretended.counted(Counter()):
        make("autorec", device=pretended.DEVICE, **SETTINGS["autorec"]).fit(low_rank_set[0])
    assert Graph.replays == before


def one_weight(loss: Callable[[Tensor], Tensor] = torch.sum) -> tuple[Tensor, CapturedStep]:
    """w = 1 and a captured step down the gradient of loss(batch · w), at a rate of 1."""
    weight = nn.Parameter(torch.ones(()))
    step = gradient_step(
        lambda batch: loss(batch * weight), torch.optim.SGD([weight], lr=1.0), "captured", "cpu:0"
    )
    assert isinstance(step, CapturedStep)
    return weight.data, step


def test_every_batch_is_stepped_once_whatever_its_shape() -> None:
    with graphs(Counter()):
        weight, step = one_weight()
        total = 1.0
        for number in range(2 * WARM_UP + 3):
            batch = torch.full((5 if number % 3 else 4,), float(number + 1))
            step(batch)
            total -= float(batch.sum())
            assert float(weight) == total


def test_only_batches_of_the_first_one_s_shape_are_launched_as_a_graph() -> None:
    before = Graph.replays
    with graphs(Counter()):
        _, step = one_weight()
        for _ in range(WARM_UP):
            step(torch.ones(5))
        step(torch.ones(3))
        assert Graph.replays == before
        step(torch.ones(5))
        step(torch.ones(3))
        step(torch.ones(5))
    assert Graph.replays == before + 2


def test_what_waits_cannot_be_captured() -> None:
    waits: Counter[str] = Counter()

    def waiting(products: Tensor) -> Tensor:
        waits["item"] += 1
        return products.sum()

    with graphs(waits):
        _, step = one_weight(waiting)
        for _ in range(WARM_UP):
            step(torch.ones(5))
        with pytest.raises(RuntimeError, match="waits"):
            step(torch.ones(5))


def test_a_schedule_changes_adam_s_rate_where_it_lies() -> None:
    optimiser = adam([nn.Parameter(torch.ones(2))], 0.5, 0.0, "cpu")
    rate = optimiser.param_groups[0]["lr"]
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.5)
    optimiser.step()
    schedule.step()
    assert float(rate) == 0.25
    assert optimiser.param_groups[0]["lr"] is rate


def test_a_fused_adam_is_told_of_the_capture_and_of_its_end() -> None:
    """Else torch refuses the capture, or warns of every eager step after it."""
    weight = nn.Parameter(torch.ones(2))
    optimiser = adam([weight], 0.5, 0.0, "cpu")
    told: list[bool] = []

    def loss(batch: Tensor) -> Tensor:
        told.append(optimiser.param_groups[0]["capturable"])
        return (batch * weight).sum()

    with graphs(Counter()):
        step = gradient_step(loss, optimiser, "captured", "cpu:0")
        for _ in range(WARM_UP + 2):
            step(torch.ones(2))
    assert told == [False] * WARM_UP + [True]
    assert not optimiser.param_groups[0]["capturable"]
