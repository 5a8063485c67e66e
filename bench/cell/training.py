"""The epoch loop as the harness owns it: it stops the clock, looks, and decides."""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from bench.cell.clock import Clock
from bench.cell.guards import Company, contradiction
from bench.planning.rules import Rules
from bench.score import ColdStart, check_predictions, score
from datasets.ratings import HeldOut
from impls.protocol import Implementation, Training


@dataclass(frozen=True)
class Checkpoint:
    """Validation errors after `epoch` epochs and `seconds` on the training clock.

    Of a ladder: after a fit of `epoch` epochs that took `seconds` by itself.
    """

    epoch: int
    seconds: float
    rmse: float
    mae: float


class OneEpoch(Training):
    """For the warm-up: whatever number of epochs is asked for, the first alone."""

    def epochs(self, n: int) -> Iterator[int]:
        return iter(range(min(n, 1)))

    def fits(self, n: int, epoch_budgets: Sequence[int]) -> Iterator[int]:
        return iter([min([n, *epoch_budgets])])


@dataclass
class AsManyEpochs(Training):
    """For a fit that is made again, unlooked at: as many epochs as the first one ran."""

    ran: int = field(kw_only=True)

    def epochs(self, n: int) -> Iterator[int]:
        return iter(range(min(n, self.ran)))

    def fits(self, n: int, epoch_budgets: Sequence[int]) -> Iterator[int]:
        return iter([budget for budget in (*epoch_budgets, n) if budget == self.ran])


@dataclass
class ClockedTraining(Training):
    """Training on the clock. `on_checkpoint` hears each point and the planned epochs.

    epochs_ran  by now, in the present fit where there are several
    ladder      whether there are: the model cannot be interrupted
    fault       what a row gained from that is not on the clock or not its own; it ends training
    """

    clock: Clock = field(kw_only=True)
    cold_start: ColdStart = field(kw_only=True)
    scale: tuple[float, float] = field(kw_only=True)
    rules: Rules = field(kw_only=True, default=Rules())
    on_checkpoint: Callable[[Checkpoint, int], None] = field(kw_only=True, default=lambda *_: None)
    curve: list[Checkpoint] = field(default_factory=list, init=False)
    epoch_lengths: list[float] = field(default_factory=list, init=False)
    epochs_ran: int = field(default=0, init=False)
    epoch_budgets: bool = field(default=False, init=False)
    planned_epochs: int = field(default=0, init=False)
    timed_out: bool = field(default=False, init=False)
    diverged_at: int | None = field(default=None, init=False)
    fault: str | None = field(default=None, init=False)
    _fit_began_s: float = field(default=0.0, init=False, repr=False)
    _last_look_s: float = field(default=0.0, init=False, repr=False)
    _company: Company = field(default_factory=Company, init=False, repr=False)

    def __post_init__(self) -> None:
        self.patience = self.rules.patience

    def fits(self, n: int, epoch_budgets: Sequence[int]) -> Iterator[int]:
        self.epoch_budgets = True
        for budget in super().fits(n, epoch_budgets):
            # The count starts anew: a point is to tell of a whole fit, and of one alone.
            self._fit_began_s, self.epochs_ran = self._last_look_s, 0
            yield budget

    def unclocked(self) -> AbstractContextManager[None]:
        return self.clock.during("evaluation")

    def checkpoint(self, epoch: int, n: int) -> bool:
        self.planned_epochs = n
        now = self.clock.seconds("fit")
        self.epoch_lengths.append((now - self._last_look_s) / (epoch - self.epochs_ran))
        self._last_look_s, self.epochs_ran = now, epoch
        self._look_for_company()
        out_of_patience = super().checkpoint(epoch, n)
        return self._must_stop(epoch, n) or out_of_patience

    def evaluate(self, model: Implementation, validation: HeldOut) -> float:
        known = validation.known
        users, items = validation.users[known], validation.items[known]
        predicted = check_predictions(model.predict(users, items), len(users))
        self.fault = self.fault or contradiction(model, users, items, predicted, self.scale)
        complete = self.cold_start.complete(validation, predicted)
        errors = score(complete, validation.values, self.scale)
        # Asked of the predictions themselves: clipped, an infinite one would have a fair error.
        finite = bool(np.isfinite(predicted).all())
        point = Checkpoint(
            self.epochs_ran,
            self.clock.seconds("fit") - self._fit_began_s,
            errors.rmse if finite else math.nan,
            errors.mae,
        )
        if finite:
            self.curve.append(point)
        elif self.diverged_at is None:
            self.diverged_at = point.epoch
        self.on_checkpoint(point, self.planned_epochs)
        return point.rmse

    def finish(self) -> None:
        """After `fit`: a model that never asked for an epoch gets its one point.

        Of a ladder, the fit that was chosen on validation stays `fit`; the others are `ladder`.
        """
        self._look_for_company()
        if self.epoch_budgets:
            total = self.clock.seconds("fit")
            chosen = self._best.seconds if self._best else total
            self.clock.rebook(total - chosen, "fit", "epoch_budgets")
        if not self.epochs_ran and self.model is not None and self.validation is not None:
            with self.unclocked():
                if len(self.validation):
                    rmse = self.evaluate(copy.deepcopy(self.model), self.validation)
                    self.keep_if_best(self.model, rmse)

    @property
    def epoch_s(self) -> float | None:
        """Median seconds of an epoch; the first includes what `fit` does before its loop.

        Of a ladder: by how much the seconds of a fit grow with its epochs, which leaves out, as
        the median does, what is done once.
        """
        if self.epoch_budgets and len(self.curve) > 1:
            epochs, seconds = zip(*((p.epoch, p.seconds) for p in self.curve), strict=True)
            slope = statistics.linear_regression(epochs, seconds).slope
            if slope > 0:
                return slope
        return statistics.median(self.epoch_lengths) if self.epoch_lengths else None

    @property
    def epochs_of_fit(self) -> int:
        """Epochs that ran; of a ladder, in the fit that was chosen."""
        return self.best_epoch or self.epochs_ran if self.epoch_budgets else self.epochs_ran

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation RMSE; None where there is no validation."""
        return self._best.epoch if self._best else None

    @property
    def _best(self) -> Checkpoint | None:
        return min(self.curve, key=lambda point: point.rmse, default=None)

    def _must_stop(self, epoch: int, n: int) -> bool:
        until = self.rules.until_rmse
        self.timed_out = self._last_look_s >= self.rules.time_limit_s and epoch < n
        reached = until is not None and self.best_rmse <= until
        broken = self.diverged_at is not None or self.fault is not None
        return self.timed_out or reached or broken

    def _look_for_company(self) -> None:
        self.fault = self.fault or self._company.newcomers()
