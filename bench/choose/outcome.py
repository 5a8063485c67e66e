"""What a choice found, as types. It is read from the choice's folder: its request and its records.

<out>/choose/NAME/request.json      what was requested, of the last call
<out>/choose/NAME/records/*.jsonl   trials and final runs, in the ordinary format
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.records import Data, Point, Record, made_with
from bench.stats import mean_interval
from bench.store import RecordStore

PROBE, SEARCH, FINAL = "choose:probe", "choose:search", "choose:final"
"""The `suite` of the short fits that find the quickest row, of trials and of final runs."""

GROWTH = "choose:growth"
"""The `suite` of fits on parts of the training part."""

REQUEST = "request.json"

CHANGED = "its source changed during the search; the same command starts its trials anew"
"""The problem of a model whose later figures would be of another source than its earlier ones."""

NO_ROOM = "the minutes had no room for its first trial; more minutes run it"
"""The problem of a model that the search did not come to."""

SURE = 0.99
"""The confidence at which one model, or one trial, is called more accurate than another: several
are compared, and none is to be named alone by chance."""


class Searched(BaseModel):
    """A model as the plan has it.

    implementation  the row that searches: the quickest of `rows`, which have the same maths
    device          "cpu", "cuda" or "cuda:1"
    model           the name of the maths
    problem         why it has no trials; "" where it has
    made_with       digest of its source, the versions of what runs it, and the machine: records of
                    others do not count; "" in older requests
    devices         of which `device` is one: those on which `rows` can run
    studied         whether a study says which hyperparameters to search
    """

    model_config = ConfigDict(extra="forbid")

    implementation: str
    device: str
    model: str
    rows: list[str]
    problem: str = ""
    made_with: str = ""
    devices: list[str] = []
    studied: bool = True

    def has(self, record: Record) -> bool:
        """Whether the record is of this model as it is now, or finds which of its rows is the
        quickest."""
        cell = record.cell
        if (cell.implementation, cell.device) != (self.implementation, self.device):
            return cell.implementation in self.rows and cell.suite == PROBE
        now = made_with(record.source.implementation_hash, record.environment)
        return self.made_with in ("", now)


class Request(BaseModel):
    """What one call requested, and the plan that it led to.

    dataset      a name of the catalog, or the path of a file
    split        of the search: "random:65/10/25"
    final_split  of the final runs, which join training and validation: "random:75/25"
    minutes      of wall time, of all calls together
    goal         RMSE; None for none
    seeds        of each final configuration: model seeds 0 … seeds − 1, on the one split
    cut          the seed of that split
    test         the path of the file with the test ratings; "" for none
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    dataset: str
    split: str
    final_split: str
    minutes: float
    goal: float | None
    seeds: int
    threads: int
    models: list[Searched]
    cut: int = 0
    test: str = ""
    fingerprint: str = ""
    """Of the ratings: records of others do not count."""
    wall_s: float = 0.0
    """Of the calls so far, planning and the harness's own work included."""
    ended: bool = True
    """Whether the last call came to its end, rather than was interrupted."""
    others: list[Request] = []
    """The last calls of other searches in this folder: on other splits, of other models."""

    @property
    def calls(self) -> list[Request]:
        """The last call of each search in this folder, this one first."""
        return [self.model_copy(update={"others": []}), *self.others]

    def own(self, records: Iterable[Record]) -> list[Record]:
        """Those of these ratings, models and threads."""
        return [
            record
            for record in records
            if self.fingerprint in ("", record.data.fingerprint)
            and record.cell.threads == self.threads
            and any(plan.has(record) for plan in self.models)
        ]


