"""What counts as the same answer to the same question."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.cell.guards import SAMPLE, contradiction

SCALE = (1.0, 5.0)


class Answers:
    """A different answer to each call: `error` times a normal draw beside `rating`."""

    device, seed = "cpu", 0

    def __init__(self, error: float = 0.0, rating: float = 3.0) -> None:
        self.error, self.rating = error, rating
        self.rng = np.random.default_rng(0)
        self.asked: list[list[int]] = []

    def fit(self, train, training=None):
        return self

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float32]:
        self.asked.append(users.tolist())
        noise = self.error * self.rng.standard_normal(len(users))
        return (self.rating + noise).astype(np.float32)


def asked(model: Answers, n: int = 1000) -> str | None:
    ids = np.arange(n, dtype=np.int32)
    return contradiction(model, ids, ids, model.predict(ids, ids), SCALE)


@pytest.mark.parametrize(("error", "differs"), [(0.0, False), (1e-3, False), (0.05, True)])
def test_rounding_is_no_contradiction(error: float, differs: bool) -> None:
    assert bool(asked(Answers(error))) is differs


def test_answers_that_are_clipped_to_the_same_are_the_same() -> None:
    assert asked(Answers(error=0.05, rating=9.0)) is None


def test_the_second_look_is_at_fewer_pairs_in_another_order() -> None:
    for n, expected in ((0, 0), (1, 1), (7, 4), (1000, SAMPLE)):
        model = Answers()
        assert asked(model, n) is None
        again = model.asked[1] if n else []
        assert len(set(again)) == expected
        assert n < 7 or again != sorted(again)


def test_what_is_not_finite_has_another_name() -> None:
    assert asked(Answers(rating=np.inf)) is None
    ids = np.zeros(2, np.int32)
    assert contradiction(Answers(rating=np.nan), ids, ids, np.full(2, 3, np.float32), SCALE)
