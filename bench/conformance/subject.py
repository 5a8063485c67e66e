"""The implementation under test, and what a test class may set about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
import torch
from threadpoolctl import threadpool_limits

from bench.planning.availability import row_problem
from bench.planning.loading import Description, describe
from impls.protocol import Implementation

Hyperparameters = Mapping[str, Any]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit NumPy, Torch and the third-party libraries to one thread.

    A parallel reduction adds up in an order that depends on the number of threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # third-party libraries read it
        yield
    torch.set_num_threads(threads)


class Subject:
    """An implementation, and what to expect of it.

    implementation    its class; every preset that it declares is tested
    rmse              bands (lowest, highest) for the RMSE of the `default` preset: "synthetic"
                      on the held-out ratings of `ratings.noisy`, "ml-100k" on the test part of
                      80/10/10 by seed 0. A result below its band fails, too. Without the first,
                      the model must predict no worse than the mean and no better than the noise
                      allows; without the second, that test is skipped.

    Where the defaults do not suit the small data of the tests:

    small             hyperparameters for a few thousand ratings rather than 100,000
    on_ml_100k        what to change in `default` where all of it is too slow for a test
    unregularised     what to change in `small` to fit a low-rank matrix as closely as the model
                      can: no regularisation, factors to spare; None if it has no factors
    variants          by name, what to change in both for each variant of the model that fits a
                      low-rank matrix by itself
    biases_alone      what to change in both to leave b_u + b_i; None if there is no such model
    overregularised   what to change in `small` to regularise strongly; None if it cannot
    waived            by a test's name, why the implementation cannot pass it
    """

    implementation: ClassVar[type[Any]]
    rmse: ClassVar[Mapping[str, tuple[float, float]]] = {}
    small: ClassVar[Hyperparameters] = {}
    on_ml_100k: ClassVar[Hyperparameters] = {}
    unregularised: ClassVar[Hyperparameters | None] = None
    variants: ClassVar[Mapping[str, Hyperparameters]] = {"default": {}}
    biases_alone: ClassVar[Hyperparameters | None] = None
    overregularised: ClassVar[Hyperparameters | None] = None
    waived: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _runs_here_on_one_thread(cls) -> Iterator[None]:
        described = describe(cls.implementation)
        if problem := row_problem(described.library, described.devices, described.devices[0]):
            pytest.skip(problem)
        with one_thread():
            yield

    @pytest.fixture(autouse=True)
    def _is_not_waived(self, request: pytest.FixtureRequest) -> None:
        if reason := self.waived.get(request.function.__name__):
            pytest.skip(f"waived: {reason}")

    def make(self, preset: str = "default", **hyperparameters: Any) -> Implementation:
        """The preset, changed by `hyperparameters`, on the first device that the class names."""
        described = self.description
        settings = {"device": described.devices[0], **described.presets[preset], **hyperparameters}
        model: Implementation = self.implementation(**settings)
        return model

    def quick(self, **hyperparameters: Any) -> Implementation:
        """Three epochs of `small`, for what holds at any accuracy."""
        epochs = {"epochs": 3} if self.has_epochs else {}
        return self.make(**{**self.small, **epochs, **hyperparameters})

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes a `preset` or a `variant` once for each."""
        for name, values in (("preset", self.description.presets), ("variant", self.variants)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, list(values))

    @property
    def description(self) -> Description:
        """What the class declares, with defaults for what it does not."""
        return describe(self.implementation)

    @property
    def has_epochs(self) -> bool:
        """False for a closed form, which requests no epochs of `training`."""
        return "epochs" in self.implementation.__dataclass_fields__
