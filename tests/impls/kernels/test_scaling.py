from __future__ import annotations

import numpy as np
import pytest

from impls.kernels.scaling import Response, Scaling

VALUES = np.array([1, 3, 5, 5], np.float32)


@pytest.mark.parametrize(
    ("response", "mean", "sd"),
    [("standardised", 0, 1), ("centred", 0, 2.75**0.5), ("raw", 3.5, 2.75**0.5)],
)
def test_each_response_has_its_mean_and_spread(response: Response, mean: float, sd: float) -> None:
    scaling = Scaling.of(VALUES, response)
    found = scaling.response(VALUES, "float64")
    assert (found.mean(), found.std()) == pytest.approx((mean, sd))
    np.testing.assert_allclose(scaling.mean + scaling.sd * found, VALUES)


def test_equal_ratings_are_not_divided_by_their_spread() -> None:
    assert Scaling.of(np.full(3, 4, np.float32), "standardised") == Scaling(4.0, 1.0)
