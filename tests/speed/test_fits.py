"""An epoch of each implementation, and its predictions for what it has learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from bench.cell.training import EpochLimit
from bench.planning.availability import device_problem
from bench.planning.loading import load_class
from datasets.ratings import Ratings
from impls.protocol import Training
from impls.registry import IMPLEMENTATIONS
from tests.speed.conftest import Clocked
from tests.speed.sizes import ROWS
from tests.speed.synthetic import ratings

COMPARED = 50
"""Predictions that are compared: so few that they hardly count on the clock."""
FITS = [name for name in IMPLEMENTATIONS if name in ROWS]
ON_CUDA = ["embedding_mf", "autorec", "ncf"]


def fit(implementation: type, train: Ratings, device: str) -> np.ndarray:
    model = implementation(seed=0, device=device).fit(train, Training(referee=EpochLimit(1)))
    return model.predict(train.users[:COMPARED], train.items[:COMPARED])


@pytest.mark.parametrize("name", FITS)
def test_fit(clocked: Clocked, name: str) -> None:
    train = ratings(ROWS[name])
    predicted = clocked(fit, load_class(IMPLEMENTATIONS[name]), train, "cpu")
    assert len(predicted) == COMPARED


@pytest.mark.cuda
@pytest.mark.skipif(device_problem("cuda") is not None, reason="no CUDA device")
@pytest.mark.parametrize("name", ON_CUDA)
def test_fit_cuda(clocked: Clocked, name: str) -> None:
    train = ratings(ROWS[name])
    implementation = load_class(IMPLEMENTATIONS[name])
    assert len(clocked(fit, implementation, train, "cuda", device="cuda")) == COMPARED
