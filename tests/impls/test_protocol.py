"""What the harness relies on, for every implementation."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from datasets.ratings import HeldOut, Ratings
from impls.bias import Bias
from impls.kernels.chunks import CHUNK, in_chunks
from impls.protocol import BestModel, Training
from tests.support.low_rank import NAMES, class_of, make

PRESETS = [(name, preset) for name in NAMES for preset in class_of(name).presets]


@pytest.mark.parametrize("name", NAMES)
def test_declares_itself(name: str) -> None:
    implementation = class_of(name)
    assert implementation.model
    assert implementation.source
    assert implementation.devices[0] == "cpu"
    assert implementation.presets["default"] == {}
    fields = dataclasses.fields(implementation)
    assert [field.name for field in fields[-2:]] == ["device", "seed"]


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_each_preset_constructs_with_its_values(name: str, preset: str) -> None:
    settings = class_of(name).presets[preset]
    model = class_of(name)(**settings)
    assert {field: getattr(model, field) for field in settings} == settings


def test_pairs_are_predicted_a_bounded_number_at_a_time() -> None:
    sizes: list[int] = []

    def predict(users: Any, items: Any) -> Any:
        sizes.append(len(users))
        return (users + items).astype(np.float32)

    ids = np.arange(1_000_000, dtype=np.int32)
    assert (in_chunks(predict, ids, ids) == 2 * ids).all()
    assert max(sizes) == CHUNK


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [(-10.0, 10.0), (0.0, 1.0)])
def test_the_scale_of_the_ratings_does_not_matter(
    name: str, scale: tuple[float, float], train: Ratings
) -> None:
    lowest, highest = scale

    def rescaled(values: Any) -> Any:
        return lowest + (highest - lowest) * (values - 1) / 4

    there = dataclasses.replace(train, values=rescaled(train.values), scale=scale)
    found = make(name).fit(there).predict(train.users, train.items)
    expected = rescaled(make(name).fit(train).predict(train.users, train.items))
    np.testing.assert_allclose(found, expected, atol=1e-3 * (highest - lowest))


@pytest.mark.parametrize("name", NAMES)
def test_one_rating_and_one_value_are_enough(name: str) -> None:
    one = Ratings(np.zeros(1), np.zeros(1), np.full(1, 4.0), 1, 1, (1.0, 5.0))
    assert np.isfinite(make(name).fit(one).predict(one.users, one.items)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_fitted_model_can_be_kept(name: str) -> None:
    train = Ratings(np.arange(8) % 4, np.arange(8) // 2, np.arange(8) % 5 + 1.0, 4, 4, (1.0, 5.0))
    model = make(name).fit(train)
    kept = pickle.loads(pickle.dumps(model))
    expected = model.predict(train.users, train.items)
    np.testing.assert_array_equal(kept.predict(train.users, train.items), expected)


@pytest.mark.parametrize("name", ["global_mean", "bias", "numpy_sgd"])
def test_numpy_rows_do_not_import_torch(name: str) -> None:
    module = class_of(name).__module__
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_came_after_the_best_epoch_is_gone_with_it() -> None:
    model = make("global_mean")
    best = BestModel(model)
    best.offer(0.5)
    model.later_ = 1.0
    best.offer(0.9)
    best.restore()
    assert not hasattr(model, "later_")


def test_patience_without_validation_ratings_is_refused() -> None:
    nothing = HeldOut(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    for validation in (nothing, None):
        with pytest.raises(ValueError, match="patience=3 needs a model and validation ratings"):
            Training(Bias(), validation, patience=3)
    Training(Bias(), nothing)
