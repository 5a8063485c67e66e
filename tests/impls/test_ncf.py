from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from datasets.ratings import HeldOut, Ratings
from impls.ncf import NCF
from impls.protocol import Training, ValidationReferee
from tests.support.low_rank import rmse

SMALL: dict[str, Any] = {"learning_rate": 0.01, "batch_size": 256, "decay": 1.0, "epochs": 10}


@pytest.mark.parametrize("architecture", ["mlp", "gmf", "neumf"])
@pytest.mark.parametrize("initialisation", ["normal", "uniform"])
def test_each_architecture_learns(
    architecture: Any, initialisation: Any, low_rank_set: tuple[Ratings, HeldOut]
) -> None:
    train, held_out = low_rank_set
    model = NCF(architecture=architecture, initialisation=initialisation, **SMALL).fit(train)
    assert rmse(model, held_out) < 0.9 * held_out.values.std()


@pytest.mark.parametrize(("architecture", "tables"), [("mlp", 2), ("gmf", 2), ("neumf", 4)])
def test_tables_are_sized_by_ids(architecture: Any, tables: int, train: Ratings) -> None:
    model = NCF(architecture=architecture, epochs=1).fit(train)
    rows = {"user": train.n_users, "item": train.n_items}
    sizes = [
        (rows[name.split(".")[-2]], len(weight))
        for name, weight in model.network_.named_parameters()
        if name.split(".")[-2] in rows
    ]
    assert len(sizes) == tables
    assert all(expected == found for expected, found in sizes)


def test_scaled_output_stays_within_the_widened_scale(train: Ratings) -> None:
    settings = SMALL | {"learning_rate": 1.0, "epochs": 1}
    bounded = NCF(margin=0.5, **settings).fit(train).predict(train.users, train.items)
    assert bounded.min() >= 0.5
    assert bounded.max() <= 5.5
    free = NCF(scaled_output=False, **settings).fit(train).predict(train.users, train.items)
    assert free.min() < 0.5 or free.max() > 5.5


def test_binary_feedback_by_log_loss(low_rank_set: tuple[Ratings, HeldOut]) -> None:
    train, held_out = low_rank_set
    binary = dataclasses.replace(train, values=(train.values > 3).astype(np.float32), scale=(0, 1))
    model = NCF(loss="bce", **SMALL).fit(binary)
    predicted = model.predict(held_out.users, held_out.items)
    assert ((predicted >= 0) & (predicted <= 1)).all()
    assert ((predicted > 0.5) == (held_out.values > 3)).mean() > 0.75


def test_dropout_is_on_in_every_epoch_and_off_in_predict(train: Ratings) -> None:
    model = NCF(embedding_dropout=0.5, dropouts=(0.5,), epochs=2)
    modes: list[bool] = []

    class PredictsOnce(ValidationReferee):
        def stops(self, epoch: int, n: int) -> bool:
            if epoch == 1:
                model.predict(train.users, train.items)
                model.network_.register_forward_pre_hook(
                    lambda network, _: modes.append(network.training)
                )
            return False

    model.fit(train, Training(referee=PredictsOnce(None, None)))
    assert modes
    assert all(modes)
    pairs = (train.users[:50], train.items[:50])
    assert (model.predict(*pairs) == model.predict(*pairs)).all()


@pytest.mark.parametrize(
    ("architecture", "dropout"),
    [
        ("mlp", {"embedding_dropout": 0.95}),
        ("gmf", {"embedding_dropout": 0.95}),
        ("mlp", {"dropouts": (0.95,)}),
    ],
)
def test_each_dropout_holds_learning_back(
    architecture: Any, dropout: dict[str, Any], train: Ratings
) -> None:
    def training_error(**dropouts: Any) -> float:
        none = {"embedding_dropout": 0.0, "dropouts": (0.0,)}
        model = NCF(architecture=architecture, **SMALL, **(none | dropouts)).fit(train)
        return float(np.mean((model.predict(train.users, train.items) - train.values) ** 2))

    assert training_error(**dropout) > 1.3 * training_error()


def test_weight_decay_pulls_the_weights_in(train: Ratings) -> None:
    def size(weight_decay: float) -> float:
        model = NCF(weight_decay=weight_decay, **SMALL).fit(train)
        return sum(float(w.detach().square().sum()) for w in model.network_.parameters())

    assert size(0.01) < 0.5 * size(0.0)


def test_a_layer_without_its_dropout_is_one_clear_error() -> None:
    with pytest.raises(ValueError, match="one rate for each layer"):
        NCF(hidden=(64, 32), dropouts=(0.2,))
