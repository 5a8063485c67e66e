"""How the seconds of a fit grow with the ratings: fits on parts of the training part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.choose.budget import LATE, Budget
from bench.choose.final import limit_s
from bench.choose.models import final, of_suite
from bench.choose.outcome import GROWTH, Model, Outcome, final_hyperparameters
from bench.choose.recommendation import recommend
from bench.planning.plan import Cell
from bench.records import Record
from bench.stats import Interval, power

PARTS = (0.25, 0.5)
"""Of the training part; the final runs have all of it."""

SEEDS = 2
"""Of each part, at most: one is enough for an interval, with the final runs."""

MOST = 0.1
"""Of the minutes, that the fits of one seed can reserve: a blend of MovieLens 100K takes 60 s."""

SHORT_S = 0.1
"""Of a fit on the smallest part, below which what each epoch costs at any size may decide."""


def reserved_s(start_s: float, fit_s: float, total_s: float) -> float:
    """Seconds that are left for these fits of one model, with one seed: as if each part took as
    long as the whole, for some hardly grow.

    start_s  of a process, beside its fit
    fit_s    of its final run
    total_s  of the minutes
    """
    return min(MOST * total_s, len(PARTS) * (start_s + fit_s))


def measure(
    outcome: Outcome,
    cells: Mapping[tuple[str, str], Cell],
    run: Callable[[Cell], Record],
    budget: Budget,
) -> None:
    """Fit the recommended model, then the most accurate one, on parts of the ratings, as long as
    there are minutes. The parts are at random, whatever the split is: only seconds are of interest.

    cells  by row and device
    run    the record of a cell
    """
    if (found := recommend(outcome)) is None:
        return
    for candidate in {id(it): it for it in (found.chosen, found.best)}.values():
        model, fit_s = candidate.model, candidate.fit_s.value
        assert model.best is not None
        start_s = candidate.first_model_s.value - fit_s if candidate.first_model_s else 0.0
        cell = cells[model.plan.implementation, model.plan.device]
        values = final_hyperparameters(model.best)
        for seed in range(min(SEEDS, outcome.request.seeds)):
            for part in PARTS:
                if budget.elapsed_s + start_s + part * fit_s > LATE * budget.total_s:
                    return
                percent = max(1, round(100 * part * _share_trained(candidate.runs[0])))
                split = f"random:{percent}/{100 - percent}"
                of_part = final(cell, values, split, seed, limit_s(fit_s))
                run(of_suite(of_part, GROWTH))


def exponent(model: Model) -> Interval | None:
    """Of the seconds of a fit over the ratings that it is on, for the epochs that were chosen; None
    where fewer than three sizes were measured."""
    points = [(_n_trained(r), r.times.fit_s) for r in _fits(model) if r.times]
    if len({size for size, _ in points}) < 1 + len(PARTS):
        return None
    return power([size for size, _ in points], [max(seconds, 1e-6) for _, seconds in points])


def is_short(model: Model) -> bool:
    """Whether a fit on the smallest part was over too soon to say how it grows."""
    fits = _fits(model)
    smallest = min(map(_n_trained, fits), default=0)
    return any(r.times.fit_s < SHORT_S for r in fits if r.times and _n_trained(r) == smallest)


def _fits(model: Model) -> list[Record]:
    """To their end, on all sizes."""
    runs = (*model.best_runs, *model.growth_runs)
    return [r for r in runs if r.status == "ok" and r.metrics and r.times]


def _share_trained(record: Record) -> float:
    return _n_trained(record) / record.data.n_ratings


def _n_trained(record: Record) -> int:
    """Ratings of the training part of a run without a validation part."""
    assert record.metrics is not None
    return record.data.n_ratings - record.metrics.n_test
