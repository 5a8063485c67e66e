"""Predictions for many pairs in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Predicted = NDArray[np.float32]

CHUNK = 1 << 15


def in_chunks(predict: Callable[[Ids, Ids], Predicted], users: Ids, items: Ids) -> Predicted:
    """`predict(users, items)` (n,), called with at most `CHUNK` pairs at a time."""
    predicted = np.empty(len(users), dtype=np.float32)
    for start in range(0, len(users), CHUNK):
        chunk = slice(start, start + CHUNK)
        predicted[chunk] = predict(users[chunk], items[chunk])
    return predicted
