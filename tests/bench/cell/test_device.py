"""What a worker calls of a device, and when: printed by a fake one, on a real clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.cell import numerics
from bench.cell.execute import Outcome
from bench.cell.job import write_split
from bench.cell.watch import Limits
from bench.planning.rules import Rules
from datasets.ratings import HeldOut, Ratings, Split
from tests.support import SUPPORT, running

PRETENDING = SUPPORT / "pretending.py"
MISBEHAVING = SUPPORT / "misbehaving.py"
Execute = Callable[..., Outcome]


@pytest.fixture
def on_any(tmp_path: Path) -> Execute:
    ids, values = np.arange(40) % 20, (1 + np.arange(40) % 5).astype(np.float32)
    held = HeldOut(ids[:4], ids[:4], values[:4])
    train = Ratings(ids, ids[::-1], values, 20, 20, (1, 5))
    split = Split("random", 0, train, held, held, ids[:20], ids[:20])
    write_split(split, tmp_path)

    return partial(running.execute, split=split, folder=tmp_path)


@pytest.fixture
def execute(on_any: Execute) -> Execute:
    """Run a class of `pretending.py` on a second device."""
    return lambda name, **changes: on_any(f"{PRETENDING}:{name}", device="cuda:1", **changes)


EVALUATION = """
synchronize 1
clock: evaluation
predict
predict
synchronize 1
clock: evaluation
synchronize 1
"""

CELL = f"""
clock: overhead
clock: warmup
set_device 1
copy
step
predict
synchronize 1
clock: overhead
reset_peak_memory_stats 1
synchronize 1
clock: fit
copy
step
{EVALUATION}
clock: fit
step
{EVALUATION}
clock: fit
synchronize 1
clock: evaluation
synchronize 1
clock: fit
synchronize 1
clock: overhead
synchronize 1
clock: evaluation
synchronize 1
clock: overhead
synchronize 1
clock: predict
predict
synchronize 1
clock: overhead
predict
max_memory_allocated 1
synchronize 1
clock: overhead
"""


def test_context_copies_and_waits_are_booked_where_they_belong(execute: Execute) -> None:
    """The context is made in the warm-up, copies are in the fit, and the device is waited for
    before each reading of the clock and at no step."""
    outcome = execute("Copies", hyperparameters={"nvml": False})
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.log.splitlines() == [line for line in CELL.splitlines() if line]
    assert outcome.result.memory.device_peak_bytes == 123
    assert outcome.energy.measured is None
    assert outcome.energy.reason.startswith("nvidia-ml-py is not installed: ")


def test_a_full_device_is_reported_and_is_free_for_the_next_cell(execute: Execute) -> None:
    for fit in (0, 1):  # the warm-up's, the cell's
        outcome = execute("Fills", hyperparameters={"full_in": fit})
        assert outcome.status == "out of memory"
        assert outcome.reason.partition(": ")[2] == (
            "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. "
            "cuda:1 (Pretended GPU): 70.1 GB held by this row, 0.3 GB of 80.0 GB free"
        )
    assert execute("Copies").status == "ok"


def test_a_library_without_room_on_the_device_is_out_of_memory_too(execute: Execute) -> None:
    outcome = execute("FillsInPredict")
    assert outcome.status == "out of memory"
    assert "CUBLAS_STATUS_ALLOC_FAILED" in outcome.reason
    assert outcome.reason.endswith("80.0 GB free")


@pytest.mark.alone
def test_the_fit_is_repeated_for_its_energy_and_is_in_no_other_figure(execute: Execute) -> None:
    """As many epochs as the first one ran, which patience ended, and no evaluation of them."""
    outcome = execute("Copies", hyperparameters={"epochs": 9}, rules=Rules(patience=1))
    assert (outcome.status, outcome.result.epochs) == ("ok", 2)
    assert outcome.energy.measured.model_dump() | {"seconds": 0} == {
        "joules_per_fit": 2.0,
        "fits": 1,
        "seconds": 0,
    }
    assert outcome.log.splitlines()[-6:] == [
        "get_device_properties 1",
        "nvml handle of GPU-1234-abcd",
        "copy",
        "step",
        "step",
        "synchronize 1",
    ]
    assert running.seconds(outcome) + outcome.exit_s == pytest.approx(outcome.wall_s, rel=0.01)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("FillsAgain", "the repeated fit raised OutOfMemoryError"),
        ("DiesAgain", "the process died in the repeated fit"),
        ("EatsAgain", "used more than the memory limit of 1.0 GB"),
    ],
)
def test_a_repeated_fit_that_goes_wrong_does_not_spoil_the_cell(
    execute: Execute, name: str, reason: str
) -> None:
    outcome = execute(name)
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.predicted is not None
    assert (outcome.energy.measured, outcome.energy.reason) == (None, reason)


def test_a_fit_that_did_not_come_to_its_end_is_not_repeated(execute: Execute) -> None:
    outcome = execute("Copies", rules=Rules(time_limit_s=0))
    assert outcome.status == "timeout"
    assert outcome.energy is None


@pytest.mark.cuda
def test_a_real_device_that_is_full_is_reported_and_is_free_for_the_next_cell(
    on_any: Execute,
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    # What CUDA's libraries lay out in the host's memory is many times LIMITS'.
    on_cuda = partial(on_any, device="cuda", limits=Limits(300, 32 * 10**9))
    full = on_cuda(f"{MISBEHAVING}:RequestsTooMuchOfTheDevice")
    assert full.status == "out of memory"
    assert re.search(r"Tried to allocate .* cuda:0 \(.*\): .* held by this row", full.reason)
    after = on_cuda("impls.embedding_mf:EmbeddingMF", hyperparameters={"epochs": 2})
    assert (after.status, after.reason) == ("ok", "")
    assert after.result.memory.device_peak_bytes > 0
    assert after.result.numerics.model_dump() == numerics.WANTED
    assert after.energy.measured or after.energy.reason
    assert running.seconds(after) + after.exit_s == pytest.approx(after.wall_s, rel=0.01)
