"""A wrapper predicts as its library does, and passes on the threads that the harness pins."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.cell.training import EpochLimit
from bench.planning.availability import library_problem
from datasets.ratings import Ratings
from impls.kernels.chunks import Ids
from impls.peers.cmfrec_als import CmfrecALS
from impls.peers.cornac_mf import CornacMF
from impls.peers.libmf_sgd import LibmfSGD
from impls.peers.myfm_gibbs import MyFMGibbs
from impls.peers.shared import pinned
from impls.peers.spark_als import SparkALS
from impls.peers.surprise_svd import SurpriseSVD
from impls.protocol import Training

Predict = Callable[[Any, Ids, Ids], Any]


class FitCalledError(Exception):
    """The library's fit was called."""


class Wrapped(NamedTuple):
    """A wrapper and its library; `predict` calls that of the library's own object."""

    implementation: type[Any]
    module: str
    name: str
    predict: Predict
    threads: Callable[[Any], int] | None = None


def _one_by_one(predict: Callable[[Any, int, int], float]) -> Predict:
    return lambda fitted, users, items: [
        predict(fitted, u, i) for u, i in zip(users.tolist(), items.tolist(), strict=True)
    ]


WRAPPED = [
    Wrapped(
        SurpriseSVD,
        "surprise",
        "SVD",
        _one_by_one(lambda svd, u, i: svd.predict(u, i, clip=False).est),
    ),
    Wrapped(
        CornacMF,
        "cornac.models",
        "MF",
        _one_by_one(lambda mf, u, i: mf.score(u, i)),
        lambda mf: mf.num_threads,
    ),
    Wrapped(
        CmfrecALS,
        "cmfrec",
        "CMF",
        lambda cmf, users, items: cmf.predict(users, items),
        lambda cmf: cmf.nthreads,
    ),
    Wrapped(
        LibmfSGD,
        "libmf.mf",
        "MF",
        # It takes the array for one in columns, which it is only in this order.
        lambda mf, users, items: mf.predict(np.asfortranarray(np.column_stack([users, items]))),
        lambda mf: mf._options.nr_threads,
    ),
]


@pytest.fixture
def created(wrapped: Wrapped, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every object of the library's class that a wrapper creates."""
    if problem := library_problem(wrapped.implementation.library):
        pytest.skip(problem)
    module = importlib.import_module(wrapped.module)
    seen: list[Any] = []

    class Seen(getattr(module, wrapped.name)):
        def __init__(self, *positional: Any, **named: Any) -> None:
            super().__init__(*positional, **named)
            seen.append(self)

    monkeypatch.setattr(module, wrapped.name, Seen)
    return seen


def pairs(train: Ratings) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rng = np.random.default_rng(0)
    users, items = (rng.integers(n, size=200, dtype=np.int32) for n in (80, 50))
    assert (train.n_users, train.n_items) == (80, 50)
    return users, items


@pytest.mark.parametrize("wrapped", WRAPPED, ids=lambda w: w.module)
def test_predicts_what_the_library_does(
    wrapped: Wrapped, created: list[Any], train: Ratings
) -> None:
    model = wrapped.implementation(epochs=3).fit(train)
    (fitted,) = created
    users, items = pairs(train)
    ours = model.predict(users, items)
    assert np.ptp(ours) > 0.5
    np.testing.assert_allclose(ours, wrapped.predict(fitted, users, items), atol=1e-4)


@pytest.mark.parametrize("wrapped", [w for w in WRAPPED if w.threads], ids=lambda w: w.module)
def test_takes_the_threads_that_are_pinned(
    wrapped: Wrapped, created: list[Any], train: Ratings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own fit is left out, for LIBMF's can hang on one thread."""
    assert wrapped.threads is not None
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    library = getattr(importlib.import_module(wrapped.module), wrapped.name)
    monkeypatch.setattr(library, "fit", Mock(side_effect=FitCalledError))
    with pytest.raises(FitCalledError):
        wrapped.implementation(epochs=1).fit(train)
    assert [wrapped.threads(fitted) for fitted in created] == [1]


def test_without_a_harness_every_core_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert pinned() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert pinned() == 7


@pytest.mark.parametrize("wrapped", [w for w in WRAPPED if w.module == "cornac.models"])
def test_cornac_is_not_forced_to_one_thread_by_a_seed(
    wrapped: Wrapped, created: list[Any], train: Ratings
) -> None:
    CornacMF(epochs=1, seed=4).fit(train)
    assert created[0].seed is None


@pytest.mark.parametrize("epochs", [3, 8, 12])
def test_myfm_stopped_early_is_a_shorter_fit(epochs: int, train: Ratings) -> None:
    """The mean over draws that its own predict takes, for each length that it has a rule for."""
    myfm = pytest.importorskip("myfm")
    from scipy import sparse

    def one_hot(users: Ids, items: Ids) -> sparse.csr_matrix:
        rows = np.arange(len(users))
        ones = np.ones(len(users))
        parts = [(users, train.n_users), (items, train.n_items)]
        return sparse.hstack(
            [sparse.csr_matrix((ones, (rows, ids)), (len(users), n)) for ids, n in parts]
        ).tocsr()

    own = myfm.MyFMRegressor(4, 0.1, 0).fit(
        one_hot(train.users, train.items),
        train.values,
        n_iter=epochs,
        group_shapes=[train.n_users, train.n_items],
    )
    users, items = pairs(train)
    model = MyFMGibbs(rank=4, epochs=20, init_stdev=0.1)
    ours = model.fit(train, Training(referee=EpochLimit(epochs)))
    np.testing.assert_allclose(
        ours.predict(users, items), own.predict(one_hot(users, items)), atol=1e-5
    )


def test_no_library_is_imported_before_a_fit() -> None:
    """So that `bench list` and a plan are quick, and do without it."""
    alone = {MyFMGibbs.__module__, SparkALS.__module__}
    modules = {*alone, *(wrapped.implementation.__module__ for wrapped in WRAPPED)}
    libraries = {"surprise", "cornac", "myfm", "cmfrec", "libmf", "pyspark"}
    code = f"import sys, {', '.join(modules)}; sys.exit(bool({libraries} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
