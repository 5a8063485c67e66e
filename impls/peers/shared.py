"""What the wrappers share: fitted parameters as arrays, and the number of threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from impls.kernels.chunks import Ids, Predicted

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Learnt:
    """r̂ = μ + b_u + b_i + p_u·q_i of a fitted library, whose own predict is often a slow loop.

    It is immutable, so a copy is the object itself.

    P  (n_users, k)    b_user  (n_users,)
    Q  (n_items, k)    b_item  (n_items,)
    """

    mean: float
    b_user: Array
    b_item: Array
    P: Array
    Q: Array

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def predict(self, users: Ids, items: Ids) -> Predicted:
        products = np.einsum("nk,nk->n", self.P[users], self.Q[items])  # (n,)
        return (self.mean + self.b_user[users] + self.b_item[items] + products).astype(np.float32)


def pinned() -> int:
    """The number of threads that the harness has pinned; every core where none is pinned."""
    return int(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0] or os.cpu_count() or 1)
