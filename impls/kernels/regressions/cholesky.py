"""Cholesky factors and solutions of many small systems at once, compiled.

Rows of the factor are made in blocks: what all rows above take from a block is summed in
registers, tile by tile (Golub & Van Loan 2013, Matrix Computations, section 4.2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from impls.kernels.regressions.vector_tiles import (
    ENTRY_BYTES,
    TILE_COLUMNS,
    TILE_ROWS,
    WIDTH,
    subtract_product,
    subtract_tile,
)

Array = NDArray[Any]

EXTRA_COLUMNS = TILE_COLUMNS
"""Columns beside those of A: one for t, and as many as the last tile may reach beyond it."""


def cholesky_solve_reference(A: Array, t: Array, noise: Array) -> Array:
    """w = R⁻¹ (R⁻ᵀ t + noise) in NumPy, where A = RᵀR (d, d) and all others are (d,)."""
    L = np.linalg.cholesky(A)  # Rᵀ
    return np.linalg.solve(L.T, np.linalg.solve(L, t) + noise)


@njit(cache=True)
def cholesky_solve(At, noise) -> None:  # type: ignore[no-untyped-def]
    """The same, compiled, for `WIDTH` regressions, one in each lane; t becomes w.

    At (d, d + EXTRA_COLUMNS, WIDTH): A, of which only the upper triangles are read, then t in one
    column; it is overwritten. noise (d, WIDTH). One regression alone would wait for each of its 2d
    roots and quotients.
    """
    _factorise(At)
    d, entry = len(At), WIDTH * ENTRY_BYTES
    A, row = At.ctypes.data, At.shape[1] * entry
    t = A + d * entry
    for p in range(d - 1, -1, -1):
        for lane in range(WIDTH):
            At[p, d, lane] = (At[p, d, lane] + noise[p, lane]) * At[p, p, lane]
        for i in range(p):
            # numba adds the first argument, the context, here and below
            subtract_product(t + i * row, A + i * row + p * entry, t + p * row)  # type: ignore[call-arg]


@njit(cache=True, error_model="numpy")
def _factorise(At) -> None:  # type: ignore[no-untyped-def]
    """A becomes R, with 1 / r of each r on its diagonal, and t becomes R⁻ᵀ t."""
    d, row = len(At), At.shape[1] * WIDTH * ENTRY_BYTES
    for first in range(0, d, TILE_ROWS):
        end = min(first + TILE_ROWS, d)
        if end - first == TILE_ROWS:
            for j in range(first, d + 1, TILE_COLUMNS):
                subtract_tile(At.ctypes.data, row, first, j, first)  # type: ignore[call-arg]
        else:
            for p in range(first):
                _subtract_row(At, p, first, end)
        for p in range(first, end):
            for lane in range(WIDTH):
                At[p, p, lane] = 1 / np.sqrt(At[p, p, lane])
            for j in range(p + 1, d + 1):
                for lane in range(WIDTH):
                    At[p, j, lane] *= At[p, p, lane]
            _subtract_row(At, p, p + 1, end)


@njit(cache=True)
def _subtract_row(At, p, first, end) -> None:  # type: ignore[no-untyped-def]
    """What row p takes from the rows `first` to `end`, on and right of the diagonal."""
    d, entry = len(At), WIDTH * ENTRY_BYTES
    row = At.shape[1] * entry
    above = At.ctypes.data + p * row
    for i in range(first, end):
        for j in range(i, d + 1):
            place = At.ctypes.data + i * row + j * entry
            subtract_product(place, above + i * entry, above + j * entry)  # type: ignore[call-arg]
