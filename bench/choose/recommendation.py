"""What an outcome lets one claim: which model to use, how sure that is, and what it costs.

Numbers alone; `bench/report/pages/recommendation.py` has the sentences.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.choose.outcome import SURE, Model, Outcome
from bench.planning.goals import BEST, own_goals
from bench.planning.plan import BASELINE
from bench.records import Figure, Record, mean_by_seed, part, round_up
from bench.stats import LEVEL, Interval, critical_t, median_interval, ratio

CLOSE = 0.01
"""How much above the lowest test RMSE still counts as about as accurate."""

NEAR = 0.001
"""How much above the lowest test RMSE a model may be to be chosen for its speed: one whose seeds
differ much is not separable from the best, however far above it is. A fifth of the 0.5 % by which
a choice may miss what ten times its minutes would find: the rest is for the search."""

RMSE = part("metrics", "rmse")
FIT_S = part("times", "fit_s")


@dataclass(frozen=True)
class Candidate:
    """A model with its final runs: those at its best configuration that have a test score."""

    name: str
    model: Model
    runs: Sequence[Record]

    @cached_property
    def rmse(self) -> Interval:
        """On the test part, 95 %."""
        return test_rmse(self.runs)

    @cached_property
    def fit_s(self) -> Interval:
        """Of the final fit, median."""
        return median_interval(mean_by_seed(self.runs, FIT_S).values())

    @property
    def known_rmse(self) -> float | None:
        """On the test pairs that are no cold starts; None where the runs do not tell."""
        found = [value for run in self.runs if (value := _known_rmse(run)) is not None]
        return statistics.fmean(found) if found else None

    @property
    def first_model_s(self) -> Interval | None:
        """From the start of a process to a fitted model, median."""
        return self.middle(part("times", "first_model_s"))

    @property
    def prediction_s(self) -> Interval | None:
        """Seconds of a prediction, in a call for all test pairs; median."""
        return self.middle(_prediction_s)

    @property
    def host_bytes(self) -> Interval | None:
        """Peak of resident memory, median."""
        return self.middle(part("memory", "host_peak_bytes"))

    @property
    def device_bytes(self) -> Interval | None:
        """Peak of a device's allocator, median; None on the CPU."""
        return self.middle(part("memory", "device_peak_bytes"))

    def middle(self, figure: Figure) -> Interval | None:
        """The median over seeds of a figure; None where no run has it."""
        values = mean_by_seed(self.runs, figure).values()
        return median_interval(values) if values else None

    def times_slower(self, other: Candidate) -> Interval:
        """Fit time of this one over the other's, 95 %; no interval for one seed."""
        return ratio(mean_by_seed(self.runs, FIT_S), mean_by_seed(other.runs, FIT_S)).interval


@dataclass(frozen=True)
class Beside:
    """A candidate beside the most accurate one.

    excess  its test RMSE less that of the other, at `SURE`; None where nothing is known of how
            sure it is, as of one seed each
    """

    candidate: Candidate
    excess: Interval | None

    @property
    def is_separate(self) -> bool:
        """Whether it is less accurate beyond noise."""
        return self.excess is not None and self.excess.low > 0

    def within(self, share: float, of: float) -> bool:
        """Whether it is surely at most this share of an RMSE above."""
        return self.excess is not None and self.excess.high <= share * of

    def beyond(self, share: float, of: float) -> bool:
        """Whether it is surely more than that above."""
        return self.excess is not None and self.excess.low > share * of


@dataclass(frozen=True)
class ToGoal:
    """A model that reached a goal RMSE on validation, in the trial that took the least training.

    fit_s     training seconds of that trial until there: of one run, so without an interval
    search_s  counted seconds of the model's search until its first trial was there
    """

    name: str
    fit_s: float
    search_s: float


@dataclass(frozen=True)
class Goal:
    """A goal RMSE on validation and who reached it, the quickest first. `name`: what it is."""

    rmse: float
    name: str
    reached: Sequence[ToGoal]