@dataclass(frozen=True)
class Spent:
    """Seconds by kind. What counts against a model is what its user would wait for.

    start_s       from the start of a process until its libraries are imported
    compile_s     the warm-up: compiling, opening a device
    training_s    on the training clock, the fits at all epoch budgets together
    evaluation_s  of checkpoints; does not count
    other_s       reading ratings, predictions, the end of a process; does not count
    """

    start_s: float = 0.0
    compile_s: float = 0.0
    training_s: float = 0.0
    evaluation_s: float = 0.0
    other_s: float = 0.0

    @property
    def counted_s(self) -> float:
        return self.start_s + self.compile_s + self.training_s

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.start_s + other.start_s,
            self.compile_s + other.compile_s,
            self.training_s + other.training_s,
            self.evaluation_s + other.evaluation_s,
            self.other_s + other.other_s,
        )

    @classmethod
    def of(cls, record: Record) -> Spent:
        """Of a record without times, as of a worker that was killed, all that it took is training:
        what it ran; of older ones what their curve has, or the time limit that they exceeded."""
        if (times := record.times) is None:
            points = [point.seconds for point in record.curve]
            total = sum(points) if record.epoch_budgets else max(points, default=0.0)
            if record.status == "timeout":
                total = max(total, record.cell.rules["time_limit_s"])
            return cls(training_s=max(total, record.ran_s or 0.0))
        return cls(
            times.import_s,
            times.warmup_s,
            times.fit_s + times.other_budgets_s,
            times.evaluation_s,
            times.overhead_s + times.predict_s,
        )


@dataclass(frozen=True)
class Trial:
    """One trial of a model; `record` has its hyperparameters, its status and its curve, and no
    test score.

    number    from 0, which is the preset `default`
    before_s  counted seconds of the model before it began
    """

    number: int
    record: Record
    before_s: float

    @property
    def spent(self) -> Spent:
        return Spent.of(self.record)

    @property
    def pruned(self) -> bool:
        """Whether it was ended because other trials were better at equal seconds."""
        return self.record.status == "pruned"

    @cached_property
    def best(self) -> Point | None:
        """The checkpoint with the lowest validation RMSE. That of a trial which ran out of time or
        was pruned counts, too, for the final fit may end at its epoch; that of one which failed
        or diverged does not."""
        if self.record.status not in ("ok", "timeout", "pruned"):
            return None
        return min(self.record.curve, key=lambda point: point.rmse, default=None)

    @property
    def rmse(self) -> float | None:
        """The lowest validation RMSE; None where it has no result."""
        return self.best.rmse if self.best else None


def validation_rmse(trial: Trial | None) -> float:
    """The lowest of a trial; ∞ without a result."""
    return math.inf if trial is None or trial.rmse is None else trial.rmse


