from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from datasets.ratings import Ratings
from impls.embedding_mf import EmbeddingMF
from tests.support.low_rank import low_rank


def test_the_loss_is_half_the_mean_of_error_and_penalty() -> None:
    train, _ = low_rank(6, 5)
    model = EmbeddingMF(factors=3, epochs=1, regularisation=0.4, std=0.5).fit(train)
    p, q, b_user, b_item = (table.weight.detach().numpy() for table in model.tables_)
    u, i = train.users, train.items
    z = (train.values - train.values.mean()) / train.values.std()
    error = z - (p[u] * q[i]).sum(1) - b_user[u, 0] - b_item[i, 0]
    penalty = sum((rows**2).sum(1) for rows in (p[u], q[i], b_user[u], b_item[i]))
    found = model._loss(*(torch.tensor(array) for array in (u, i, z)))
    assert float(found.detach()) == pytest.approx((error**2 + 0.4 * penalty).mean() / 2, rel=1e-5)


@pytest.mark.parametrize("field", ["regularisation", "weight_decay"])
def test_l2_pulls_the_factors_in(field: str, train: Ratings) -> None:
    def size(strength: float) -> float:
        model = EmbeddingMF(
            **{"regularisation": 0.0, "epochs": 5, "batch_size": 256, field: strength}
        )  # type: ignore[arg-type]
        return float(model.fit(train).tables_[0].weight.detach().square().sum())

    assert size(0.3) < 0.7 * size(0.0)


def test_tables_are_sized_by_ids(train: Ratings) -> None:
    sizes = [len(table.weight) for table in EmbeddingMF(epochs=1).fit(train).tables_]
    assert sizes == [train.n_users, train.n_items] * 2


@pytest.mark.parametrize("loader", ["slices", "rows"])
def test_an_epoch_has_every_rating_once_in_an_order_of_its_own(loader: str) -> None:
    train, _ = low_rank(20, 15)
    model = EmbeddingMF(loader=loader, batch_size=32)  # type: ignore[arg-type]
    ratings = TensorDataset(*(torch.tensor(it) for it in (train.users, train.items, train.values)))
    shuffle = torch.Generator().manual_seed(0)
    epochs = []
    for _ in range(2):
        batches = list(model._batches(ratings, shuffle))
        assert {len(users) for users, *_ in batches[:-1]} == {32}
        epochs.append(torch.stack([torch.cat(column) for column in zip(*batches, strict=True)]))
    assert not torch.equal(*epochs)
    everything = sorted(zip(train.users, train.items, train.values, strict=True))
    for epoch in epochs:
        assert sorted(map(tuple, epoch.T.tolist())) == everything


def test_both_loaders_learn_the_same(train: Ratings) -> None:
    """To what another order of the ratings changes."""
    one, other = (
        EmbeddingMF(loader=loader, epochs=10, batch_size=64).fit(train)  # type: ignore[arg-type]
        for loader in ("slices", "rows")
    )
    predicted = one.predict(train.users, train.items), other.predict(train.users, train.items)
    assert np.corrcoef(*predicted)[0, 1] > 0.95
