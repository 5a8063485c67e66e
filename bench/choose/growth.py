"""How the seconds of a fit grow with the ratings: fits on parts of the training part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.choose.budget import Budget
from bench.choose.models import final, of_suite, on_cut
from bench.choose.outcome import GROWTH, Model, Outcome, Trial, final_hyperparameters
from bench.choose.recommendation import recommend
from bench.planning.plan import Cell
from bench.records import Record
from bench.stats import Interval, power

PARTS = (0.25, 0.5)
"""Of the training part; the final runs have all of it."""

SHORT_S = 0.1
"""Of a fit on the smallest part, below which what each epoch costs at any size may decide."""


def measure(
    outcome: Outcome,
    cells: Mapping[tuple[str, str], Cell],
    run: Callable[[Cell], Record],
    budget: Budget,
    limit_s: Callable[[Trial], float],
) -> None:
    """Fit the recommended model, and the most accurate one, on parts of the ratings with the seeds
    of the final runs, as long as there are minutes.

    cells    by row and device
    run      the record of a cell
    limit_s  of the training of a trial's final run
    """
    if (found := recommend(outcome)) is None:
        return
    for seed in range(outcome.request.seeds):
        for candidate in {id(it): it for it in (found.chosen, found.best)}.values():
            model, trained = candidate.model, _share_trained(candidate.runs[0])
            assert model.best is not None
            cell = cells[model.plan.implementation, model.plan.device]
            for part in PARTS:
                if budget.is_late:
                    return
                percent = max(1, round(100 * part * trained))
                run(
                    of_suite(
                        final(
                            cell if outcome.request.cut else on_cut(cell, 0),
                            final_hyperparameters(model.best),
                            f"random:{percent}/{100 - percent}",
                            seed,
                            limit_s(model.best),
                        ),
                        GROWTH,
                    )
                )


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
