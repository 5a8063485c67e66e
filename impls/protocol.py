"""What an implementation is, and who owns its epoch loop."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import HeldOut, Ratings


class Implementation(Protocol):
    """A dataclass whose fields are its hyperparameters.

    Everything `predict` needs is an attribute before the first epoch ends, for a deep copy
    of the model is asked to `predict` between epochs, and the attributes of the best epoch are
    put back after the last. A pair's prediction depends on nothing else that is asked for.
    Attributes that are not hyperparameters end in an underscore or start with one.
    """

    model: ClassVar[str]
    """The model it fits: rows with an equal `model` are the same maths."""
    source: ClassVar[str]
    """Where the method is described, as author and year."""
    devices: ClassVar[tuple[str, ...]]
    """What `device` may be: ("cpu",), ("cpu", "cuda") or ("cuda",)."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    """Named hyperparameters; `default` is there always and is usually {}."""

    device: str
    seed: int

    def fit(self, train: Ratings, training: Training = ...) -> Self:
        """Learn from `train`; the epoch loop is `for epoch in training.epochs(n)`."""

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Predicted ratings (n,), unclipped, for ids known in training."""


@dataclass
class Training:
    """Owns the loop `for epoch in training.epochs(n)`.

    `Training()` is `range(n)`. With `progress` a line per epoch goes to stderr. With a
    `model` and `validation` ratings the model is evaluated after each epoch, its best
    epoch is kept, and with `patience` the loop ends after that many epochs without a
    better validation RMSE:

        model = NumpySGD()
        model.fit(split.train, Training(model, split.validation, patience=3))

    The harness has a subclass of its own that also stops and starts the clock.
    """

    model: Implementation | None = None
    validation: HeldOut | None = None
    patience: int | None = None
    progress: bool = False
    best_rmse: float = field(default=float("inf"), init=False)
    _best_state: dict[str, Any] | None = field(default=None, init=False, repr=False)
    _stale: int = field(default=0, init=False, repr=False)

    def epochs(self, n: int) -> Iterator[int]:
        """Yield 0 … n − 1, or fewer when it is time to stop."""
        for done in self._looked_at(range(1, n + 1), n):
            yield done - 1

    def fits(self, n: int, epoch_budgets: Sequence[int]) -> Iterator[int]:
        """Yield how many epochs to fit for, each time from scratch: for what cannot be interrupted.

        Without validation ratings that is `n`, once. With them it is first each rung of `ladder`
        below `n`; a fit is evaluated as an epoch is, and the best one kept.
        """
        chooses = self.model is not None and self.validation is not None and len(self.validation)
        below = [budget for budget in epoch_budgets if budget < n] if chooses else []
        yield from self._looked_at([*below, n], n)

    def _looked_at(self, counts: Iterable[int], n: int) -> Iterator[int]:
        """Yield each count of epochs and look at the model that the caller makes of it."""
        try:
            for count in counts:
                yield count
                with self.unclocked():
                    stop = self.checkpoint(count, n)
                if stop:
                    break
        finally:
            with self.unclocked():
                self.restore_best()

    def unclocked(self) -> AbstractContextManager[object]:
        """The context in which evaluation runs: the harness stops its clock in it."""
        return nullcontext()

    def checkpoint(self, epoch: int, n: int) -> bool:
        """Look at the model after `epoch` epochs; True ends training."""
        rmse = None
        if self.model is not None and self.validation is not None and len(self.validation):
            # Of a copy, so that nothing `predict` does to its model is left for training.
            rmse = self.evaluate(copy.deepcopy(self.model), self.validation)
            self.keep_if_best(self.model, rmse)
        if self.progress:
            told = "" if rmse is None else f"  validation RMSE {rmse:.4f}"
            print(f"epoch {epoch}/{n}{told}", file=sys.stderr)
        return self.patience is not None and self._stale >= self.patience

    def evaluate(self, model: Implementation, validation: HeldOut) -> float:
        """Validation RMSE over the pairs whose user and item are known."""
        known = validation.known
        predicted = model.predict(validation.users[known], validation.items[known])
        return float(np.sqrt(np.mean((predicted - validation.values[known]) ** 2)))

    def keep_if_best(self, model: Implementation, rmse: float) -> None:
        """Remember the model's state where `rmse` is the lowest so far, else lose patience."""
        if rmse < self.best_rmse:
            self.best_rmse, self._stale = rmse, 0
            self._best_state = vars(copy.deepcopy(model))
        else:
            self._stale += 1

    def restore_best(self) -> None:
        """Put the best epoch's state back into the model."""
        if self.model is not None and self._best_state is not None:
            vars(self.model).update(self._best_state)
