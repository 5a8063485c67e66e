"""The kernel of `triton_sgd`: one diagonal of a grid of blocks, one program for each block.

A user's row is (p_u, b_u, 1, 0 …) and an item's (q_i, 1, b_i, 0 …), `lanes` entries each, so
that b_u + b_i + p_u·q_i is their dot product; the step is that of `vector_rows`.

A program takes one rating from each of `slots` equal shares of its block at a time. It steps
along the gradients of all of them, computed from the rows before the step. Where several ratings
share a row, the row takes the step of the first alone, so that the result depends on no race.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton
import triton.language as tl
from numpy.typing import NDArray

Array = NDArray[Any]


def step_reference(
    u: Array, i: Array, z: Array, U: Array, V: Array, rate: float, shrink: float, factors: int
) -> None:
    """A step of a program in NumPy: ratings z (slots,) by users u of items i change U and V."""
    user, item = U[u], V[i]  # (slots, lanes)
    change = rate * (z - np.vecdot(user, item))[:, None]  # (slots, 1)
    first_user, first_item = (np.unique(ids, return_index=True)[1] for ids in (u, i))
    U[u[first_user]] = (shrink * user + change * item)[first_user]
    V[i[first_item]] = (shrink * item + change * user)[first_item]
    U[u, factors + 1] = V[i, factors] = 1.0


# Compiled once for all values of these numbers: in the warm-up, on other ratings.
@triton.jit(do_not_specialize=["groups", "shift", "slots"])
def diagonal_steps(  # type: ignore[no-untyped-def]
    starts,
    users,
    items,
    response,
    U,
    V,
    groups,
    shift,
    slots,
    rate,
    shrink,
    factors: tl.constexpr,
    lanes: tl.constexpr,
    SLOTS: tl.constexpr,
    LANES: tl.constexpr,
):
    """Blocks as in `dealt_blocks`; U (n_users, lanes), V (n_items, lanes). SLOTS and LANES are
    powers of two, at least as large as `slots` and `lanes`; the rest is masked."""
    group = tl.program_id(0)
    block = group * groups + (group + shift) % groups
    start = tl.load(starts + block)
    stop = tl.load(starts + block + 1)
    share = (stop - start + slots - 1) // slots
    slot = tl.arange(0, SLOTS)
    lane = tl.arange(0, LANES)[None, :]
    earlier = slot[None, :] < slot[:, None]  # (SLOTS, SLOTS)

    for step in range(share):
        n = start + slot * share + step
        here = (slot < slots) & (n < stop)  # (SLOTS,)
        u = tl.load(users + n, here, other=0)
        i = tl.load(items + n, here, other=0)
        z = tl.load(response + n, here, other=0.0)
        at_user = U + u.to(tl.int64)[:, None] * lanes + lane  # (SLOTS, LANES)
        at_item = V + i.to(tl.int64)[:, None] * lanes + lane
        there = here[:, None] & (lane < lanes)
        user = tl.load(at_user, there, other=0.0)
        item = tl.load(at_item, there, other=0.0)
        steps_user = there & _first(u, earlier & here[None, :])[:, None]  # while rows are fetched
        steps_item = there & _first(i, earlier & here[None, :])[:, None]

        change = rate * (z - tl.sum(user * item, axis=1))[:, None]  # (SLOTS, 1)
        new_user = tl.where(lane == factors + 1, 1.0, shrink * user + change * item)
        new_item = tl.where(lane == factors, 1.0, shrink * item + change * user)
        tl.debug_barrier()  # all threads have read before any writes
        tl.store(at_user, new_user, steps_user)
        tl.store(at_item, new_item, steps_item)
        tl.debug_barrier()  # all have written before any reads again


@triton.jit
def _first(ids, before):  # type: ignore[no-untyped-def]
    """Whether a slot is the first that has its id. (SLOTS,)"""
    same = (ids[:, None] == ids[None, :]) & before  # (SLOTS, SLOTS)
    return tl.sum(same.to(tl.int32), axis=1) == 0
