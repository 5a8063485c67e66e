"""Ratings cut into strata in which no user and no item appears twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import Ratings


def strata(train: Ratings, order: NDArray[np.int64], at_most: int) -> list[NDArray[np.int64]]:
    """Ratings of `train` by stratum, `at_most` in one, together all of them: an edge colouring
    of the bipartite graph of users and items, each rating an edge.

    Greedy, in the given order: a rating takes the lowest colour that neither its user nor its
    item has yet. At least as many colours are needed as the most rated item or most rating
    user has ratings. Bit c of a Python integer says whether colour c is taken.
    """
    user_has, item_has = [0] * train.n_users, [0] * train.n_items
    colours = []
    for u, i in zip(train.users[order].tolist(), train.items[order].tolist(), strict=True):
        taken = user_has[u] | item_has[i]
        free = ~taken & (taken + 1)  # the lowest bit that is not set
        user_has[u] |= free
        item_has[i] |= free
        colours.append(free.bit_length() - 1)
    colour = np.array(colours)
    by_colour = np.argsort(colour, kind="stable")
    whole = np.split(order[by_colour], np.cumsum(np.bincount(colour))[:-1])
    return [part for rows in whole for part in np.array_split(rows, -(-len(rows) // at_most))]
