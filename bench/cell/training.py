"""The harness's referees: when a fit ends, and which epoch of it is restored."""

from __future__ import annotations

import copy
import gc
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.cell.clock import Clock
from bench.cell.guards import BackgroundWork, Hooks, inconsistency
from bench.planning.rules import Rules
from bench.score import ColdStart, check_predictions, score, squared_errors
from datasets.ratings import HeldOut
from impls.protocol import BestModel, Implementation, Referee, budgets_up_to

FURTHER = 1.25
"""How many times the last evaluated epoch the next one is at most, where evaluations are spared: 21
of 200 epochs are evaluated at least, and the best of these is at most a quarter off."""


@dataclass(frozen=True)
class Evaluation:
    """Validation errors after `epoch` epochs and `seconds` on the training clock.

    With epoch budgets: after a fit of `epoch` epochs that took `seconds` by itself.
    """

    epoch: int
    seconds: float
    rmse: float
    mae: float


@dataclass(frozen=True)
class EpochLimit:
    """Ends a fit after so many epochs, and evaluates nothing.

    Of fits with epoch budgets there is one: the shortest that has so many epochs.
    """

    epochs: int

    def budgets(self, n: int, epoch_budgets: Sequence[int]) -> Sequence[int]:
        return [min((b for b in (*epoch_budgets, n) if b >= self.epochs), default=n)]

    def stops(self, epoch: int, n: int) -> bool:  # noqa: ARG002
        return epoch >= self.epochs

    def restore_best(self) -> None:
        """The last epoch stays."""


def only_its_verdicts(referee: Referee) -> Referee:
    """The referee as a row gets it: it answers, and none of its attributes is within reach."""

    class Verdicts:
        __slots__ = ()

        def budgets(self, n: int, epoch_budgets: Sequence[int]) -> Sequence[int]:
            return referee.budgets(n, epoch_budgets)

        def stops(self, epoch: int, n: int) -> bool:
            return referee.stops(epoch, n)

        def restore_best(self) -> None:
            referee.restore_best()

    return Verdicts()


