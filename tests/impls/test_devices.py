"""What can run on CUDA runs on a pretended device, and comes to what it does on the CPU."""

from __future__ import annotations

from collections import Counter

import pytest

from datasets.ratings import HeldOut, Ratings
from tests.impls import pretended
from tests.impls.making import NAMES, class_of, make, rmse

ON_CUDA = [name for name in NAMES if "cuda" in class_of(name).devices]


@pytest.mark.parametrize("name", ON_CUDA)
def test_a_device_makes_no_difference(name: str, low_rank_set: tuple[Ratings, HeldOut]) -> None:
    train, held_out = low_rank_set
    on_cpu = rmse(make(name).fit(train), held_out)
    with pretended.counted(Counter()):
        on_device = rmse(make(name, device=pretended.DEVICE).fit(train), held_out)
    assert on_device == pytest.approx(on_cpu, abs=0.002)
