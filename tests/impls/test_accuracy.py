"""Defaults against the bias model, and the published log, on data that is worth learning."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.ratings import Dataset
from datasets.splits import cut
from impls.bias import Bias
from impls.numpy_sgd import NumpySGD
from tests.support.low_rank import class_of, low_rank, rmse

# autograd_mf would take a minute; test_same_maths holds it to numpy_sgd's numbers.
FEW_EPOCHS = {"numpy_sgd": 5, "sparse_embedding_mf": 5, "embedding_mf": 4, "autorec": 4, "ncf": 5}


@pytest.mark.parametrize("name", FEW_EPOCHS)
def test_default_beats_bias_on_a_low_rank_matrix(name: str) -> None:
    train, held_out = low_rank(300, 200)
    model = class_of(name)().fit(train)
    assert rmse(model, held_out) < 0.8 * rmse(Bias().fit(train), held_out)


def test_bias_is_as_good_as_published(ml_100k: Dataset) -> None:
    """Surprise's README: BaselineOnly 0.944 over five folds of MovieLens 100K."""
    folds = [cut(ml_100k, "5-fold", seed) for seed in range(5)]
    errors = [rmse(Bias(**Bias.presets["surprise"]).fit(fold.train), fold.test) for fold in folds]
    assert np.mean(errors) == pytest.approx(0.944, abs=0.005)


def test_numpy_sgd_reproduces_the_published_log(ml_100k: Dataset) -> None:
    split = cut(ml_100k, "random:80/20", seed=0)
    model = NumpySGD(**NumpySGD.presets["published"]).fit(split.train)
    known = split.test.known
    predicted = model.predict(split.test.users[known], split.test.items[known])
    errors = predicted - split.test.values[known]
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(1.005, abs=0.02)
    assert np.abs(errors).mean() == pytest.approx(0.79, abs=0.02)
