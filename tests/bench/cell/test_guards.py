"""Which differences between two predictions of a pair count as rounding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.cell.guards import SAMPLE, inconsistency

SCALE = (1.0, 5.0)


class Predicts:
    """A different prediction in each call: `error` times a normal draw beside `rating`."""

    device, seed = "cpu", 0

    def __init__(self, error: float = 0.0, rating: float = 3.0) -> None:
        self.error, self.rating = error, rating
        self.rng = np.random.default_rng(0)
        self.users: list[list[int]] = []

    def fit(self, train, training=None):
        return self

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float32]:
        self.users.append(users.tolist())
        noise = self.error * self.rng.standard_normal(len(users))
        return (self.rating + noise).astype(np.float32)


def check(model: Predicts, n: int = 1000) -> str | None:
    ids = np.arange(n, dtype=np.int32)
    return inconsistency(model, ids, ids, model.predict(ids, ids), SCALE)


@pytest.mark.parametrize(("error", "differs"), [(0.0, False), (1e-3, False), (0.05, True)])
def test_rounding_is_no_inconsistency(error: float, differs: bool) -> None:
    assert bool(check(Predicts(error))) is differs


def test_predictions_that_are_clipped_to_the_same_are_the_same() -> None:
    assert check(Predicts(error=0.05, rating=9.0)) is None


def test_the_second_call_has_fewer_pairs_in_another_order() -> None:
    for n, expected in ((0, 0), (1, 1), (7, 4), (1000, SAMPLE)):
        model = Predicts()
        assert check(model, n) is None
        again = model.users[1] if n else []
        assert len(set(again)) == expected
        assert n < 7 or again != sorted(again)


def test_predictions_that_are_not_finite_are_no_inconsistency() -> None:
    assert check(Predicts(rating=np.inf)) is None
    ids = np.zeros(2, np.int32)
    assert inconsistency(Predicts(rating=np.nan), ids, ids, np.full(2, 3, np.float32), SCALE)
