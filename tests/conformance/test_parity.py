"""Implementations of the same maths agree, step by step, with each other and with their loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.conformance.epochs import Watch
from bench.conformance.ratings import all_pairs, low_rank, tiny
from datasets.ratings import Ratings
from impls.autograd_mf import AutogradMF
from impls.kernels.regressions.batched import BatchedRegressions, LengthBuckets
from impls.kernels.regressions.regressions import regressions
from impls.kernels.sgd.blocked import cut
from impls.numba_sgd import NumbaSGD
from impls.numpy_sgd import NumpySGD
from impls.protocol import Implementation, Training
from impls.sparse_embedding_mf import SparseEmbeddingMF

Array = NDArray[np.float64]


class Learnt(NamedTuple):
    """P (n_users, k), Q (n_items, k), user biases (n_users,), item biases (n_items,)."""

    P: Array
    Q: Array
    b_user: Array
    b_item: Array


def _of_numpy(model: NumpySGD) -> Learnt:
    return Learnt(model.P_.copy(), model.Q_.copy(), model.user_bias_, model.item_bias_)


def _of_autograd(model: AutogradMF) -> Learnt:
    U, V = model.U_.detach().numpy().copy(), model.V_.detach().numpy().copy()
    return Learnt(U[:, 1:-1], V[:, 1:-1], U[:, 0], V[:, -1])


def _of_sparse(model: SparseEmbeddingMF) -> Learnt:
    P, Q, *biases = (table.weight.detach().numpy().copy() for table in model.tables_)
    b_user, b_item = biases or (np.zeros((len(P), 1)), np.zeros((len(Q), 1)))
    return Learnt(P, Q, b_user[:, 0], b_item[:, 0])


ROWS: dict[type[Any], tuple[dict[str, int], Callable[[Any], Learnt]]] = {
    NumpySGD: ({}, _of_numpy),
    AutogradMF: ({}, _of_autograd),
    SparseEmbeddingMF: ({"batch_size": 1}, _of_sparse),
}

PUBLISHED_FORM = {
    "biases": False,
    "response": "raw",
    "initialisation": "uniform",
    "regularisation": 0.0,
    "learning_rate": 0.01,
    "decay": 1.0,
}


@pytest.mark.parametrize("settings", [{}, PUBLISHED_FORM], ids=["default", "published form"])
def test_2000_updates_end_in_the_same_factors(settings: dict[str, Any]) -> None:
    train = low_rank(40, 30, 500, noise=0.3, seed=4)[0]
    fits = []
    for row, (more, learnt) in ROWS.items():
        model = row(factors=8, epochs=4, dtype="float64", seed=3, **{**settings, **more})
        fits.append((learnt(model.fit(train)), model.predict(*all_pairs(train))))
    (expected, predicted), *others = fits
    for other, other_predicted in others:
        for name, one, two in zip(Learnt._fields, expected, other, strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-5, atol=0, err_msg=name)
        np.testing.assert_allclose(other_predicted, predicted, rtol=1e-5)


def test_equal_settings_are_equal_defaults() -> None:
    """So that `default` is one search's result in all three rows."""
    one, *others = ({**vars(row()), "batch_size": None} for row in ROWS)
    assert all(other == one for other in others)


def _loss(learnt: Learnt, train: Ratings, regularisation: float) -> float:
    """Σ e² + λ(b_u² + b_i² + ‖p_u‖² + ‖q_i‖²) over the ratings, as the docstrings have it."""
    u, i = train.users, train.items
    p, q, b_user, b_item = learnt.P[u], learnt.Q[i], learnt.b_user[u], learnt.b_item[i]
    errors = train.values - b_user - b_item - (p * q).sum(axis=1)
    l2 = (p**2).sum() + (q**2).sum() + (b_user**2).sum() + (b_item**2).sum()
    return float((errors**2).sum() + regularisation * l2)


def _gradient(learnt: Learnt, train: Ratings, regularisation: float) -> Learnt:
    """By central differences."""
    width = 1e-5
    gradient = Learnt(*(np.zeros_like(part) for part in learnt))
    for part, by_part in zip(learnt, gradient, strict=True):
        for place, entry in np.ndenumerate(part):
            either_side = []
            for moved in (entry + width, entry - width):
                part[place] = moved
                either_side.append(_loss(learnt, train, regularisation))
            part[place] = entry
            by_part[place] = (either_side[0] - either_side[1]) / (2 * width)
    return gradient