@dataclass(frozen=True)
class Recommendation:
    """What the final runs say.

    best      the candidate with the lowest test RMSE
    others    the others, by their test RMSE
    goals     easiest first
    """

    best: Candidate
    others: Sequence[Beside]
    goals: Sequence[Goal]

    @property
    def can_choose(self) -> bool:
        """Whether models can differ at all: of cold starts each predicts the same."""
        metrics = self.best.runs[0].metrics
        return metrics is None or metrics.n_cold_start < metrics.n_test

    @property
    def tied(self) -> list[Beside]:
        """Not separable from the best."""
        return [other for other in self.others if not other.is_separate]

    @property
    def next(self) -> Beside | None:
        """The first that is separate from the best."""
        return next((other for other in self.others if other.is_separate), None)

    @cached_property
    def quickest(self) -> Candidate:
        """The quickest to fit of those surely within `CLOSE` of the best."""
        return min(self._close, key=lambda each: each.fit_s.value)

    @property
    def as_quick(self) -> list[Candidate]:
        """Others within `CLOSE` whose fit time is not separable from the quickest's."""
        return [
            each
            for each in self._close
            if each is not self.quickest and not each.times_slower(self.quickest).low > 1
        ]

    @property
    def perhaps_close(self) -> list[Beside]:
        """Quicker than the quickest, and too close to `CLOSE` to say."""
        of = self.best.rmse.value
        return [
            other
            for other in self.others
            if not other.within(CLOSE, of)
            and not other.beyond(CLOSE, of)
            and (other.excess or other.candidate.rmse.value <= (1 + CLOSE) * of)
            and other.candidate.fit_s.value < self.quickest.fit_s.value
        ]

    @cached_property
    def chosen(self) -> Candidate:
        """The quickest of the best and those that are not separable from it and at most `NEAR`
        above it; the best where one seed each gives no interval, which is no reason to take a
        worse one for its speed."""
        among = [self.best, *self.as_accurate]
        return min(among, key=lambda each: each.fit_s.value)

    @property
    def as_accurate(self) -> list[Candidate]:
        """Not separable from the best, and at most `NEAR` above it."""
        return [
            other.candidate
            for other in self.tied
            if other.excess and other.excess.value <= NEAR * self.best.rmse.value
        ]

    @property
    def candidates(self) -> list[Candidate]:
        return [self.best, *(other.candidate for other in self.others)]

    @property
    def _close(self) -> list[Candidate]:
        of = self.best.rmse.value
        return [self.best, *(o.candidate for o in self.others if o.within(CLOSE, of))]


def recommend(outcome: Outcome) -> Recommendation | None:
    """What to use; None where no model has a final run with a test score."""
    candidates = [
        Candidate(name, model, runs)
        for name, model in names(outcome).items()
        if (runs := scored(model.best_runs))
    ]
    if not candidates:
        return None
    best, *others = sorted(candidates, key=lambda each: each.rmse.value)
    beside = [Beside(each, difference(each.runs, best.runs)) for each in others]
    return Recommendation(best, beside, goals(outcome))


def names(outcome: Outcome) -> dict[str, Model]:
    """The models by the rows that searched."""
    return {model.plan.implementation: model for model in outcome.models}


def scored(runs: Iterable[Record]) -> list[Record]:
    return [r for r in runs if r.status in ("ok", "timeout") and r.metrics and r.times]


def test_rmse(runs: Sequence[Record]) -> Interval:
    """Mean test RMSE over scored runs, and its 95 % interval.

    It is that of other test ratings and of other seeds of the model: from the variance between
    blocks of the test part and that between seeds. No interval where either is not known.
    """
    value = statistics.fmean(_rmses(runs))
    M = _squared_errors(runs)
    if M is None or len(M) < 2:
        return Interval(value, value, value, len(runs), None)
    half = _half_width(M.mean(axis=0), [M], LEVEL) / (2 * value) if value else 0.0
    return Interval(value, value - half, value + half, len(runs), LEVEL)


