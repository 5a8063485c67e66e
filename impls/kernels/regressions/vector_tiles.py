"""Sums of products in vector registers, which take most of a regression's time.

They are made of tiles. A tile stays in registers while all that is added to it passes by, as in
the kernels of matrix products (Goto & van de Geijn 2008, Anatomy of high-performance matrix
multiplication). The code uses LLVM's vector types, since its loop vectoriser cannot know that the
sums do not overlap the rows that are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

WIDTH = 16
"""Float32 entries of a vector: one register of AVX-512, two of AVX2."""
HEIGHT = 6
"""Rows of a tile. Its 6 or 12 registers are as many as AVX2 can hold beside those of the factors,
and enough that no sum waits for the one before it."""
TILE_ROWS, TILE_COLUMNS = 3, 2
"""Vectors of a tile of 16 triangles at once, as many as `HEIGHT` for the same reason."""
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

    def load_scalar(self, address: Any, entry: int) -> Any:
        offset = ir.Constant(address.type, entry * ENTRY_BYTES)
        place = self.builder.add(address, offset)
        return self.builder.load(self.builder.inttoptr(place, ir.FloatType().as_pointer()))

    def spread(self, scalar: Any) -> Any:
        first = self.builder.insert_element(UNDEFINED, scalar, NUMBER(0))
        lanes = ir.Constant(ir.VectorType(NUMBER, WIDTH), [0] * WIDTH)
        return self.builder.shuffle_vector(first, UNDEFINED, lanes)

    def plus_product(self, total: Any, a: Any, b: Any) -> Any:
        product = self.builder.fmul(a, b, flags=FUSED)
        return self.builder.fadd(total, product, flags=FUSED)


def add_tile_reference(gram: Array, i: int, j: int, x: Array) -> None:
    """The tile of Σ x xᵀ at (i, j), added to it in NumPy. gram (rows, lanes), x (n, entries)."""
    gram[i : i + HEIGHT, j : j + WIDTH] += x[:, i : i + HEIGHT].T @ x[:, j : j + WIDTH]


@intrinsic
def add_tile(context, gram, gram_row, x, x_row, i, j, n):  # type: ignore[no-untyped-def]
    """The same.

    gram, x          addresses of the sum and of the n rows x
    gram_row, x_row  bytes of a row of each
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        gram, gram_row, x, x_row, i, j, n = arguments
        rows = _Rows(builder)
        entry_bytes = ir.Constant(i.type, ENTRY_BYTES)
        i_bytes, j_bytes = builder.mul(i, entry_bytes), builder.mul(j, entry_bytes)
        first = builder.add(builder.add(gram, builder.mul(i, gram_row)), j_bytes)
        places = [
            builder.add(first, builder.mul(gram_row, ir.Constant(i.type, row)))
            for row in range(HEIGHT)
        ]
        # LLVM puts what lies on the stack into registers.
        totals = [cgutils.alloca_once_value(builder, rows.load(place, 0)) for place in places]
        with cgutils.for_range(builder, n) as loop:
            row = builder.add(x, builder.mul(loop.index, x_row))
            wide, high = rows.load(builder.add(row, j_bytes), 0), builder.add(row, i_bytes)
            for entry, total in enumerate(totals):
                own = rows.spread(rows.load_scalar(high, entry))
                builder.store(rows.plus_product(builder.load(total), own, wide), total)
        for place, total in zip(places, totals, strict=True):
            rows.store(builder.load(total), place, 0)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 7), generate


def copy_reference(v: Array, a: Array) -> None:
    """v = a in NumPy, for vectors (WIDTH,)."""
    v[:] = a


@intrinsic
def copy(context, v, a):  # type: ignore[no-untyped-def]
    """The same, on the addresses of the vectors."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        rows = _Rows(builder)
        rows.store(rows.load(arguments[1], 0), arguments[0], 0)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


def subtract_product_reference(v: Array, a: Array, b: Array) -> None:
    """v -= a b in NumPy, for vectors (WIDTH,)."""
    v -= a * b


@intrinsic
def subtract_product(context, v, a, b):  # type: ignore[no-untyped-def]
    """The same, on the addresses of the vectors."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        rows = _Rows(builder)
        v, a, b = (rows.load(address, 0) for address in arguments)
        product = builder.fmul(a, b, flags=FUSED)
        rows.store(builder.fsub(v, product, flags=FUSED), arguments[0], 0)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 3), generate


def subtract_tile_reference(A: Array, i: int, j: int, n: int) -> None:
    """What n rows take from the tile of A (rows, columns, WIDTH) at (i, j), in NumPy."""
    here = slice(i, i + TILE_ROWS), slice(j, j + TILE_COLUMNS)
    A[here] -= np.einsum("pil,pjl->ijl", A[:n, here[0]], A[:n, here[1]])


@intrinsic
def subtract_tile(context, A, A_row, i, j, n):  # type: ignore[no-untyped-def]
    """The same, on the address of A and the bytes of its rows."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        A, A_row, i, j, n = arguments
        rows = _Rows(builder)
        vector_bytes = ir.Constant(i.type, WIDTH * ENTRY_BYTES)
        i_bytes, j_bytes = builder.mul(i, vector_bytes), builder.mul(j, vector_bytes)
        first = builder.add(builder.add(A, builder.mul(i, A_row)), j_bytes)
        places = [
            builder.add(first, builder.mul(A_row, ir.Constant(i.type, row)))
            for row in range(TILE_ROWS)
        ]
        columns = range(0, TILE_COLUMNS * WIDTH, WIDTH)
        totals = [
            [cgutils.alloca_once_value(builder, rows.load(place, entry)) for entry in columns]
            for place in places
        ]
        with cgutils.for_range(builder, n) as loop:
            row = builder.add(A, builder.mul(loop.index, A_row))
            left, right = builder.add(row, i_bytes), builder.add(row, j_bytes)
            wide = [rows.load(right, entry) for entry in columns]
            for high, own in enumerate(totals):
                minus = builder.fneg(rows.load(left, high * WIDTH))
                for total, other in zip(own, wide, strict=True):
                    builder.store(rows.plus_product(builder.load(total), minus, other), total)
        for place, own in zip(places, totals, strict=True):
            for entry, total in zip(columns, own, strict=True):
                rows.store(builder.load(total), place, entry)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate
