"""It learns what there is to learn, and no more."""

from __future__ import annotations

import pytest
import torch

from datasets.ratings import Split
from impls.protocol import Training
from tests.conformance.base import Subject
from tests.conformance.making import additive, exact, noisy, reported_rmse, rmse, tiny

CUDA_TOLERANCE = 0.02
"""RMSE; on a GPU batches and dropout are drawn from another generator."""


class Learns(Subject):
    def test_accuracy_on_the_synthetic_set(self) -> None:
        train, held_out = noisy()
        lowest, highest = self.rmse["synthetic"]
        assert lowest <= rmse(self.make(**self.small).fit(train), held_out) <= highest

    def test_accuracy_on_ml_100k(self, request: pytest.FixtureRequest) -> None:
        if "ml-100k" not in self.rmse:
            pytest.skip("no band is given")
        split: Split = request.getfixturevalue("movielens")
        model = self.make(**self.on_ml_100k)
        model.fit(split.train, Training(model, split.validation))
        lowest, highest = self.rmse["ml-100k"]
        assert lowest <= reported_rmse(model, split) <= highest

    def test_fits_a_low_rank_matrix(self, form: str) -> None:
        """With factors to spare and no noise, pairs it has not seen come out, too."""
        if self.free is None:
            pytest.skip("the model has no factors")
        train, held_out = exact()
        model = self.make(**{**self.small, **self.free, **self.forms[form]}).fit(train)
        assert rmse(model, train) < 0.1
        assert rmse(model, held_out) < 0.2

    def test_biases_alone_fit_what_is_additive(self) -> None:
        if self.biases_alone is None:
            pytest.skip("the model is not one of biases beside factors")
        train, held_out = additive()
        model = self.make(**{**self.small, **(self.free or {}), **self.biases_alone})
        assert rmse(model.fit(train), held_out) < 0.1 * train.values.std()

    def test_regularisation_holds_it_back(self) -> None:
        if self.held_back is None:
            pytest.skip("the model has no regularisation")
        free, held_back = (
            rmse(self.make(**{**self.small, **more}).fit(tiny()), tiny())
            for more in ({}, self.held_back)
        )
        assert held_back > 1.3 * free

    @pytest.mark.cuda
    def test_cpu_and_cuda_agree(self) -> None:
        if not {"cpu", "cuda"} <= set(self.declared.devices):
            pytest.skip("the implementation runs on one of them alone")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        train, held_out = noisy()
        on_cpu, on_cuda = (
            rmse(self.make(**self.small, device=device).fit(train), held_out)
            for device in ("cpu", "cuda")
        )
        assert on_cuda == pytest.approx(on_cpu, abs=CUDA_TOLERANCE)
