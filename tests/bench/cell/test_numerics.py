"""torch's arithmetic is put in order for every row, and what was in force is reported."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import torch

from bench.cell import numerics


@pytest.fixture
def fast_and_loose() -> Iterator[None]:
    torch.backends.fp32_precision = "tf32"
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.backends.cudnn.benchmark = True
    torch.set_deterministic_debug_mode("error")
    yield
    torch.backends.fp32_precision = "none"
    numerics.settle()


@pytest.mark.usefixtures("fast_and_loose")
def test_everything_is_put_as_wanted_whatever_it_was() -> None:
    assert numerics.in_force() == {
        "cuda_matmul": "tf32",
        "cuda_conv": "tf32",
        "cpu_matmul": "bf16",
        "cudnn_benchmark": True,
        "deterministic": True,
    }
    numerics.settle()
    assert numerics.in_force() == numerics.WANTED
    # torch's older names for the same, which refuse to answer where the two disagree
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.usefixtures("fast_and_loose")
def test_settings_of_its_own_are_a_doubt_about_a_row() -> None:
    assert numerics.departures(numerics.in_force()) == [
        "arithmetic of its own: cuda_matmul tf32, cuda_conv tf32, cpu_matmul bf16, "
        "cudnn_benchmark True, deterministic True"
    ]
    assert numerics.departures(numerics.WANTED) == numerics.departures(None) == []


def test_a_row_without_torch_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    numerics.settle()
    assert numerics.in_force() is None
