"""A captured step computes what the eager step does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.ratings import HeldOut, Ratings
from impls.kernels.torch_step import CapturedStep, adam, gradient_step
from tests.support import pretended_device as pretended
from tests.support.low_rank import make, rmse
from tests.support.pretended_graphs import Graph, Stream, graphs

SETTINGS: dict[str, dict[str, Any]] = {
    # Each epoch ends in a short batch; dropout, so that both have to draw the same.
    "embedding_mf": {"batch_size": 300, "decay": 0.5, "epochs": 4},
    "ncf": {"batch_size": 300, "decay": 0.5, "epochs": 4, "learning_rate": 0.01},
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
    assert Graph.replays > before + 4
    assert np.isfinite(eager).all()
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
def test_a_step_is_captured_where_that_is_requested_and_possible(
    form: Any, device: str, captures: bool
) -> None:
    with graphs(Counter()):
        optimiser = torch.optim.SGD([nn.Parameter(torch.ones(1))])
        step = gradient_step(torch.sum, optimiser, form, device)
    assert isinstance(step, CapturedStep) == captures


def test_an_entry_s_form_is_captured_only_where_batches_have_one_shape(
    low_rank_set: tuple[Ratings, HeldOut], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impls.kernels.rated_rows.DENSE_BYTES", 0)
    before = Graph.replays
    with pretended.counted(Counter()):
        make("autorec", device=pretended.DEVICE, **SETTINGS["autorec"]).fit(low_rank_set[0])
    assert Graph.replays == before


def one_weight() -> tuple[Tensor, CapturedStep]:
    """w = 1, and a captured step that takes the sum of its batch from it."""
    weight = nn.Parameter(torch.ones(()))
    step = gradient_step(
        lambda batch: (batch * weight).sum(),
        torch.optim.SGD([weight], lr=1.0),
        "captured",
        "cpu:0",
    )
    assert isinstance(step, CapturedStep)
    return weight.data, step


def test_every_batch_is_stepped_once_whatever_its_shape() -> None:
    before = Graph.replays
    with graphs(Counter()):
        weight, step = one_weight()
        total = 1.0
        for number in range(9):
            batch = torch.full((4 if number % 3 else 5,), float(number + 1))
            step(batch)
            total -= float(batch.sum())
            assert float(weight) == total
    assert Graph.replays == before + 9 - 2  # the first of each shape is eager


def test_the_warm_up_and_the_capture_have_a_stream_of_their_own() -> None:
    with graphs(Counter()):
        here = torch.cuda.current_stream("cpu:0")
        _, step = one_weight()
        Stream.log.clear()
        step(torch.ones(5))
        events = [what for what, _ in Stream.log]
        streams = [stream for _, stream in Stream.log]
        aside = streams[0]
        assert events == ["waits", "for", "current", "no longer", "waits", "for"]
        assert streams == [aside, here, aside, aside, here, aside]
        Stream.log.clear()
        step(torch.ones(5))
        assert Stream.log == [("current", aside), ("no longer", aside)]
        assert aside is not here


def test_what_waits_cannot_be_captured() -> None:
    """As on CUDA, so that a wait in a step fails the tests of the models above."""
    with pretended.counted(Counter()):
        weight = nn.Parameter(torch.ones(2).to(pretended.DEVICE))
        step = gradient_step(
            lambda batch: batch.sum() * weight.sum() * batch.max().item(),
            torch.optim.SGD([weight], lr=1.0),
            "captured",
            pretended.DEVICE,
        )
        batch = torch.ones(5).to(pretended.DEVICE)
        step(batch)
        with pytest.raises(RuntimeError, match="captured what waits"):
            step(batch)


def test_a_schedule_changes_adam_s_rate_where_it_lies() -> None:
    optimiser = adam([nn.Parameter(torch.ones(2))], 0.5, 0.0, "cpu:0")
    rate = optimiser.param_groups[0]["lr"]
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.5)
    optimiser.step()
    schedule.step()
    assert float(rate) == 0.25
    assert optimiser.param_groups[0]["lr"] is rate
