"""Ratings divided into strata in which no user and no item appears twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import Ratings


def strata(train: Ratings, order: NDArray[np.int64], at_most: int) -> list[NDArray[np.int64]]:
    """Rows of `train` by stratum, at most `at_most` in each and together all of them: an edge
    colouring of the bipartite graph of users and items, whose edges are the ratings.

    Greedy, in the given order: a rating gets the lowest colour that neither its user nor its
    item has yet. The number of colours is at least the largest number of ratings of a user or
    an item. Bit c of a Python integer is set where colour c is in use.
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
