"""A sample of many ratings: small, and as cheap as it is small."""

from __future__ import annotations

import tracemalloc

import numpy as np

from datasets.ratings import Ratings


def ratings(n: int) -> Ratings:
    ids = np.arange(n)
    return Ratings(ids, ids, ids, n, n, (0, n))


def test_a_sample_has_that_many_ratings_or_all_and_its_own_ids() -> None:
    for n, expected in ((5, 5), (20, 10)):
        sample = ratings(10).sample(n, seed=0)
        assert len(sample) == sample.n_users == sample.n_items == expected
        assert len(set(sample.values.tolist())) == expected
        assert sorted(sample.users.tolist()) == list(range(expected))


def test_a_sample_takes_no_memory_by_the_size_of_the_whole() -> None:
    whole = ratings(1_000_000)
    tracemalloc.start()
    whole.sample(1000, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