def lowest_of(trials: Iterable[Trial]) -> Trial | None:
    """The trial with the lowest validation RMSE, the first of equal ones."""
    with_result = [trial for trial in trials if trial.rmse is not None]
    return min(with_result, key=lambda trial: trial.rmse or 0.0, default=None)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial whose hyperparameters a user should take: the lowest of those that are better on
    validation than the default (trial 0) beyond noise, else the default.

    Of many trials the lowest is lowest by luck, too. Two are compared block by block of the
    validation part. Where the default has no result, or no blocks, as in older records, the lowest
    counts.
    """
    if not trials or (default := trials[0]).best is None or len(default.record.val_blocks) < 2:
        return lowest_of(trials)
    assert default.rmse is not None
    lower = [trial for trial in trials if validation_rmse(trial) < default.rmse]
    # From the lowest on, for each new trial leads here, and an interval takes a while.
    lower.sort(key=lambda trial: (validation_rmse(trial), trial.number))
    better = (trial for trial in lower if _is_better(trial.record, default.record))
    return next(better, default)


def _is_better(trial: Record, default: Record) -> bool:
    """By the interval of the differences of their blocks; never one that has others, or none."""
    if len(trial.val_blocks) != len(default.val_blocks):
        return False
    gain = mean_interval(map(operator.sub, default.val_blocks, trial.val_blocks), SURE)
    return gain.low > 0


Configuration = Literal["best", "default"]


@dataclass(frozen=True)
class Model:
    """What came of one model.

    best          the trial whose hyperparameters a user should take (`best_of`). Where that has no
                  final run yet, as after an interruption, an earlier one that has
    is_newest     whether it is the former, and not an earlier one
    best_runs     final runs of the best trial's hyperparameters, by seed: each in a process of its
                  own, fitted on training and validation parts together for the best checkpoint's
                  epochs, and scored on the test part. `record.metrics.blocks` has squared errors of
                  equal parts of the test ratings for paired intervals
    default_runs  the same of trial 0. The records of `best_runs` where the best trial is trial 0
    cut           earlier runs of some of the trials, which their time limit had ended
    growth_runs   of the best trial's hyperparameters on parts of the ratings (`growth.measure`)
    """

    plan: Searched
    trials: Sequence[Trial]
    best_runs: Sequence[Record]
    default_runs: Sequence[Record]
    cut: Sequence[Trial] = ()
    growth_runs: Sequence[Record] = ()
    best: Trial | None = None
    is_newest: bool = True

    @property
    def default(self) -> Trial | None:
        return self.trials[0] if self.trials else None

    @property
    def lowest(self) -> Trial | None:
        return lowest_of(self.trials)

    @property
    def spent(self) -> Spent:
        """Of the search."""
        return sum((trial.spent for trial in (*self.trials, *self.cut)), Spent())

    @property
    def final_spent(self) -> Spent:
        """Of the final runs of both configurations."""
        runs = {record.run: record for record in (*self.best_runs, *self.default_runs)}
        return sum(map(Spent.of, runs.values()), Spent())

    @property
    def anytime(self) -> list[tuple[float, float]]:
        """(counted seconds of the search, lowest validation RMSE so far), at each improvement."""
        steps: list[tuple[float, float]] = []
        for trial in sorted((*self.trials, *self.cut), key=lambda trial: trial.before_s):
            if trial.best is None:
                continue
            start_s = trial.before_s + trial.spent.start_s + trial.spent.compile_s
            trained_s = 0.0
            for point in trial.record.curve:
                # With epoch budgets each point is a fit of its own, after those before it.
                trained_s = point.seconds + (trained_s if trial.record.epoch_budgets else 0.0)
                if not steps or point.rmse < steps[-1][1]:
                    steps.append((start_s + trained_s, point.rmse))
        return steps


@dataclass(frozen=True)
class Outcome:
    """What the calls of one choice found so far; also of one that was interrupted.

    wall_s  of those calls; where the last one was killed, at least that of its cells
    """

    request: Request
    data: Data | None
    models: Sequence[Model]
    wall_s: float

    @property
    def untried(self) -> list[Model]:
        """Models for whose first trial the minutes had no room."""
        return [model for model in self.models if model.plan.problem == NO_ROOM]

    @property
    def changed(self) -> list[Model]:
        """Models whose search ended because their source changed."""
        return [model for model in self.models if model.plan.problem == CHANGED]

    @property
    def elsewhere(self) -> list[str]:
        """Models that other calls searched on the same split, and this one did not."""
        here = {name for model in self.models for name in model.plan.rows}
        of, like = self.request, operator.attrgetter("split", "final_split", "threads")
        plans = [plan for call in of.others if like(call) == like(of) for plan in call.models]
        names = dict.fromkeys(plan.implementation for plan in plans if not plan.problem)
        return [name for name in names if name not in here]

    @property
    def is_complete(self) -> bool:
        """Whether the last call ended, no model is untried or was left, and each with a result has
        all its final runs."""
        left = self.untried or self.changed
        return self.request.ended and not left and not self.lacks_runs

    @property
    def lacks_runs(self) -> bool:
        """Whether a model with a result has not all its final runs, which more minutes run."""
        return any(
            not model.is_newest or len(runs) != self.request.seeds
            for model in self.models
            for trial, runs in ((model.best, model.best_runs), (model.default, model.default_runs))
            if trial and trial.best and model.plan.problem != CHANGED
        )


def read(folder: Path) -> Outcome:
    """The outcome in a choice's folder. Raises OSError, ValueError where its request is none."""
    return outcome_of(read_request(folder), RecordStore(folder).read()[0])


