"""The model learns what there is to learn, and no more."""

from __future__ import annotations

import pytest
import torch

from bench.conformance.ratings import NOISE, additive, exact, ml_100k, noisy, rmse, tiny
from bench.conformance.subject import Subject
from bench.score import ColdStart, score
from impls.protocol import Training

CUDA_TOLERANCE = 0.02
"""RMSE; on a GPU batches and dropout are drawn from another generator."""


class Accuracy(Subject):
    def test_accuracy_on_the_synthetic_set(self) -> None:
        train, held_out = noisy()
        constant = ((held_out.values - train.values.mean()) ** 2).mean() ** 0.5
        lowest, highest = self.rmse.get("synthetic", (0.8 * NOISE, 1.01 * constant))
        assert lowest <= rmse(self.make(**self.small).fit(train), held_out) <= highest

    def test_accuracy_on_ml_100k(self) -> None:
        """Test RMSE as a record has it: cold-start pairs filled in, clipped."""
        if "ml-100k" not in self.rmse:
            pytest.skip("the test class gives no band for it")
        if (split := ml_100k()) is None:
            pytest.skip("ml-100k is neither in $RATEBENCH_DATA nor in the cache")
        model = self.make(**self.on_ml_100k)
        model.fit(split.train, Training(model, split.validation))
        test = split.test
        predicted = model.predict(test.users[test.known], test.items[test.known])
        complete = ColdStart(split.train).complete(test, predicted)
        lowest, highest = self.rmse["ml-100k"]
        assert lowest <= score(complete, test.values, split.train.scale).rmse <= highest

    def test_fits_a_low_rank_matrix(self, variant: str) -> None:
        """With factors to spare and no noise, it predicts unseen pairs, too."""
        if self.unregularised is None:
            pytest.skip("the model has no factors")
        train, held_out = exact()
        settings = {**self.small, **self.unregularised, **self.variants[variant]}
        model = self.make(**settings).fit(train)
        assert rmse(model, train) < 0.1
        assert rmse(model, held_out) < 0.2

    def test_biases_alone_fit_what_is_additive(self) -> None:
        if self.biases_alone is None:
            pytest.skip("the model is not one of biases beside factors")
        train, held_out = additive()
        settings = {**self.small, **(self.unregularised or {}), **self.biases_alone}
        model = self.make(**settings).fit(train)
        assert rmse(model, held_out) < 0.1 * train.values.std()

    def test_strong_regularisation_fits_less_closely(self) -> None:
        if self.overregularised is None:
            pytest.skip("the model has no regularisation")
        as_usual, overregularised = (
            rmse(self.make(**{**self.small, **changes}).fit(tiny()), tiny())
            for changes in ({}, self.overregularised)
        )
        assert overregularised > 1.3 * as_usual

    def test_cpu_and_cuda_agree(self) -> None:
        if not {"cpu", "cuda"} <= set(self.description.devices):
            pytest.skip("the implementation runs on one of them alone")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        train, held_out = noisy()
        on_cpu, on_cuda = (
            rmse(self.make(**self.small, device=device).fit(train), held_out)
            for device in ("cpu", "cuda")
        )
        assert on_cuda == pytest.approx(on_cpu, abs=CUDA_TOLERANCE)
