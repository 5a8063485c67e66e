"""Each compiled kernel against the NumPy reference that stands above it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csc_array

from bench.planning.availability import device_problem, library_problem
from impls.kernels.regressions.cholesky import (
    EXTRA_COLUMNS,
    cholesky_solve,
    cholesky_solve_reference,
)
from impls.kernels.regressions.gram import AT_ONCE, gram, gram_reference, parts
from impls.kernels.regressions.scores import scores, scores_reference
from impls.kernels.regressions.sets import (
    LANES,
    both_diagonal,
    draw_weights,
    draw_weights_reference,
    in_blocks,
)
from impls.kernels.regressions.vector_tiles import (
    ENTRY_BYTES,
    TILE_COLUMNS,
    TILE_ROWS,
    WIDTH,
    add_tile,
    add_tile_reference,
    copy,
    copy_reference,
    subtract_product,
    subtract_product_reference,
    subtract_tile,
    subtract_tile_reference,
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
    x, gram = normal(9, 40), normal(18, 32)
    expected = gram.copy()
    add_tile_reference(expected, 12, 16, x)

    @njit
    def compiled(gram, x):  # type: ignore[no-untyped-def]
        gram_row, x_row = gram.shape[1] * ENTRY_BYTES, x.shape[1] * ENTRY_BYTES
        # numba adds the first argument, the context
        add_tile(gram.ctypes.data, gram_row, x.ctypes.data, x_row, 12, 16, len(x))  # type: ignore[call-arg]

    compiled(gram, x)
    np.testing.assert_allclose(gram, expected, rtol=1e-5, atol=1e-5)


def test_a_product_subtracted_from_a_vector() -> None:
    """No entry beside it changes."""
    vectors = normal(3, 2 * WIDTH)
    expected = vectors.copy()
    subtract_product_reference(*expected[:, :WIDTH])

    @njit
    def compiled(v, a, b):  # type: ignore[no-untyped-def]
        # numba adds the first argument, the context
        subtract_product(v.ctypes.data, a.ctypes.data, b.ctypes.data)  # type: ignore[call-arg]

    compiled(*vectors)
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-6)


def test_a_copied_vector() -> None:
    vectors = normal(2, 2 * WIDTH)
    expected = vectors.copy()
    copy_reference(*expected[:, :WIDTH])

    @njit
    def compiled(v, a):  # type: ignore[no-untyped-def]
        # numba adds the first argument, the context
        copy(v.ctypes.data, a.ctypes.data)  # type: ignore[call-arg]

    compiled(*vectors)
    assert np.array_equal(vectors, expected)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_a_tile_of_products_subtracted(n: int) -> None:
    """No vector beside it changes."""
    A = normal(TILE_ROWS + 9, TILE_COLUMNS + 9, WIDTH)
    expected = A.copy()
    subtract_tile_reference(expected, 7, 8, n)

    @njit
    def compiled(A, i, j, n):  # type: ignore[no-untyped-def]
        # numba adds the first argument, the context
        subtract_tile(A.ctypes.data, A.shape[1] * WIDTH * ENTRY_BYTES, i, j, n)  # type: ignore[call-arg]

    compiled(A, 7, 8, n)
    np.testing.assert_allclose(A, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("k", [0, 1, 10, 16, 33])
@pytest.mark.parametrize("n", [0, 1, AT_ONCE, AT_ONCE + 11])
def test_the_sums_of_a_regression(k: int, n: int) -> None:
    others, values = normal(6, 1 + k), normal(n)
    columns = RNG.integers(0, 6, n).astype(np.int32)
    G = np.zeros((k + 2, k + 2), np.float32)
    gram(columns, values, *parts(others), G)
    expected = np.triu(gram_reference(columns, values, others))
    np.testing.assert_allclose(np.triu(G), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("d", [1, 5, 6, 8, 17])
def test_as_many_cholesky_solves_as_a_vector_has_lanes(d: int) -> None:
    roots, t, noise = normal(WIDTH, d, d + 3), normal(WIDTH, d), normal(WIDTH, d)
    A = roots @ roots.mT + np.eye(d, dtype=np.float32)
    expected = [
        cholesky_solve_reference(*each) for each in zip(A.astype(float), t, noise, strict=True)
    ]
    At = np.full((d, d + EXTRA_COLUMNS, WIDTH), np.nan, np.float32)
    At[:, :d], At[:, d] = np.moveaxis(np.triu(A), 0, -1), t.T
    cholesky_solve(At, noise.T.copy())
    w = At[:, d]
    np.testing.assert_allclose(w.T, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("k", [0, 1, 20])
def test_the_scores_of_pairs(k: int) -> None:
    rows, columns = (RNG.integers(0, 4, 9).astype(np.int32) for _ in range(2))
    W, X = normal(4, 1 + k), normal(4, 1 + k)
    found, expected = (each(rows, columns, W, X) for each in (scores, scores_reference))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("d", [1, 2, 33])
def test_a_basis_in_which_two_matrices_are_diagonal(d: int) -> None:
    A, B = (torch.tensor(M @ M.T + np.eye(d)) for M in RNG.normal(size=(2, d, d)))
    D, U, inverse = both_diagonal(A, B)
    for found, expected in ((U.mT @ B @ U, torch.eye(d)), (U.mT @ A @ U, D.diag())):
        torch.testing.assert_close(found, expected.double(), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(inverse @ U, torch.eye(d).double(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("d", [1, LANES, LANES + 3])
def test_a_pass_over_the_weights_of_sets(d: int) -> None:
    S = normal(9, 6) * (RNG.random((9, 6)) < 0.5)
    S[:, 2] = 0.0  # a column without ratings: its weights are drawn from the prior alone
    by_column = csc_array(S)
    residuals, weights, noise = normal(9, d), normal(6, d), normal(6, d)
    mean, precision = normal(1, d), np.exp(normal(1, d))
    expected = residuals.copy(), weights.copy()
    draw_weights_reference(S, *expected, mean[0], precision[0], noise)
    found = in_blocks(residuals), in_blocks(weights)
    draw_weights(
        *(by_column.indptr, by_column.indices, by_column.data, (S**2).sum(axis=0)),
        *(*found, in_blocks(mean)[:, 0], in_blocks(precision, fill=1.0)[:, 0], in_blocks(noise)),
    )
    for blocks, matrix in zip(found, expected, strict=True):
        np.testing.assert_allclose(blocks, in_blocks(matrix), rtol=1e-4, atol=1e-5)
