"""What can run on CUDA runs on a simulated device, with the accuracy that it has on the CPU."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from datasets.ratings import Dataset, HeldOut, Ratings
from datasets.splits import cut
from tests.support import pretended_device as pretended
from tests.support.low_rank import NAMES, class_of, make, rmse

ANOTHER_ORDER = "sparse_embedding_mf"
"""Its order is NumPy's on a CPU and drawn on a device, which matters on a small set."""
SAME_ORDER = [name for name in NAMES if "cuda" in class_of(name).devices and name != ANOTHER_ORDER]


@pytest.mark.parametrize("name", SAME_ORDER)
def test_a_device_makes_no_difference(name: str, low_rank_set: tuple[Ratings, HeldOut]) -> None:
    assert on_device(name, *low_rank_set) == pytest.approx(on_cpu(name, *low_rank_set), abs=0.002)


def test_neither_does_an_order_drawn_there_on_movielens(ml_100k: Dataset) -> None:
    split = cut(ml_100k, "random:80/10/10", seed=0)
    fitted = {"train": split.train, "held_out": split.validation, "epochs": 3}
    found, expected = on_device(ANOTHER_ORDER, **fitted), on_cpu(ANOTHER_ORDER, **fitted)
    assert found == pytest.approx(expected, abs=0.002)
    assert found != expected


def on_cpu(name: str, train: Ratings, held_out: HeldOut, **settings: Any) -> float:
    return rmse(make(name, **settings).fit(train), held_out)


def on_device(name: str, train: Ratings, held_out: HeldOut, **settings: Any) -> float:
    with pretended.counted(Counter()):
        return on_cpu(name, train, held_out, device=pretended.DEVICE, **settings)
