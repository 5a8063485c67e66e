from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.ratings import HeldOut, Ratings
from impls.autorec import ACTIVATIONS, AutoRec
from impls.bias import Bias
from impls.kernels import rated_rows
from impls.kernels.rated_rows import RatedProducts, sparse_times_dense
from tests.support.low_rank import low_rank


def inputs_seen(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float32]]:
    """Every x (B, n_columns) that is encoded from now on."""
    seen: list[NDArray[np.float32]] = []

    def recording(
        rows: Tensor, columns: Tensor, values: Tensor, n_rows: int, dense: Tensor
    ) -> Tensor:
        x = torch.zeros(n_rows, len(dense))
        x[rows, columns] = values
        seen.append(x.numpy())
        return sparse_times_dense(rows, columns, values, n_rows, dense)

    monkeypatch.setattr(rated_rows, "sparse_times_dense", recording)
    return seen


@pytest.mark.parametrize("based_on", ["item", "user"])
def test_the_input_is_the_training_matrix_and_nothing_else(
    based_on: Any, low_rank_set: tuple[Ratings, HeldOut], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, held_out = low_rank_set
    model = AutoRec(based_on=based_on, response="rating", presence=0.0, epochs=1).fit(train)
    seen = inputs_seen(monkeypatch)
    model.predict(*np.indices((train.n_users, train.n_items), dtype=np.int32).reshape(2, -1))
    matrix = np.zeros((train.n_users, train.n_items), np.float32)
    matrix[train.users, train.items] = train.values
    expected = matrix.T if based_on == "item" else matrix
    np.testing.assert_array_equal(np.concatenate(seen), expected)
    assert (matrix[held_out.users, held_out.items] == 0).all()


def test_a_rating_whose_response_is_zero_differs_from_a_missing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = Ratings([0, 1, 2], [0, 0, 1], [1.0, 5.0, 3.0], 3, 2, (1.0, 5.0))
    model = AutoRec(response="unit", presence=3.0, hidden=4, epochs=1).fit(train)
    seen = inputs_seen(monkeypatch)
    model.predict(train.users, train.items)
    np.testing.assert_allclose(seen[0], [[3.0, 4.0, 0.0], [0.0, 0.0, 3.5]])


@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_the_loss_counts_rated_entries_and_a_batch_s_part_of_the_penalty(batch_size: Any) -> None:
    train, _ = low_rank(6, 5)
    model = AutoRec(
        response="rating",
        presence=0.0,
        hidden=3,
        regularisation=7.0,
        epochs=0,
        batch_size=batch_size,
    ).fit(train)
    parameters = (model.V_, model.c_, model.W_, model.b_)
    V, c, W, b = (parameter.detach().double().numpy() for parameter in parameters)
    X = np.zeros((5, 6))
    X[train.items, train.users] = train.values
    output = 1 / (1 + np.exp(-(X @ V + c))) @ W.T + b
    squared = ((output - X)[train.items, train.users] ** 2).sum()
    expected = squared + 7.0 / 2 * ((V**2).sum() + (W**2).sum())
    batches = model.rated_.batches(torch.randperm(5), batch_size or 5)
    found = sum(float(model._loss(*batch).detach()) for batch in batches)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_every_activation_learns(hidden: Any, output: Any, train: Ratings) -> None:
    def training_error(epochs: int) -> float:
        model = AutoRec(
            hidden_activation=hidden,
            output_activation=output,
            response="unit",
            hidden=20,
            batch_size=10,
            regularisation=1.0,
            epochs=epochs,
        )
        predicted = model.fit(train).predict(train.users, train.items)
        return float(np.mean((predicted - train.values) ** 2))

    assert training_error(10) < 0.9 * training_error(1)


def test_weight_decay_pulls_towards_the_bias_model(
    low_rank_set: tuple[Ratings, HeldOut],
) -> None:
    train, held_out = low_rank_set
    bias = Bias().fit(train).predict(held_out.users, held_out.items)

    def distance(regularisation: float) -> float:
        model = AutoRec(regularisation=regularisation, epochs=20).fit(train)
        return float(np.abs(model.predict(held_out.users, held_out.items) - bias).mean())

    assert distance(1e5) < 0.5 * distance(10.0)


def test_dropout_holds_learning_back_and_is_off_in_predict(train: Ratings) -> None:
    def fitted(dropout: float) -> AutoRec:
        return AutoRec(dropout=dropout, regularisation=1.0, batch_size=10, epochs=10).fit(train)

    def training_error(model: AutoRec) -> float:
        predicted = model.predict(train.users, train.items)
        return float(np.mean((predicted - train.values) ** 2))

    dropped = fitted(0.9)
    assert training_error(dropped) > 1.5 * training_error(fitted(0.0))
    assert training_error(dropped) == training_error(dropped)


def test_products_and_gradients_are_those_of_dense_matrices() -> None:
    rng = torch.Generator().manual_seed(0)
    rated = torch.rand(7, 5, generator=rng) < 0.4
    rated[2] = rated[:, 3] = False
    rows, columns = rated.nonzero(as_tuple=True)
    g = torch.rand(len(rows), generator=rng, dtype=torch.float64)
    H, W = (torch.rand(n, 3, generator=rng, dtype=torch.float64) for n in (7, 5))
    G = torch.zeros(7, 5, dtype=torch.float64)
    G[rows, columns] = g
    torch.testing.assert_close(sparse_times_dense(rows, columns, g, 7, W), G @ W)
    H.requires_grad_()
    W.requires_grad_()
    products = RatedProducts.apply(H, W, rows, columns)
    torch.testing.assert_close(products, (H @ W.T)[rated])
    products.backward(g)
    torch.testing.assert_close(H.grad, G @ W)
    torch.testing.assert_close(W.grad, G.T @ H)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_product_is_the_same_by_entries_and_dense(
    threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impls.kernels.rated_rows.DENSE_FROM", threshold)
    rng = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 9, generator=rng) * (torch.rand(6, 9, generator=rng) < 0.4)
    dense = torch.randn(9, 4, generator=rng, requires_grad=True)
    rows, columns = matrix.nonzero(as_tuple=True)
    product = sparse_times_dense(rows, columns, matrix[rows, columns], 6, dense)
    torch.testing.assert_close(product, matrix @ dense)
    (gradient,) = torch.autograd.grad(product.sum(), dense)
    torch.testing.assert_close(gradient, matrix.sum(dim=0)[:, None].expand(9, 4))
