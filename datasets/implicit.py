"""Ratings as binary feedback: every pair, 1 where it was rated."""

from __future__ import annotations

import numpy as np

from datasets.assemble import fingerprint
from datasets.ratings import Dataset, Ratings


def implicit(explicit: Dataset, name: str) -> Dataset:
    """All users × items of `explicit`, valued 1 where rated and 0 elsewhere; no timestamps."""
    ratings = explicit.ratings
    rated = np.zeros((ratings.n_users, ratings.n_items), dtype=np.float32)
    rated[ratings.users, ratings.items] = 1
    users, items = np.indices(rated.shape, dtype=np.int32)
    pairs = Ratings(
        users.ravel(), items.ravel(), rated.ravel(), ratings.n_users, ratings.n_items, (0.0, 1.0)
    )
    user_ids, item_ids = explicit.user_ids, explicit.item_ids
    return Dataset(name, pairs, user_ids, item_ids, fingerprint(pairs, user_ids, item_ids))
