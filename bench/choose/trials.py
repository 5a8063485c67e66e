"""The search of one model: optuna suggests, and ends a trial that is beaten at equal seconds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import optuna

from bench.cell.events import Checkpoint
from bench.records import Point, Record
from bench.tune.search import Settings
from bench.tune.study import Study

FIRST_S, RATIO, LAST = 0.01, 1.25, 72
"""Trials are compared after 10 ms of training, and each time a quarter later: at 72 moments, of
which the last is after a day."""

KEPT = 70.0
"""Per cent of the trials that came to their end, among which a trial must be at each moment. These
are the better ones already, and a larger rank or a slower rate is worse at first."""

STARTING = 5
"""Trials that come to their end before one is compared with them."""

PATIENCE_SHARE = 0.25
"""Of the seconds that the default took to its best checkpoint: none is ended before."""


class Search:
    """Asks for settings, and learns from records. Raises StudyError where the space leaves the
    default out.

    Its seed is fixed: the same records lead to the same settings, so a search that goes on asks
    for the recorded trials again first.

    default  hyperparameters of the preset `default`, which the first trial has
    """

    def __init__(self, study: Study, default: Mapping[str, Any]) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = study.space
        self._fixed = {name: str(value) for name, value in study.fixed.items()}
        self._sampled = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.NopPruner()
        )
        self._sampled.enqueue_trial(study.standing(default))
        self._trial: optuna.Trial | None = None
        self._epoch_budgets: bool | None = None
        self._reports = Reports(epoch_budgets=False)

    def ask(self) -> Settings:
        """The settings of the next trial: what is fixed and what is searched."""
        self._trial = self._sampled.ask()
        self._reports = Reports(epoch_budgets=bool(self._epoch_budgets))
        searched = {name: v.suggest(self._trial, name) for name, v in self._space.items()}
        return self._fixed | searched

    def prunes(self, event: Checkpoint) -> str:
        """Why the trial ends after this checkpoint; "" where it goes on."""
        # The first trial's record says whether each checkpoint is a fit of its own.
        if self._trial is None or self._epoch_budgets is None or (point := event.point) is None:
            return ""
        if not self._report(self._reports.take(point)) or not self._trial.should_prune():
            return ""
        after_s = self._reports.trained_s
        return f"worse than {KEPT:.0f} % of the trials that ended, after {after_s:.3g} s"

    def tell(self, record: Record | None) -> None:
        """Learn from the trial's record; None where the row refused its settings."""
        assert self._trial is not None
        if record is None:
            self._sampled.tell(self._trial, state=optuna.trial.TrialState.PRUNED)
            return
        if self._epoch_budgets is None:
            self._epoch_budgets = record.epoch_budgets
            self._reports = Reports(record.epoch_budgets)
        for point in itertools.islice(record.curve, self._reports.n_points, None):
            self._report(self._reports.take(point))
        rmse = self._reports.best
        if record.status in ("ok", "timeout") and rmse is not None:
            self._report(self._reports.to_the_end())
            self._sampled.tell(self._trial, rmse)
        else:  # one that failed has no number to learn from, but is a place to avoid
            self._sampled.tell(self._trial, state=optuna.trial.TrialState.PRUNED)
        if len(self._sampled.trials) == 1:
            self._sampled.pruner = self._pruner(self._reports.best_s)

    def _pruner(self, default_s: float) -> optuna.pruners.BasePruner:
        return optuna.pruners.PercentilePruner(
            KEPT, n_startup_trials=STARTING, n_warmup_steps=step_of(PATIENCE_SHARE * default_s)
        )

    def _report(self, steps: Iterable[tuple[int, float]]) -> bool:
        """Whether there was one."""
        assert self._trial is not None
        found = False
        for step, rmse in steps:
            self._trial.report(rmse, step)
            found = True
        return found


class Reports:
    """The lowest validation RMSE of one trial at each moment at which trials are compared.

    epoch_budgets  whether each checkpoint is a fit of its own, after those before it
    trained_s      seconds of training so far, of the fits at all epoch budgets together
    best_s         of those, up to the best checkpoint
    """

    def __init__(self, epoch_budgets: bool) -> None:
        self.epoch_budgets = epoch_budgets
        self.best: float | None = None
        self.best_s = 0.0
        self.trained_s = 0.0
        self.n_points = 0
        self._step = 0

    def take(self, point: Point) -> list[tuple[int, float]]:
        """The moments that the checkpoint passed, each with the lowest RMSE before it."""
        self.trained_s = point.seconds + (self.trained_s if self.epoch_budgets else 0.0)
        self.n_points += 1
        passed = self._passed(step_of(self.trained_s))
        if self.best is None or point.rmse < self.best:
            self.best, self.best_s = point.rmse, self.trained_s
        return passed

    def to_the_end(self) -> list[tuple[int, float]]:
        """All moments to come: a trial that ended has its best RMSE at each."""
        return self._passed(LAST)

    def _passed(self, step: int) -> list[tuple[int, float]]:
        steps, self._step = range(self._step, step), max(self._step, step)
        return [] if self.best is None else [(each, self.best) for each in steps]


def step_of(seconds: float) -> int:
    """How many of the moments are over after so many seconds."""
    if seconds < FIRST_S:
        return 0
    return min(LAST, 1 + math.floor(math.log(seconds / FIRST_S, RATIO)))
