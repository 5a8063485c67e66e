"""The search itself: optuna suggests, cells evaluate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from bench.planning.plan import Cell
from bench.records import Record
from bench.tune.study import Settings, Study, UnrunnableError

UNGUIDED = 5
"""Trials, with the default and the starts, after which the earlier ones guide: a slow model has
some ten in all. Against optuna's own (10, each hyperparameter by itself), with them sampled
together, best RMSE so far: `autorec` with its starts on synthetic-half-stars, mean of 3 seeds,
0.9919 -> 0.9916 after 10 trials and 0.9915 -> 0.9913 after 15; `numba_sgd` without starts, mean of
6, 0.9917 -> 0.9916 after 20 and 0.9908 -> 0.9910 after 40. Sampled each by itself: 0.9915."""


@dataclass(frozen=True)
class Trial:
    """`rmse` is the best validation RMSE of the trial's epochs; None where it failed."""

    number: int
    settings: Settings
    rmse: float | None


def search(
    study: Study,
    trials: int,
    default: Cell,
    with_settings: Callable[[Settings], Cell],
    run: Callable[[Cell], Record],
) -> Iterator[Trial]:
    """Try the default with what the study fixes, its starts, and then what is suggested.

    The same results lead to the same suggestions: a search that was interrupted requests the
    recorded trials again, and continues from there.
    Raises StudyError where the space does not hold the default, and UnrunnableError where the
    default cannot run here.
    """
    if default.skip is not None:
        raise UnrunnableError(f"study {study.name}: {study.tuned}: {default.skip.reason}")
    sampled = begun(study, default.request.hyperparameters)
    fixed = {name: str(value) for name, value in study.fixed.items()}
    for number in range(trials):
        trial = sampled.ask()
        settings = {name: values.suggest(trial, name) for name, values in study.space.items()}
        rmse = objective(run(with_settings(fixed | settings)))
        tell(sampled, trial, rmse)
        yield Trial(number, settings, rmse)


def begun(study: Study, default: Mapping[str, Any]) -> optuna.Study:
    """A search that asks for the default and the study's starts first, then for what a
    tree-structured Parzen estimator suggests, with a fixed seed. Raises StudyError where the space
    does not hold the default.

    default  hyperparameters of the preset `default`

    Bergstra, Bardenet, Bengio & Kégl 2011, Algorithms for hyper-parameter optimization.
    """
    sampled = sampler()
    for place in study.first(default):
        sampled.enqueue_trial(place, skip_if_exists=True)
    return sampled


def sampler(seed: int = 0, *, at_once: bool = False) -> optuna.Study:
    """What suggests, with nothing to learn from yet.

    seed     of what it draws
    at_once  whether trials are suggested while others run: places near those are avoided then
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        guided = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=UNGUIDED, multivariate=True, constant_liar=at_once
        )
    return optuna.create_study(sampler=guided, pruner=optuna.pruners.NopPruner())


def tell(sampled: optuna.Study, trial: optuna.Trial, rmse: float | None) -> None:
    """Let it learn from a trial; one that failed has no number to learn from, but is a place to
    avoid."""
    if rmse is None:
        sampled.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        sampled.tell(trial, rmse)


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The trial with the lowest validation RMSE; None where none has a result."""
    ranked = [(trial.rmse, trial.number, trial) for trial in trials if trial.rmse is not None]
    return min(ranked)[2] if ranked else None


def objective(record: Record) -> float | None:
    """What the search minimises: the best epoch's, of a run that came to its end."""
    if record.status != "ok" or not record.curve:
        return None
    return min(point.rmse for point in record.curve)