@pytest.mark.parametrize(
    ("row", "ratings"),
    [(NumpySGD, 1), (AutogradMF, 1), (SparseEmbeddingMF, 1), (SparseEmbeddingMF, 6)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_step_goes_down_the_documented_loss(row: type[Any], ratings: int) -> None:
    """The second of two steps on the same ratings: by then the biases are not zero."""
    train = Ratings(
        np.array([0, 0, 1, 1, 2, 2])[:ratings],
        np.array([1, 0, 1, 2, 0, 2])[:ratings],
        np.array([4.0, 2.5, 5.0, 1.0, 3.0, 3.5])[:ratings],
        3,
        3,
        (1.0, 5.0),
    )
    batch = {"batch_size": ratings} if row is SparseEmbeddingMF else {}
    rate, decay, regularisation = 0.01, 0.7, 0.3
    model: Implementation = row(
        factors=4,
        epochs=2,
        learning_rate=rate,
        decay=decay,
        regularisation=regularisation,
        response="raw",
        std=0.5,
        dtype="float64",
        **batch,
    )
    watch = Watch(model, lambda: ROWS[row][1](model))
    model.fit(train, Training(referee=watch))
    before, after = watch.seen
    gradient = _gradient(before, train, regularisation)
    for name, start, end, slope in zip(Learnt._fields, before, after, gradient, strict=True):
        expected = -rate * decay * slope
        np.testing.assert_allclose(end - start, expected, rtol=1e-6, atol=1e-10, err_msg=name)
        assert np.any(slope)


def test_numba_sgd_is_the_same_loop_in_the_order_of_its_blocks() -> None:
    train = tiny()
    step, k = 2 * 0.04, 3
    settings = {"factors": k, "learning_rate": 0.04, "decay": 0.5, "regularisation": 0.1}
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        model = NumbaSGD(**settings, epochs=2, std=0.3, seed=7).fit(train)
    finally:
        numba.set_num_threads(threads)

    rng = np.random.default_rng(7)
    blocks, _ = cut(train, 1, 1, rng)
    p, q = (
        0.3 * np.sqrt(12) * (rng.random((n, k), np.float32).astype(np.float64) - 0.5)
        for n in (train.n_users, train.n_items)
    )
    b_user, b_item = np.zeros(train.n_users), np.zeros(train.n_items)
    for eta in (step, step / 2):
        shrink = 1 - eta * 0.1
        for u, i, z in blocks.ratings.tolist():
            change = eta * (z - b_user[u] - b_item[i] - p[u] @ q[i])
            b_user[u], b_item[i] = shrink * b_user[u] + change, shrink * b_item[i] + change
            p[u], q[i] = shrink * p[u] + change * q[i], shrink * q[i] + change * p[u]
    close = {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(model.U_[:, :k], p, **close)
    np.testing.assert_allclose(model.V_[:, :k], q, **close)
    np.testing.assert_allclose(model.U_[:, k], b_user, **close)
    np.testing.assert_allclose(model.V_[:, k + 1], b_item, **close)


@pytest.mark.parametrize("factors", [0, 3, 7, 16])
def test_regressions_in_batches_are_the_compiled_ones(factors: int) -> None:
    """Each row's ridge regression with noise, and with a row that has no rating, against NumPy."""
    rng = np.random.default_rng(factors)
    d, shape = 1 + factors, (12, 9)
    rated = rng.random(shape) < 0.6
    rated[4] = False
    rated[5] = True
    rows, columns = (ids.astype(np.int32) for ids in np.nonzero(rated))
    z = rng.normal(size=len(rows)).astype(np.float32)
    others = torch.tensor(rng.normal(size=(9, d)), dtype=torch.float32)
    root = torch.tensor(rng.normal(size=(d, d)), dtype=torch.float32)
    given: dict[str, Any] = {
        "alpha": 1.5,
        "precision": root @ root.T + torch.eye(d),
        "towards": torch.tensor(rng.normal(size=d), dtype=torch.float32),
        "ridge": 0.2,
        "noise": torch.tensor(rng.normal(size=(12, d)), dtype=torch.float32),
    }
    expected = np.empty((12, d))
    total = 0.0
    for row in range(12):  # that without ratings, too
        here = rows == row
        x = others.numpy()[columns[here]].astype(np.float64)
        y = z[here] - x[:, 0]
        x[:, 0] = 1.0
        A = given["precision"].numpy() + 1.5 * x.T @ x + 0.2 * max(here.sum(), 1) * np.eye(d)
        L = np.linalg.cholesky(A)
        white = np.linalg.solve(L, given["towards"].numpy() + 1.5 * x.T @ y)
        expected[row] = np.linalg.solve(L.T, white + given["noise"].numpy()[row])
        total += float(np.sum((y - x @ expected[row]) ** 2))
    for ways in (
        regressions(rows, columns, z, shape, "cpu"),
        BatchedRegressions(LengthBuckets.of(rows, columns, z, 12, "cpu")),
    ):
        w, squared_error = ways.solve(others, **given)
        np.testing.assert_allclose(w.numpy(), expected, rtol=2e-3, atol=2e-3)
        assert float(squared_error) == pytest.approx(total, rel=1e-3)
