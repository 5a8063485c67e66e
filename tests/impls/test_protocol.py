"""What the harness relies on, for every implementation."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from datasets.ratings import HeldOut, Ratings
from impls.bias import Bias
from impls.kernels.chunks import CHUNK, in_chunks
from impls.protocol import BestModel, Implementation, Training, ValidationReferee
from tests.support.low_rank import NAMES, TRAINED, class_of, make

PRESETS = [(name, preset) for name in NAMES for preset in class_of(name).presets]


class Watching(ValidationReferee):
    """Predicts after each epoch and restores nothing."""

    def __init__(self, model: Implementation, pairs: HeldOut) -> None:
        super().__init__(None, None)
        self.watched, self.pairs = model, pairs
        self.seen: list[np.ndarray[Any, Any]] = []

    def stops(self, epoch: int, n: int) -> bool:
        self.seen.append(self.watched.predict(self.pairs.users, self.pairs.items))
        return False


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


@pytest.mark.parametrize("name", NAMES)
def test_predicts_float32_of_the_pairs_shape(name: str, train: Ratings) -> None:
    model = make(name).fit(train)
    for n in (0, 1, 7):
        predicted = model.predict(train.users[:n], train.items[:n])
        assert predicted.dtype == np.float32
        assert predicted.shape == (n,)
        assert np.isfinite(predicted).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_s_prediction_does_not_depend_on_the_other_pairs(name: str, train: Ratings) -> None:
    model = make(name).fit(train)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(train), CHUNK + 1000)
    users, items = train.users[rows], train.items[rows]
    all_at_once = model.predict(users, items)
    first_chunk_last = model.predict(np.roll(users, -CHUNK), np.roll(items, -CHUNK))
    np.testing.assert_allclose(np.roll(first_chunk_last, CHUNK), all_at_once, rtol=1e-5)


def test_pairs_are_predicted_a_bounded_number_at_a_time() -> None:
    sizes: list[int] = []

    def predict(users: Any, items: Any) -> Any:
        sizes.append(len(users))
        return (users + items).astype(np.float32)

    ids = np.arange(1_000_000, dtype=np.int32)
    assert (in_chunks(predict, ids, ids) == 2 * ids).all()
    assert max(sizes) == CHUNK


@pytest.mark.parametrize("name", TRAINED)
def test_a_seed_decides_the_result_bit_for_bit(name: str, train: Ratings) -> None:
    def predictions(seed: int) -> Any:
        return make(name, seed=seed).fit(train).predict(train.users, train.items)

    assert (predictions(0) == predictions(0)).all()
    assert (predictions(0) != predictions(1)).any()


@pytest.mark.parametrize("name", TRAINED)
def test_fitting_again_starts_afresh(name: str, train: Ratings) -> None:
    once = make(name).fit(train).predict(train.users, train.items)
    twice = make(name).fit(train).fit(train).predict(train.users, train.items)
    assert (once == twice).all()


@pytest.mark.parametrize("name", TRAINED)
def test_evaluation_between_epochs_sees_progress_and_changes_nothing(
    name: str, low_rank_set: tuple[Ratings, HeldOut]
) -> None:
    train, held_out = low_rank_set
    settings = {"dropouts": (0.5,)} if name == "ncf" else {}
    settings |= {"dropout": 0.5} if name == "autorec" else {}
    unseen = make(name, epochs=3, **settings).fit(train)
    seen = make(name, epochs=3, **settings)
    referee = Watching(seen, held_out)
    seen.fit(train, Training(referee=referee))
    assert (referee.seen[0] != referee.seen[1]).any()
    assert (
        seen.predict(train.users, train.items) == unseen.predict(train.users, train.items)
    ).all()
    assert (referee.seen[-1] == seen.predict(held_out.users, held_out.items)).all()


@pytest.mark.parametrize("name", TRAINED)
def test_the_best_epoch_can_be_put_back(name: str, low_rank_set: tuple[Ratings, HeldOut]) -> None:
    train, held_out = low_rank_set
    model = make(name, epochs=3)
    first: list[Any] = []

    class FirstIsBest(ValidationReferee):
        def evaluate(self, model: Implementation, validation: HeldOut) -> float:
            first.append(model.predict(validation.users, validation.items))
            return float(len(first))

    model.fit(train, Training(referee=FirstIsBest(model, held_out)))
    assert (model.predict(held_out.users, held_out.items) == first[0]).all()


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
