"""Rows of biased factors as single vectors: one SGD step is a dozen instructions.

A user's row is (p_u, b_u, 1, 0 …) and an item's (q_i, 1, b_i, 0 …), `lanes` entries each, so
that b_u + b_i + p_u·q_i is their dot product.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

ENTRY_BYTES = 4
LINE = 16
"""Entries in a cache line of 64 bytes. Tables start on one, so that a row spans few lines."""
REASSOCIATE = ("reassoc", "contract", "nsz")

FloatRows = NDArray[np.float32]


def lanes_for(factors: int) -> int:
    """Entries of a row: the factors, a bias and a one, rounded up to half a cache line."""
    return -(-(factors + 2) // 8) * 8


def aligned_rows(n: int, lanes: int) -> FloatRows:
    """Zeros (n, lanes) that start on a cache line."""
    buffer = np.zeros(n * lanes + LINE, np.float32)
    first = -buffer.ctypes.data // ENTRY_BYTES % LINE
    return buffer[first : first + n * lanes].reshape(n, lanes)


@functools.lru_cache
def diagonal_steps(factors: int) -> Callable[..., None]:
    """A compiled pass over one diagonal of `Blocks`, its blocks divided among the threads.

    `factors` is a constant of the compiled code, which holds whole rows in registers.
    """
    step, row_bytes = _step(factors), lanes_for(factors) * ENTRY_BYTES

    @njit(parallel=True)
    def steps(starts, ratings, U, V, groups, shift, rate, shrink):  # type: ignore[no-untyped-def]
        user_rows, item_rows = U.ctypes.data, V.ctypes.data
        for group in prange(groups):
            block = group * groups + (group + shift) % groups
            for n in range(starts[block], starts[block + 1]):
                rating = ratings[n]
                user_row = user_rows + rating.user * row_bytes
                item_row = item_rows + rating.item * row_bytes
                step(user_row, item_row, rating.standard_score, rate, shrink)

    return steps


def step_reference(
    user: FloatRows, item: FloatRows, z: float, rate: float, shrink: float, factors: int
) -> tuple[FloatRows, FloatRows]:
    """The step in NumPy: new rows (lanes,) for the rating z; rate = 2η, shrink = 1 − 2ηλ."""
    change = rate * (z - user @ item)
    new_user, new_item = shrink * user + change * item, shrink * item + change * user
    new_user[factors + 1] = new_item[factors] = 1.0
    return new_user, new_item


def _step(factors: int) -> Any:
    """The step as an intrinsic on the addresses of two rows.

    It uses LLVM's vector types, since its loop vectoriser cannot know that rows do not overlap.
    """
    lanes = lanes_for(factors)
    row = ir.VectorType(ir.FloatType(), lanes)
    number = ir.IntType(32)
    undefined = ir.Constant(row, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(number, lanes), [0] * lanes)
    user_one, item_one = factors + 1, factors

    @intrinsic
    def step(context, user_row, item_row, standard_score, rate, shrink):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            at_user, at_item, standard_score, rate, shrink = arguments
            user, item = (builder.inttoptr(at, row.as_pointer()) for at in (at_user, at_item))

            def load(place: Any) -> Any:
                loaded = builder.load(place)
                loaded.align = ENTRY_BYTES  # a copy of a table may not start on a cache line
                return loaded

            def spread(scalar: Any) -> Any:
                first = builder.insert_element(undefined, scalar, ir.Constant(number, 0))
                return builder.shuffle_vector(first, undefined, everywhere)

            u, v = load(user), load(item)
            total = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.FloatType(), [ir.FloatType(), row]),
                f"llvm.vector.reduce.fadd.v{lanes}f32",
            )
            zero = ir.Constant(ir.FloatType(), -0.0)
            dot = builder.call(total, [zero, builder.fmul(u, v)], fastmath=REASSOCIATE)
            change = spread(builder.fmul(rate, builder.fsub(standard_score, dot)))
            keep = spread(shrink)
            one = ir.Constant(ir.FloatType(), 1.0)
            for own, other, place, lane in ((u, v, user, user_one), (v, u, item, item_one)):
                kept = builder.fmul(keep, own, flags=REASSOCIATE)
                towards = builder.fmul(change, other, flags=REASSOCIATE)
                new = builder.fadd(kept, towards, flags=REASSOCIATE)
                new = builder.insert_element(new, one, ir.Constant(number, lane))
                builder.store(new, place).align = ENTRY_BYTES
            return context.get_dummy_value()

        float32 = types.float32
        return types.void(types.intp, types.intp, float32, float32, float32), generate

    return step
