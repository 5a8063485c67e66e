"""Sums of outer products in vector registers, which take most of a regression's time.

A row is `lanes` float32 entries, a multiple of 8. The code uses LLVM's vector types, since its
loop vectoriser cannot know that the sums do not overlap the rows that are read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

WIDTH = 8
"""Entries of a vector."""
AT_ONCE = 4
"""Rows that one call adds: a sum is read and written once for four products."""
ENTRY_BYTES = 4
FUSED = ("contract", "nsz")

Array = NDArray[np.float32]

VECTOR = ir.VectorType(ir.FloatType(), WIDTH)
NUMBER = ir.IntType(32)
UNDEFINED = ir.Constant(VECTOR, ir.Undefined)


def lanes_for(width: int) -> int:
    """Entries of a padded row: `width` rounded up to whole vectors."""
    return -(-width // WIDTH) * WIDTH


class _Rows:
    """Reads, writes and sums of vectors, as instructions that a builder emits."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def place(self, address: Any, entry: int) -> Any:
        offset = ir.Constant(address.type, entry * ENTRY_BYTES)
        return self.builder.inttoptr(self.builder.add(address, offset), VECTOR.as_pointer())

    def load(self, address: Any, entry: int) -> Any:
        loaded = self.builder.load(self.place(address, entry))
        loaded.align = ENTRY_BYTES
        return loaded

    def store(self, vector: Any, address: Any, entry: int) -> None:
        self.builder.store(vector, self.place(address, entry)).align = ENTRY_BYTES

    def spread(self, scalar: Any) -> Any:
        first = self.builder.insert_element(UNDEFINED, scalar, NUMBER(0))
        return self.spread_lane(first, 0)

    def spread_lane(self, vector: Any, lane: int) -> Any:
        lanes = ir.Constant(ir.VectorType(NUMBER, WIDTH), [lane] * WIDTH)
        return self.builder.shuffle_vector(vector, UNDEFINED, lanes)

    def plus_product(self, total: Any, a: Any, b: Any) -> Any:
        product = self.builder.fmul(a, b, flags=FUSED)
        return self.builder.fadd(total, product, flags=FUSED)


def add_tile_reference(gram: Array, i: int, j: int, x: Array) -> None:
    """The tile of Σ x xᵀ at entries (i, j), added to G (lanes, lanes) in NumPy; x (n, lanes)."""
    gram[i : i + WIDTH, j : j + WIDTH] += x[:, i : i + WIDTH].T @ x[:, j : j + WIDTH]


@intrinsic
def add_tile(context, gram, row_bytes, i, j, x0, x1, x2, x3):  # type: ignore[no-untyped-def]
    """The same, of `AT_ONCE` rows x.

    gram, x0 … x3  addresses of G (lanes, lanes) and of the rows (lanes,)
    i, j           bytes from the start of a row to its entries i and j
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        gram, row_bytes, i, j, *x = arguments
        rows = _Rows(builder)
        wide = [rows.load(builder.add(row, j), 0) for row in x]
        high = [rows.load(builder.add(row, i), 0) for row in x]
        # i counts bytes: entry i of the diagonal is in row i / ENTRY_BYTES.
        first = builder.sdiv(builder.mul(i, row_bytes), ir.Constant(i.type, ENTRY_BYTES))
        place = builder.add(builder.add(gram, first), j)
        for lane in range(WIDTH):
            total = rows.load(place, 0)
            for own, other in zip(high, wide, strict=True):
                total = rows.plus_product(total, rows.spread_lane(own, lane), other)
            rows.store(total, place, 0)
            place = builder.add(place, row_bytes)
        return context.get_dummy_value()

    return types.void(*[types.intp] * (4 + AT_ONCE)), generate


def add_scaled_reference(own: Array, other: Array, factor: float) -> None:
    """own += factor · other in NumPy, for two rows (lanes,)."""
    own += factor * other


@functools.lru_cache
def add_scaled(lanes: int) -> Callable[..., None]:
    """The same as an intrinsic, on the addresses of two rows."""

    @intrinsic
    def add(context, own, other, factor):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            own, other, factor = arguments
            rows = _Rows(builder)
            spread = rows.spread(factor)
            for at in range(0, lanes, WIDTH):
                total = rows.plus_product(rows.load(own, at), spread, rows.load(other, at))
                rows.store(total, own, at)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.float32), generate

    return add