@dataclass
class ClockedReferee:
    """Evaluates each epoch with the training clock stopped, and ends the fit by the rules.

    hooks          from outside of its own calls through which a row could run
    before_evaluation  is called before the model predicts the validation pairs
    on_evaluation  is called with each evaluation and the number of planned epochs
    is_enough      whether the harness has ordered the end of training
    blocks         parts of the validation ratings whose squared errors are wanted; 0 for none
    n_evaluations  so far
    copy_s         of the checks and of a copy of the model, known once fitting is over
    epochs_ran     so far, in the present fit where there are several
    has_budgets    whether there are several: the model cannot be interrupted
    fault          what a row did that no figure may count; it ends training
    """

    model: Implementation
    validation: HeldOut
    clock: Clock
    cold_start: ColdStart
    scale: tuple[float, float]
    rules: Rules = field(default=Rules())
    hooks: Hooks = field(default_factory=Hooks)
    before_evaluation: Callable[[], None] = lambda: None
    on_evaluation: Callable[[Evaluation, int], None] = lambda *_: None
    is_enough: Callable[[], bool] = lambda: False
    blocks: int = 0
    curve: list[Evaluation] = field(default_factory=list, init=False)
    epoch_lengths: list[float] = field(default_factory=list, init=False)
    epochs_ran: int = field(default=0, init=False)
    has_budgets: bool = field(default=False, init=False)
    timed_out: bool = field(default=False, init=False)
    diverged_at: int | None = field(default=None, init=False)
    fault: str | None = field(default=None, init=False)
    n_evaluations: int = field(default=0, init=False)
    copy_s: float = field(default=0.0, init=False)
    _fit_s: float = field(default=0.0, init=False)
    _predicted: NDArray[np.float64] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._best = BestModel(self.model)
        self._background = BackgroundWork()

    def budgets(self, n: int, epoch_budgets: Sequence[int]) -> Sequence[int]:
        self.has_budgets = True
        return budgets_up_to(n, epoch_budgets) if len(self.validation) else [n]

    def stops(self, epoch: int, n: int) -> bool:
        with self.clock.during("evaluation"):
            fit_s = self.clock.seconds("fit")
            since_last_s = fit_s - self._fit_s
            # With epoch budgets each fit is counted and timed by itself.
            new_epochs = epoch if self.has_budgets else epoch - self.epochs_ran
            self.epoch_lengths.append(since_last_s / new_epochs)
            self.epochs_ran, self._fit_s = epoch, fit_s
            self.timed_out = epoch < n and self._is_late(fit_s)
            self._check_off_clock()
            if not self._spares(epoch, n, fit_s):
                self._evaluate(since_last_s if self.has_budgets else fit_s, planned=n)
        goal, patience = self.rules.until_rmse, self.rules.patience
        return (
            self.timed_out
            or self.diverged_at is not None
            or self.fault is not None
            or self.is_enough()
            or (goal is not None and self._best.rmse <= goal)
            or (patience is not None and self._best.stale >= patience)
        )

    def _spares(self, epoch: int, n: int, fit_s: float) -> bool:
        """Whether the epoch is not evaluated. A fit at an epoch budget is: nothing else of it is
        left."""
        if not self.rules.sparing or self.has_budgets or epoch == n or self.timed_out:
            return False
        if not self.curve or epoch >= FURTHER * self.curve[-1].epoch:
            return False
        return self.clock.seconds("evaluation") > fit_s

    def _is_late(self, fit_s: float) -> bool:
        """Whether the time limit is reached, or would be within the next epoch: a row that is
        killed there would keep no score."""
        limit_s = self.rules.time_limit_s
        if self.has_budgets:  # how long a fit of another length takes is not known
            return fit_s >= limit_s
        return fit_s >= limit_s or fit_s + statistics.median(self.epoch_lengths) > limit_s

    def restore_best(self) -> None:
        with self.clock.during("evaluation"):
            self._best.restore()

    def finish(self) -> None:
        """After `fit`: a model that has no epochs gets its one evaluation.

        With epoch budgets, the fit that was chosen on validation stays `fit` on the clock; the
        others become `other_budgets`.
        """
        self._check_off_clock()
        if self.has_budgets:
            total = self.clock.seconds("fit")
            chosen = self._lowest.seconds if self._lowest else total
            self.clock.rebook(total - chosen, "fit", "other_budgets")
        if not self.epochs_ran:
            with self.clock.during("evaluation"):
                self._evaluate(self.clock.seconds("fit"), planned=0)
        self._time_again()

    @property
    def epoch_s(self) -> float | None:
        """Median seconds of an epoch; the first includes what `fit` does before its loop.

        With epoch budgets: by how much the seconds of a fit grow with its epochs, which leaves
        out, as the median does, what is done once.
        """
        if self.has_budgets and len(self.curve) > 1:
            epochs, seconds = zip(*((p.epoch, p.seconds) for p in self.curve), strict=True)
            slope = statistics.linear_regression(epochs, seconds).slope
            if slope > 0:
                return slope
        return statistics.median(self.epoch_lengths) if self.epoch_lengths else None

    @property
    def epochs_of_fit(self) -> int:
        """Epochs that ran; with epoch budgets, in the fit that was chosen."""
        return (self.has_budgets and self.best_epoch) or self.epochs_ran

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation RMSE; None where there is no validation."""
        return self._lowest.epoch if self._lowest else None

    @property
    def val_rmse(self) -> float | None:
        """Of the best epoch."""
        return self._lowest.rmse if self._lowest else None

    @property
    def val_blocks(self) -> list[float]:
        """Mean squared errors of `blocks` parts of the validation ratings, at the best epoch."""
        if self._predicted is None:
            return []
        return squared_errors(self._predicted, self.validation.values, self.scale, self.blocks)

    @property
    def _lowest(self) -> Evaluation | None:
        return min(self.curve, key=lambda point: point.rmse, default=None)

    def _check_off_clock(self) -> None:
        gc.disable()  # a library may have switched it on; it would run a row's code off the clock
        self.fault = self.fault or self._background.started_since() or self.hooks.changed()

    def _time_again(self) -> None:
        """A check and a copy more, to know what those of the evaluations may have taken."""
        with self.clock.during("evaluation"):
            before = self.clock.now_ns
            self._check_off_clock()
            if self.n_evaluations:
                copy.deepcopy(self.model)
        self.copy_s = (self.clock.now_ns - before) / 1e9

    def _evaluate(self, seconds: float, planned: int) -> None:
        if not len(self.validation):
            return
        self.before_evaluation()
        # A copy predicts, so that nothing which `predict` changes is left for training.
        model = copy.deepcopy(self.model)
        known = self.validation.known
        users, items = self.validation.users[known], self.validation.items[known]
        predicted = check_predictions(model.predict(users, items), len(users))
        self.fault = self.fault or inconsistency(model, users, items, predicted, self.scale)
        complete = self.cold_start.complete(self.validation, predicted)
        errors = score(complete, self.validation.values, self.scale)
        # Of the predictions themselves: clipped, an infinite one would have a fair error.
        finite = bool(np.isfinite(predicted).all())
        rmse = errors.rmse if finite else math.nan
        evaluation = Evaluation(self.epochs_ran, seconds, rmse, errors.mae)
        if finite:
            self.curve.append(evaluation)
            if self.blocks and self._lowest is evaluation:
                self._predicted = complete
        elif self.diverged_at is None:
            self.diverged_at = evaluation.epoch
        self.n_evaluations += 1
        self.on_evaluation(evaluation, planned)
        self._best.offer(rmse)