def difference(a: Sequence[Record], b: Sequence[Record]) -> Interval | None:
    """Mean test RMSE of `a` less that of `b`, both scored runs on one split, at `SURE`.

    The two are compared block by block of the test part, so that ratings which are hard for both
    count for nothing. None where either has one seed, or no blocks.
    """
    A, B = _squared_errors(a), _squared_errors(b)
    if A is None or B is None or A.shape[1] != B.shape[1] or min(len(A), len(B)) < 2:
        return None
    value, level = statistics.fmean(_rmses(a)) - statistics.fmean(_rmses(b)), SURE
    between = math.sqrt(A.mean()) + math.sqrt(B.mean())
    half = _half_width(A.mean(axis=0) - B.mean(axis=0), [A, B], level) / between if between else 0.0
    return Interval(value, value - half, value + half, min(len(A), len(B)), level)


def goals(outcome: Outcome) -> list[Goal]:
    """What was requested, or steps from what the baseline's best trial reached on validation to
    the lowest of all best trials."""
    lowest = {
        name: model.best.rmse
        for name, model in names(outcome).items()
        if model.best and model.best.rmse is not None
    }
    if not lowest:
        return []
    if (requested := outcome.request.goal) is not None:
        return [_goal(outcome, requested, "requested")]
    best = min(lowest.values())
    wanted = own_goals(lowest[BASELINE], best) if BASELINE in lowest else {round_up(best): BEST}
    return [_goal(outcome, rmse, name) for rmse, name in wanted.items()]


def seconds_to(model: Model, rmse: float) -> tuple[float, float] | None:
    """Least training seconds of a trial until a validation RMSE, and counted seconds of the search
    until one was there; None where none was."""
    fits = [
        next((point.seconds for point in trial.record.curve if point.rmse <= rmse), math.inf)
        for trial in model.trials
        if trial.best
    ]
    fit_s = min(fits, default=math.inf)
    search_s = next((seconds for seconds, reached in model.anytime if reached <= rmse), math.inf)
    return (fit_s, search_s) if math.isfinite(fit_s) else None


def _goal(outcome: Outcome, rmse: float, name: str) -> Goal:
    reached = [
        ToGoal(row, *seconds)
        for row, model in names(outcome).items()
        if (seconds := seconds_to(model, rmse))
    ]
    return Goal(rmse, name, sorted(reached, key=lambda each: each.fit_s))


def _rmses(runs: Sequence[Record]) -> list[float]:
    return list(mean_by_seed(runs, RMSE).values())


def _known_rmse(record: Record) -> float | None:
    metrics = record.metrics
    assert metrics is not None
    known = [s for s in metrics.slices if s.by == "training" and s.low is not None]
    n = sum(each.n for each in known)
    return math.sqrt(math.fsum(each.n * each.rmse**2 for each in known) / n) if n else None


def _prediction_s(record: Record) -> float | None:
    if record.times is None or record.metrics is None:
        return None
    n = record.metrics.n_test - record.metrics.n_cold_start
    return record.times.predict_s / n if n else None


def _squared_errors(runs: Sequence[Record]) -> NDArray[np.float64] | None:
    """Mean squared error of each run and block of the test part, (seeds, blocks)."""
    blocks = [record.metrics.blocks for record in runs if record.metrics]
    if not blocks or min(map(len, blocks)) < 2 or len(set(map(len, blocks))) > 1:
        return None
    return np.array(blocks)


def _half_width(
    parts: NDArray[np.float64], sides: Sequence[NDArray[np.float64]], level: float
) -> float:
    """Half the t interval of a mean of squared errors, or of a difference between two.

    parts  (blocks,), means over seeds
    sides  (seeds, blocks) of each side: how much its seeds differ comes on top

    Degrees of freedom as Welch and Satterthwaite have them.
    """
    terms = [(float(parts.var(ddof=1)) / len(parts), len(parts) - 1)]
    terms += [(float(M.mean(axis=1).var(ddof=1)) / len(M), len(M) - 1) for M in sides]
    total = math.fsum(variance for variance, _ in terms)
    if not total:
        return 0.0
    degrees = total**2 / math.fsum(variance**2 / n for variance, n in terms)
    return critical_t((1 - level) / 2, degrees) * math.sqrt(total)
