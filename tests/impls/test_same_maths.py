"""numpy_sgd against finite differences, the other per-rating implementations against numpy_sgd."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.ratings import Ratings
from impls.autograd_mf import AutogradMF
from impls.kernels.sgd.per_rating import in_random_order, initial_factors
from impls.numpy_sgd import NumpySGD
from impls.sparse_embedding_mf import SparseEmbeddingMF
from tests.support.low_rank import low_rank

Parameters = dict[str, NDArray[np.float64]]


def parameters(model: Any) -> Parameters:
    """The parameters of a fitted per-rating implementation, by name."""
    if isinstance(model, NumpySGD):
        return {
            "p": model.P_,
            "q": model.Q_,
            "b_user": model.user_bias_,
            "b_item": model.item_bias_,
        }
    if isinstance(model, AutogradMF):
        U, V = model.U_.numpy(), model.V_.numpy()
        return {"p": U[:, 1:-1], "q": V[:, 1:-1], "b_user": U[:, 0], "b_item": V[:, -1]}
    names = ("p", "q", "b_user", "b_item")
    tables = [table.weight.detach().numpy() for table in model.tables_]
    found = dict(zip(names, tables, strict=False))
    for bias, of in (("b_user", "p"), ("b_item", "q")):
        found[bias] = found[bias][:, 0] if bias in found else np.zeros(len(found[of]))
    return found


@pytest.mark.parametrize("biases", [True, False])
def test_steps_follow_the_loss_differentiated_numerically(biases: bool) -> None:
    train, _ = low_rank(5, 4)
    model = NumpySGD(
        factors=3,
        epochs=1,
        learning_rate=0.01,
        regularisation=0.3,
        std=0.5,
        biases=biases,
        response="raw",
        dtype="float64",
    ).fit(train)

    rng = np.random.default_rng(model.seed)
    p, q = initial_factors(rng, train, 3, "normal", 0.5, "float64")
    now: Parameters = {"p": p, "q": q, "b_user": np.zeros(5), "b_item": np.zeros(4)}

    def loss(u: int, i: int, r: float) -> float:
        rows = (now["p"][u], now["q"][i], now["b_user"][u], now["b_item"][i])
        error = r - now["p"][u] @ now["q"][i] - now["b_user"][u] - now["b_item"][i]
        return float(error**2 + 0.3 * sum(np.sum(row**2) for row in rows))

    names = ("p", "q", "b_user", "b_item") if biases else ("p", "q")
    for u, i, r in in_random_order(rng, train, train.values):
        gradients = {name: differences(partial(loss, u, i, r), now[name]) for name in names}
        for name in names:
            now[name] -= 0.01 * gradients[name]
    for name, found in parameters(model).items():
        np.testing.assert_allclose(found, now[name], rtol=1e-6, atol=1e-8, err_msg=name)


def test_the_preset_surprise_takes_the_steps_that_surprise_takes() -> None:
    """Its learning rate multiplies e·q − λp, ours the gradient, 2(e·q − λp)."""
    train, _ = low_rank(6, 5)
    settings = NumpySGD.presets["surprise"] | {"epochs": 1}
    found = parameters(NumpySGD(**settings).fit(train))

    rng = np.random.default_rng(0)
    p, q = initial_factors(rng, train, 100, "normal", 0.1, "float64")
    b_user, b_item = np.zeros(6), np.zeros(5)
    mean = train.values.mean(dtype=np.float64)
    for u, i, r in in_random_order(rng, train, train.values):
        e = r - mean - b_user[u] - b_item[i] - p[u] @ q[i]
        b_user[u] += 0.005 * (e - 0.02 * b_user[u])
        b_item[i] += 0.005 * (e - 0.02 * b_item[i])
        p[u], q[i] = (
            p[u] + 0.005 * (e * q[i] - 0.02 * p[u]),
            q[i] + 0.005 * (e * p[u] - 0.02 * q[i]),
        )
    for name, expected in {"p": p, "q": q, "b_user": b_user, "b_item": b_item}.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, err_msg=name)


def differences(loss: Any, parameter: NDArray[np.float64], step: float = 1e-5) -> Any:
    """Central differences of `loss()` by each entry of `parameter`."""
    gradient = np.zeros_like(parameter)
    for entry in np.ndindex(parameter.shape):
        held = parameter[entry]
        parameter[entry] = held + step
        above = loss()
        parameter[entry] = held - step
        gradient[entry] = (above - loss()) / (2 * step)
        parameter[entry] = held
    return gradient


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"biases": False, "std": 0.5},
        {"initialisation": "uniform", "response": "raw"},
        {"response": "centred"},
    ],
    ids=["default", "no biases", "uniform", "centred"],
)
def test_per_rating_rows_hold_the_same_factors_after_2000_updates(settings: dict[str, Any]) -> None:
    train, _ = low_rank(50, 50)
    assert len(train) == 1000
    common = {"factors": 8, "epochs": 2, "dtype": "float64", "seed": 3} | settings
    model = NumpySGD(**common).fit(train)
    expected = parameters(model)
    predicted = model.predict(train.users, train.items)
    for other in (AutogradMF(**common), SparseEmbeddingMF(batch_size=1, **common)):
        for name, found in parameters(other.fit(train)).items():
            np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(other.predict(train.users, train.items), predicted, rtol=1e-6)


def test_a_sparse_batch_adds_up_the_updates_of_its_ratings() -> None:
    """Four ratings that share no row: one batch of four is four batches of one."""
    ids = np.arange(4)
    train = Ratings(ids, ids, np.array([1, 2, 4, 5]), 4, 4, (1.0, 5.0))
    settings = {"epochs": 3, "std": 0.5, "dtype": "float64"}
    one, four = (parameters(SparseEmbeddingMF(batch_size=b, **settings).fit(train)) for b in (1, 4))
    for name in one:
        np.testing.assert_allclose(one[name], four[name], rtol=1e-12)


def test_an_epoch_is_every_rating_once_in_a_new_order(train: Ratings) -> None:
    rng = np.random.default_rng(0)
    first, second = (list(in_random_order(rng, train, train.values)) for _ in range(2))
    columns = (train.users.tolist(), train.items.tolist(), train.values.tolist())
    everything = sorted(zip(*columns, strict=True))
    assert sorted(first) == sorted(second) == everything
    assert first != second
