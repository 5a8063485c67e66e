"""The search of one model: optuna suggests, and ends a trial that is beaten at equal seconds."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from bench.cell.events import Checkpoint
from bench.records import Point, Record
from bench.tune.search import sampler
from bench.tune.study import Settings, Study

FIRST_S, RATIO, LAST = 0.01, 1.25, 72
"""Trials are compared after 10 ms of training, and each time a quarter later: at 72 moments, of
which the last is after a day. Ratios from 1.1 to 1.6 ended the same trials (those that KEPT names);
at 2.5 a third fewer on ml-latest-small."""

KEPT = 70.0
"""Per cent of the trials that came to their end, among which a trial must be at each moment. These
are the better ones already, and a larger rank or a slower rate is worse at first. Replayed on the
whole curves of 325 trials of numba_sgd on ml-100k and 157 on ml-latest-small: 70 saves a third and
a half of the training and keeps every better trial; 50 loses the best on ml-100k (0.8980 against
0.8975), 80 and 90 save less."""

STARTING = 5
"""Trials that come to their end before one is compared with them: optuna's own number."""

PATIENCE_SHARE = 0.25
"""Of the seconds that the default took to its best checkpoint: none is ended before. A guess: the
replay of KEPT had it, too, and lost nothing."""


class Search:
    """Asks for settings, and learns from records. Raises StudyError where the space leaves the
    default out.

    Its seed is fixed: the same records lead to the same settings, so a search that goes on asks
    for the recorded trials again first.

    default  hyperparameters of the preset `default`, which the first trial has
    """

    def __init__(self, study: Study, default: Mapping[str, Any]) -> None:
        self._space = study.space
        self._fixed = {name: str(value) for name, value in study.fixed.items()}
        self._sampled = sampler()
        # Not in optuna's queue, which a trial that runs again goes to the end of.
        first = study.first(default)
        self._first = deque(each for n, each in enumerate(first) if each not in first[:n])
        self._asked: list[Asked] = []
        self._default: Mapping[str, Any] | None = None
        self._epoch_budgets: bool | None = None

    def ask(self) -> Settings:
        """The settings of the next trial: the default and the starts of the study, then what a
        tree-structured Parzen estimator suggests."""
        if self._first:
            self._sampled.enqueue_trial(self._first.popleft())
        return self._ask()

    def _ask(self) -> Settings:
        trial = self._sampled.ask()
        searched = {name: v.suggest(trial, name) for name, v in self._space.items()}
        self._asked.append(Asked(trial, Reports(bool(self._epoch_budgets))))
        return self._fixed | searched

    @property
    def params(self) -> Mapping[str, Any]:
        """What `ask` suggested last, for `repeat`."""
        return dict(self._asked[-1].trial.params)

    def repeat(self, params: Mapping[str, Any], spared: int) -> None:
        """Begin an earlier trial once more, before the one that `ask` suggested last. It is not
        ended before it has more than `spared` checkpoints, as many as it had."""
        self._sampled.enqueue_trial(dict(params))
        self._ask()
        self._asked[-1].spared = spared

    def prunes(self, event: Checkpoint) -> str:
        """Why the trial ends after this checkpoint; "" where it goes on."""
        # The first trial's record says whether each checkpoint is a fit of its own.
        if not self._asked or self._epoch_budgets is None or (point := event.point) is None:
            return ""
        asked = self._asked[-1]
        passed = asked.report(asked.reports.take(point))
        if not passed or asked.reports.n_points <= asked.spared or not asked.trial.should_prune():
            return ""
        after_s = asked.reports.trained_s
        return f"worse than {KEPT:.0f} % of the trials that ended, after {after_s:.3g} s"

    def tell(self, record: Record | None) -> None:
        """Learn from the trial's record; None where the row refused its settings."""
        asked = self._asked.pop()
        if record is None:
            self._sampled.tell(asked.trial, state=optuna.trial.TrialState.PRUNED)
            return
        if self._epoch_budgets is None and record.times is not None:
            self._epoch_budgets = record.epoch_budgets
            asked.reports = Reports(record.epoch_budgets)
        for point in itertools.islice(record.curve, asked.reports.n_points, None):
            asked.report(asked.reports.take(point))
        rmse = asked.reports.best
        if record.status in ("ok", "timeout") and rmse is not None:
            asked.report(asked.reports.to_the_end())
            self._sampled.tell(asked.trial, rmse)
        else:  # one that failed has no number to learn from, but is a place to avoid
            self._sampled.tell(asked.trial, state=optuna.trial.TrialState.PRUNED)
        self._default = self._default or asked.trial.params
        if asked.trial.params == self._default:
            self._sampled.pruner = self._pruner(asked.reports.best_s)

    def _pruner(self, default_s: float) -> optuna.pruners.BasePruner:
        return optuna.pruners.PercentilePruner(
            KEPT, n_startup_trials=STARTING, n_warmup_steps=step_of(PATIENCE_SHARE * default_s)
        )


@dataclass
class Asked:
    """A trial that was suggested, and has no result yet.

    spared  checkpoints after none of which it ends
    """

    trial: optuna.Trial
    reports: Reports
    spared: int = 0

    def report(self, steps: Iterable[tuple[int, float]]) -> bool:
        """Whether there was one."""
        found = False
        for step, rmse in steps:
            self.trial.report(rmse, step)
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