def read_request(folder: Path) -> Request:
    """The request of a choice's last call. Raises OSError, ValueError."""
    return Request.model_validate_json((folder / REQUEST).read_text(encoding="utf-8"))


def outcome_of(request: Request, records: Sequence[Record]) -> Outcome:
    """The outcome that records have, in the order in which they were stored."""
    records = request.own(records)
    models = [_model(request, plan, records) for plan in request.models]
    data = records[-1].data if records else None
    return Outcome(request, data, models, wall_of(request, records))


def wall_of(request: Request, records: Sequence[Record]) -> float:
    """Seconds of wall time that the calls so far took for the request's models, on its split and
    threads: another split is another search, with minutes of its own, and so are other models."""
    splits = (request.split, request.final_split)
    own = [r for r in request.own(records) if r.cell.split in splits]
    cells_s = sum(r.times.wall_s if r.times else Spent.of(r).counted_s for r in own)
    return max(request.wall_s, cells_s)


def _model(request: Request, plan: Searched, records: Sequence[Record]) -> Model:
    own = [
        record
        for record in records
        if record.cell.implementation == plan.implementation and record.cell.device == plan.device
    ]
    found: dict[str, Trial] = {}
    cut: list[Trial] = []
    before_s = 0.0
    for record in own:
        if record.cell.suite == SEARCH and record.cell.split == request.split:
            if record.reused_at and record.identity in found:  # copied, under another name
                continue
            number = len(found)
            if record.identity in found:  # it was cut by its time limit, and ran again
                number = found[record.identity].number
                cut.append(found[record.identity])
            trial = found[record.identity] = Trial(number, record, before_s)
            before_s += trial.spent.counted_s
    trials = [*found.values()]
    runs = [r for r in own if r.cell.suite == FINAL and r.cell.split == request.final_split]
    if plan.problem == CHANGED:  # they are of another source than the row has now
        runs = []
    runs_of = partial(_runs_of, runs=runs, request=request)
    best = newest = best_of(trials)
    tested = [trial for trial in (*trials, *cut) if runs_of(trial)]
    if newest and tested and not runs_of(newest):
        best = best_of([trials[0], *tested])
        best = best if runs_of(best) else lowest_of(tested)
    return Model(
        *(plan, trials, runs_of(best), runs_of(trials[0] if trials else None), cut),
        *(_growth_of(best, own, request), best, best is newest),
    )


def final_hyperparameters(trial: Trial) -> dict[str, object]:
    """A trial's, with the epochs of its best checkpoint where the row has epochs at all."""
    values = dict(trial.record.cell.hyperparameters)
    if "epochs" in values and trial.best and trial.best.epoch:
        values["epochs"] = trial.best.epoch
    return values


def _growth_of(trial: Trial | None, own: Sequence[Record], request: Request) -> list[Record]:
    """One record a seed and size, the newest."""
    if trial is None:
        return []
    wanted = final_hyperparameters(trial)
    runs = [r for r in own if r.cell.suite == GROWTH and r.cell.hyperparameters == wanted]
    newest = {(r.cell.split, r.cell.seed): r for r in runs if r.cell.seed < request.seeds}
    return [*newest.values()]


def _runs_of(trial: Trial | None, runs: Sequence[Record], request: Request) -> list[Record]:
    """One record a seed, the newest."""
    if trial is None:
        return []
    wanted = final_hyperparameters(trial)
    by_seed = {r.cell.seed: r for r in runs if r.cell.hyperparameters == wanted}
    return [by_seed[seed] for seed in range(request.seeds) if seed in by_seed]
