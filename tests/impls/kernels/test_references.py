"""Each compiled kernel against the NumPy reference that stands above it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray

from bench.planning.availability import device_problem, library_problem
from impls.kernels.regressions.compiled import (
    _sums,
    cholesky_solve,
    cholesky_solve_reference,
    sums_reference,
)
from impls.kernels.regressions.vector_gram import (
    ENTRY_BYTES,
    add_scaled,
    add_scaled_reference,
    add_tile,
    add_tile_reference,
    lanes_for,
)
from impls.kernels.sgd import vector_rows
from impls.kernels.sgd.blocked import RATING

RNG = np.random.default_rng(0)


def normal(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("factors", [0, 1, 6, 7, 14, 22, 30, 38])
def test_a_step_of_sgd_on_two_vectors(factors: int) -> None:
    """One rating: its two rows take the step, and no other row changes."""
    lanes = vector_rows.lanes_for(factors)
    U, V = vector_rows.aligned_rows(3, lanes), vector_rows.aligned_rows(2, lanes)
    assert U.ctypes.data % 64 == V.ctypes.data % 64 == 0
    for rows in (U, V):
        rows[:, : factors + 2] = normal(len(rows), factors + 2)
    U[:, factors + 1] = V[:, factors] = 1.0
    expected_U, expected_V = U.copy(), V.copy()
    expected_U[1], expected_V[0] = vector_rows.step_reference(U[1], V[0], 2.0, 0.1, 0.97, factors)

    starts, rating = np.array([0, 1]), np.array([(1, 0, 2.0)], RATING)
    steps = vector_rows.diagonal_steps(factors)
    steps(starts, rating, U, V, 1, 0, np.float32(0.1), np.float32(0.97))

    np.testing.assert_allclose(U, expected_U, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(V, expected_V, rtol=1e-5, atol=1e-6)
    assert np.array_equal(U[[0, 2]], expected_U[[0, 2]])
    assert np.array_equal(V[1], expected_V[1])


@pytest.mark.skipif(library_problem("triton") is not None, reason=str(library_problem("triton")))
@pytest.mark.parametrize("slots", [1, 5])
def test_a_step_of_sgd_in_triton(slots: int) -> None:
    """One block of 12 ratings, whose shares have users and items in common."""
    from impls.kernels.sgd.triton_kernel import diagonal_steps, step_reference

    device = "cpu" if device_problem("cuda") else "cuda"
    users, items = (RNG.integers(0, 4, 12).astype(np.int32) for _ in range(2))
    response, U, V = normal(12), normal(4, 8), normal(4, 8)
    U[:, 4], V[:, 3] = 1.0, 1.0
    starts = np.array([0, 12], np.int32)
    columns = [torch.tensor(each, device=device) for each in (starts, users, items, response, U, V)]
    diagonal_steps[(1,)](
        *columns, 1, 0, slots, 0.1, 0.97, factors=3, lanes=8, SLOTS=8, LANES=8, num_stages=1
    )

    share = -(-12 // slots)
    for step in range(share):
        n = np.arange(slots) * share + step
        n = n[n < 12]
        step_reference(users[n], items[n], response[n], U, V, 0.1, 0.97, 3)
    np.testing.assert_allclose(columns[-2].cpu(), U, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(columns[-1].cpu(), V, rtol=1e-4, atol=1e-5)


def test_a_tile_of_a_sum_of_outer_products() -> None:
    x, gram = normal(4, 24), normal(24, 24)
    expected = gram.copy()
    add_tile_reference(expected, 8, 16, x)

    @njit
    def compiled(gram, x):  # type: ignore[no-untyped-def]
        at, row_bytes = x.ctypes.data, x.shape[1] * ENTRY_BYTES
        rows = at, at + row_bytes, at + 2 * row_bytes, at + 3 * row_bytes
        add_tile(gram.ctypes.data, row_bytes, 8 * ENTRY_BYTES, 16 * ENTRY_BYTES, *rows)

    compiled(gram, x)
    np.testing.assert_allclose(gram, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lanes", [8, 40])
def test_a_scaled_row_added_to_another(lanes: int) -> None:
    own, other, add = normal(lanes), normal(lanes), add_scaled(lanes)
    expected = own.copy()
    add_scaled_reference(expected, other, 0.3)

    @njit
    def compiled(own, other, factor):  # type: ignore[no-untyped-def]
        add(own.ctypes.data, other.ctypes.data, factor)

    compiled(own, other, np.float32(0.3))
    np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 4, 11])
def test_the_sums_of_a_regression(n: int) -> None:
    beside, biases, values = normal(6, 16), normal(6), normal(n)
    beside[5], biases[5] = 0.0, 0.0  # the row of zeros that fills up the last four
    columns = RNG.integers(0, 5, n).astype(np.int32)
    A, t = _sums(16)(columns, values, beside, biases)
    expected_A, expected_t = sums_reference(columns, values, beside, biases)
    np.testing.assert_allclose(np.triu(A), np.triu(expected_A), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(t, expected_t, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("d", [1, 5, 8, 17])
def test_a_cholesky_solve(d: int) -> None:
    root, t, noise = normal(d, d + 3), normal(d), normal(d)
    A = root @ root.T + np.eye(d, dtype=np.float32)
    expected = cholesky_solve_reference(A.astype(float), t, noise)
    padded, w = np.zeros((d, lanes_for(d)), np.float32), np.zeros(d, np.float32)
    padded[:, :d] = np.triu(A)
    right = np.zeros(lanes_for(d), np.float32)
    right[:d] = t
    cholesky_solve(d)(padded, right, noise, w)
    np.testing.assert_allclose(w, expected, rtol=1e-3, atol=1e-4)
