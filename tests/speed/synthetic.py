"""One small synthetic set, of which every workload takes as many ratings as it needs."""

from __future__ import annotations

import numpy as np

from datasets.ratings import Ratings

PER_USER = 40
N_ITEMS = 500
STRIDE = 7
"""Prime to the number of items, so that no user meets one twice."""


def ratings(rows: int) -> Ratings:
    """`rows` ratings in random order, of as many users as that takes.

    The users grow with the rows and the items do not, so the work grows with the rows.
    """
    rng = np.random.default_rng(0)
    users, place = np.divmod(np.arange(rows), PER_USER)  # (rows,), (rows,)
    n_users = int(users[-1]) + 1
    items = (rng.integers(N_ITEMS, size=n_users)[users] + STRIDE * place) % N_ITEMS  # (rows,)
    P, Q = rng.standard_normal((n_users, 3)), rng.standard_normal((N_ITEMS, 3))
    score = 3.5 + np.einsum("nk,nk->n", P[users], Q[items]) + rng.standard_normal(rows)
    values = np.clip(np.round(score), 1, 5)
    return Ratings(users, items, values, n_users, N_ITEMS, (1.0, 5.0)).sample(rows, seed=0)
