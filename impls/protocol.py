"""What an implementation is, who owns its epoch loop, and who decides when that loop ends."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from datasets.ratings import HeldOut, Ratings


class Implementation(Protocol):
    """A dataclass whose fields are its hyperparameters.

    Everything `predict` needs is an attribute before the first epoch ends: between epochs a deep
    copy of the model predicts, and after the last epoch the attributes of the best one are
    restored. A pair's prediction does not depend on the other pairs of the call.
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
    epoch is restored at the end, and with `patience` the loop ends after that many epochs
    without a better validation RMSE:

        model = NumpySGD()
        model.fit(split.train, Training(model, split.validation, patience=3))

    Another `referee`, as the harness has one, decides in place of all these. Raises ValueError
    for a `patience` that nothing could run out of: without a model, or without validation ratings.
    """

    model: Implementation | None = None
    validation: HeldOut | None = None
    patience: int | None = None
    progress: bool = False
    referee: Referee | None = None

    def __post_init__(self) -> None:
        if self.patience is not None and not (self.model is not None and self.validation):
            raise ValueError(
                f"patience={self.patience} needs a model and validation ratings, and there are "
                "none: cut a validation part, as random:80/10/10 does, or leave patience out"
            )

    def epochs(self, n: int) -> Iterator[int]:
        """Yield 0 … n − 1, or fewer when it is time to stop."""
        for count in _until_stopped(self._chosen_referee(), range(1, n + 1), n):
            yield count - 1

    def fits(self, n: int, epoch_budgets: Sequence[int]) -> Iterator[int]:
        """Yield how many epochs to fit for, each time from scratch: for what cannot be interrupted.

        Without validation ratings that is `n`, once. With them it is first each of the
        `epoch_budgets` below `n`; each fit is evaluated as an epoch is, and the best one restored.
        """
        referee = self._chosen_referee()
        yield from _until_stopped(referee, referee.budgets(n, epoch_budgets), n)

    def _chosen_referee(self) -> Referee:
        own = ValidationReferee(self.model, self.validation, self.patience, self.progress)
        return self.referee or own


def _until_stopped(referee: Referee, counts: Sequence[int], n: int) -> Iterator[int]:
    """Yield each count of epochs, until the referee stops the model that the caller trained."""
    try:
        for count in counts:
            yield count
            if referee.stops(count, n):
                break
    finally:
        referee.restore_best()


class Referee(Protocol):
    """Decides for a training loop: which fits run, when it stops, which model is restored."""

    def budgets(self, n: int, epoch_budgets: Sequence[int]) -> Sequence[int]:
        """Of a model that cannot be interrupted: the numbers of epochs to fit for, in turn."""

    def stops(self, epoch: int, n: int) -> bool:
        """Whether training ends after `epoch` of at most `n` epochs."""

    def restore_best(self) -> None:
        """Put the best model back, after the last epoch."""


@dataclass
class BestModel:
    """The state that `model` had at its lowest validation RMSE.

    stale  how many RMSEs since then were no better
    """

    model: Implementation
    rmse: float = float("inf")
    stale: int = 0
    _best: Implementation | None = field(default=None, init=False, repr=False)

    def offer(self, rmse: float) -> None:
        """Take the model's present state where its `rmse` is the lowest so far."""
        if rmse < self.rmse:
            self.rmse, self.stale = rmse, 0
            self._best = copy.deepcopy(self.model)
        else:
            self.stale += 1

    def restore(self) -> None:
        """Put the best state back into the model, if there is one."""
        if self._best is None:
            return
        state, now = (attributes_of(model) for model in (self._best, self.model))
        # Not as the class would: it may be frozen, and its slots are in no __dict__.
        for name in now.keys() - state.keys():  # what came after the best epoch goes, too
            object.__delattr__(self.model, name)
        for name, value in state.items():
            object.__setattr__(self.model, name, value)


def attributes_of(model: object) -> dict[str, Any]:
    """By name, whether they are in the object's `__dict__` or in slots."""
    state: Any = object.__getstate__(model)
    parts = state if isinstance(state, tuple) else (state,)
    return {name: value for part in parts if part for name, value in part.items()}


class ValidationReferee:
    """Stops after `patience` epochs without a better validation RMSE, and restores the best epoch.

    Without a model or without validation ratings it lets all epochs run and leaves the last.
    """

    def __init__(
        self,
        model: Implementation | None,
        validation: HeldOut | None,
        patience: int | None = None,
        progress: bool = False,
    ) -> None:
        self.patience, self.progress, self.validation = patience, progress, validation
        self.best = BestModel(model) if model is not None and validation else None

    def budgets(self, n: int, epoch_budgets: Sequence[int]) -> Sequence[int]:
        return budgets_up_to(n, epoch_budgets) if self.best else [n]

    def stops(self, epoch: int, n: int) -> bool:
        if self.best is None or self.validation is None:
            self._show(f"epoch {epoch}/{n}")
            return False
        # A copy predicts, so that nothing which `predict` changes is left for training.
        rmse = self.evaluate(copy.deepcopy(self.best.model), self.validation)
        self.best.offer(rmse)
        self._show(f"epoch {epoch}/{n}  validation RMSE {rmse:.4f}")
        return self.patience is not None and self.best.stale >= self.patience

    def restore_best(self) -> None:
        if self.best is not None:
            self.best.restore()

    def evaluate(self, model: Implementation, validation: HeldOut) -> float:
        """The RMSE by which epochs are compared."""
        return rmse_of(model, validation)

    def _show(self, line: str) -> None:
        if self.progress:
            print(line, file=sys.stderr)


def budgets_up_to(n: int, epoch_budgets: Sequence[int]) -> list[int]:
    """The budgets below `n`, then `n`."""
    return [*(budget for budget in epoch_budgets if budget < n), n]


def rmse_of(model: Implementation, held_out: HeldOut) -> float:
    """RMSE over the pairs whose user and item are known."""
    known = held_out.known
    predicted = model.predict(held_out.users[known], held_out.items[known])
    return float(np.sqrt(np.mean((predicted - held_out.values[known]) ** 2)))
