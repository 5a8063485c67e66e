"""Rows of biased factors as single vectors: one SGD step is a dozen instructions.

A user's row is (p_u, b_u, 1, 0 …) and an item's (q_i, 1, b_i, 0 …), `lanes` entries each, so
that b_u + b_i + p_u·q_i is their dot product. Coefficients, one per lane, say what a step does:

    e      = z − row_u · row_i
    row_u  = keep_u ∘ row_u + e learn_u ∘ row_i
    row_i  = keep_i ∘ row_i + e learn_i ∘ row_u      (the old row_u)

with keep 1 and learn 0 where a row has its constant 1.
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
"""Entries in a cache line of 64 bytes; tables start on one, so that rows are split over few."""
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


def coefficients(factors: int, lanes: int, step: float, shrink: float) -> FloatRows:
    """keep_u, learn_u, keep_i, learn_i (4, lanes): all but the ones shrink and learn."""
    made = aligned_rows(4, lanes)
    made[[0, 2]], made[[1, 3]] = shrink, step
    user_one, item_one = factors + 1, factors
    made[:2, user_one] = made[2:, item_one] = 1.0, 0.0
    return made


@functools.lru_cache
def diagonal_steps(lanes: int) -> Callable[..., None]:
    """A compiled pass over one diagonal of `Blocks`, its blocks spread over the threads.

    `lanes` is a constant of the compiled code, which keeps whole rows in registers.
    """
    step, row_bytes = _step(lanes), lanes * ENTRY_BYTES

    @njit(parallel=True)
    def steps(starts, users, items, values, U, V, coefficients, groups, shift):  # type: ignore[no-untyped-def]
        user_rows, item_rows = U.ctypes.data, V.ctypes.data
        with_lanes = coefficients.ctypes.data
        for group in prange(groups):
            block = group * groups + (group + shift) % groups
            for n in range(starts[block], starts[block + 1]):
                user_row = user_rows + users[n] * row_bytes
                item_row = item_rows + items[n] * row_bytes
                step(user_row, item_row, with_lanes, values[n])

    return steps


def _step(lanes: int) -> Any:
    """The step above as an intrinsic on the addresses of two rows and the coefficients.

    LLVM's vector types say what its loop vectoriser cannot know: the rows do not overlap.
    """
    row = ir.VectorType(ir.FloatType(), lanes)
    number = ir.IntType(32)
    undefined = ir.Constant(row, ir.Undefined)

    @intrinsic
    def step(context, user_row, item_row, coefficients, target):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            at_user, at_item, at_coefficients, target = arguments

            def pointer(address: Any, n: int = 0) -> Any:
                """To row n of a table; vectors of odd lengths would be padded in an array."""
                offset = ir.Constant(address.type, n * lanes * ENTRY_BYTES)
                return builder.inttoptr(builder.add(address, offset), row.as_pointer())

            def load(address: Any, n: int = 0) -> Any:
                loaded = builder.load(pointer(address, n))
                loaded.align = ENTRY_BYTES  # more would have to hold for every copy of a table
                return loaded

            u, v = load(at_user), load(at_item)
            keep_u, learn_u, keep_v, learn_v = (load(at_coefficients, n) for n in range(4))
            total = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.FloatType(), [ir.FloatType(), row]),
                f"llvm.vector.reduce.fadd.v{lanes}f32",
            )
            zero = ir.Constant(ir.FloatType(), -0.0)
            dot = builder.call(total, [zero, builder.fmul(u, v)], fastmath=REASSOCIATE)
            error = builder.insert_element(
                undefined, builder.fsub(target, dot), ir.Constant(number, 0)
            )
            everywhere = ir.Constant(ir.VectorType(number, lanes), [0] * lanes)
            e = builder.shuffle_vector(error, undefined, everywhere)

            def moved(keep: Any, row: Any, learn: Any, other: Any) -> Any:
                towards = builder.fmul(builder.fmul(e, learn), other, flags=REASSOCIATE)
                return builder.fadd(builder.fmul(keep, row), towards, flags=REASSOCIATE)

            for new, place in (
                (moved(keep_u, u, learn_u, v), at_user),
                (moved(keep_v, v, learn_v, u), at_item),
            ):
                builder.store(new, pointer(place)).align = ENTRY_BYTES
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.float32), generate

    return step
