from __future__ import annotations

import numpy as np
import pytest

from datasets.ratings import Ratings
from impls.bias import Bias
from impls.global_mean import GlobalMean
from tests.support.low_rank import low_rank


def test_global_mean_is_the_mean(train: Ratings) -> None:
    predicted = GlobalMean().fit(train).predict(train.users, train.items)
    assert predicted == pytest.approx(train.values.mean())


def test_many_sweeps_minimise_the_regularised_squared_error() -> None:
    train, _ = low_rank(12, 9)
    damping = np.repeat([4.0, 2.0], [12, 9])
    model = Bias(user_damping=4.0, item_damping=2.0, sweeps=100).fit(train)
    X = np.zeros((len(train), 21))  # one-hot users, then items
    X[np.arange(len(train)), train.users] = X[np.arange(len(train)), 12 + train.items] = 1
    y = train.values - train.values.mean(dtype=np.float64)
    expected = np.linalg.solve(X.T @ X + np.diag(damping), X.T @ y)
    np.testing.assert_allclose([*model.user_bias_, *model.item_bias_], expected, atol=1e-9)


def test_one_sweep_is_koren_s_decoupled_estimate() -> None:
    train = Ratings([0, 0, 1], [0, 1, 0], [5.0, 2.0, 2.0], 2, 2, (1.0, 5.0))
    model = Bias(user_damping=1.0, item_damping=2.0, sweeps=1).fit(train)
    b_item = np.array([(5 - 3 + 2 - 3) / 4, (2 - 3) / 3])
    b_user = np.array([(2 - b_item[0] - 1 - b_item[1]) / 3, (-1 - b_item[0]) / 2])
    np.testing.assert_allclose(model.item_bias_, b_item)
    np.testing.assert_allclose(model.user_bias_, b_user)
