"""What a conformance test knows of the implementation that it tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from bench.planning.availability import row_problem
from bench.planning.loading import Description, describe
from impls.protocol import Implementation

Hyperparameters = Mapping[str, Any]


class Subject:
    """An implementation, and what to expect of it.

    implementation  its class
    presets         the names of its presets
    rmse            bands (lowest, highest) that the RMSE of the `default` preset lies in:
                    "synthetic" for held-out ratings of `making.noisy`, "ml-100k" for the test
                    part of 80/10/10 by seed 0. Better than its band is a finding, too.

    Where the implementation's own defaults do not serve:

    small           hyperparameters for a few thousand ratings rather than 100,000
    on_ml_100k      what to change in `default` where all of it is too slow for a test
    free            what to change in `small` to fit a low-rank matrix as closely as the model
                    can: no regularisation, factors to spare; None where it has no factors
    forms           by name, what to change in both for each form of the model that fits a
                    low-rank matrix by itself
    biases_alone    what to change in both to leave b_u + b_i; None where there is no such model
    held_back       what to change in `small` to regularise strongly; None where it cannot
    waived          by the test's name, why the implementation cannot keep that promise
    """

    implementation: ClassVar[type[Any]]
    presets: ClassVar[tuple[str, ...]]
    rmse: ClassVar[Mapping[str, tuple[float, float]]]
    small: ClassVar[Hyperparameters] = {}
    on_ml_100k: ClassVar[Hyperparameters] = {}
    free: ClassVar[Hyperparameters | None] = None
    forms: ClassVar[Mapping[str, Hyperparameters]] = {"default": {}}
    biases_alone: ClassVar[Hyperparameters | None] = None
    held_back: ClassVar[Hyperparameters | None] = None
    waived: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _can_run_here(cls) -> None:
        told = describe(cls.implementation)
        if problem := row_problem(told.library, told.devices, told.devices[0]):
            pytest.skip(problem)

    @pytest.fixture(autouse=True)
    def _is_not_waived(self, request: pytest.FixtureRequest) -> None:
        if reason := self.waived.get(request.function.__name__):
            pytest.skip(f"waived: {reason}")

    def make(self, preset: str = "default", **hyperparameters: Any) -> Implementation:
        """The preset as it is, but for `hyperparameters`, on the first device that it knows."""
        told = self.declared
        settings = {"device": told.devices[0], **told.presets[preset], **hyperparameters}
        return self.implementation(**settings)

    def quick(self, **hyperparameters: Any) -> Implementation:
        """Three epochs of `small`, for what holds at any accuracy."""
        epochs = {"epochs": 3} if self.has_epochs else {}
        return self.make(**{**self.small, **epochs, **hyperparameters})

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes a `preset` or a `form` runs once for each."""
        for name, values in (("preset", self.presets), ("form", self.forms)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, values)

    @property
    def declared(self) -> Description:
        """What the class says of itself, or what stands for it where one from outside does not."""
        return describe(self.implementation)

    @property
    def has_epochs(self) -> bool:
        """False for a closed form, which asks `training` for none."""
        return "epochs" in self.implementation.__dataclass_fields__
