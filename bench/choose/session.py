"""One call of `bench choose`: it plans, searches until the minutes are over, and runs the best."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from bench import machine
from bench.cell.data import Splits
from bench.cell.events import Checkpoint
from bench.cell.execute import Executor, Listener
from bench.cell.execute import Outcome as CellOutcome
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.choose import final, growth
from bench.choose.budget import Budget
from bench.choose.models import Group, limited, quickest
from bench.choose.models import final as final_cell
from bench.choose.outcome import (
    REQUEST,
    Outcome,
    Request,
    Searched,
    final_hyperparameters,
    outcome_of,
    read_request,
    wall_of,
)
from bench.choose.searching import Searching
from bench.choose.serving import ServingExecutor
from bench.planning.describing import Contain
from bench.planning.facts import Loader
from bench.planning.plan import Cell
from bench.records import Record, Status
from bench.run import Observer, Runner
from bench.store import RecordStore
from datasets.atomic import replace
from datasets.ratings import HeldOut
from impls.registry import IMPLEMENTATIONS

SETTLED: tuple[Status, ...] = ("ok", "pruned", "diverged", "timeout", "out of memory", "failed")
"""What did not end well would not the next time: a search learns that once."""

BLOCKS = 50
"""Parts of the test ratings, for paired intervals."""

PROBED_SHARE = 0.02
"""Of the minutes, that each fit may take which finds the quickest row of a model."""

FINAL_LIMIT = 10.0
"""How many times as long as expected a final run may train, and LEAST_LIMIT_S more."""
LEAST_LIMIT_S = 60.0


@dataclasses.dataclass
class ByRow:
    """Runs trials of built-in rows in workers that serve several, and each of any other row in a
    process of its own, contained as the user wants it."""

    serving: ServingExecutor
    contained: Executor

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> CellOutcome:
        built_in = job.class_path in IMPLEMENTATIONS.values()
        executor: Executor = self.serving if built_in else self.contained
        return executor.execute(job, test, limits, listener)


class Session:
    """The search and the final runs of one request.

    folder    of the choice: its request and records
    executor  of final runs, and of trials of rows from outside
    observer  of all cells
    show      receives a line where a model has a better trial, and where final runs begin
    """

    def __init__(
        self,
        folder: Path,
        request: Request,
        groups: Sequence[Group],
        executor: Executor,
        contain: Contain,
        observer: Observer,
        memory_limit_bytes: int,
        loader: Loader,
        budget: Budget,
        show: Callable[[str], None],
        serving: ServingExecutor | None = None,
    ) -> None:
        self.folder, self.request, self.groups = folder, request, groups
        self.contain, self.budget, self.show = contain, budget, show
        self.serving = serving or ServingExecutor()
        self.store = RecordStore(folder)
        self._known: dict[str, Record] = {}
        trials = ByRow(self.serving, executor)
        limit = memory_limit_bytes
        blind = Splits(loader, blind=True, seed=request.cut)
        whole = Splits(loader, seed=request.cut)
        self._trials = Runner(self.store, trials, observer, limit, blind, settled=SETTLED)
        self._finals = Runner(self.store, executor, observer, limit, whole, blocks=BLOCKS)

    def __enter__(self) -> Self:
        self.serving.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.serving.__exit__(*error)
        for runner in (self._trials, self._finals):
            runner.close()
            runner.splits.discard()

    @property
    def unwritten(self) -> int:
        """How many records could not be stored."""
        return len(self._trials.unwritten) + len(self._finals.unwritten)

    def run(self) -> Outcome:
        """Search, then run the best and the default of each model. Goes on from what is recorded.

        Raises StudyError, DataError and HarnessError; each finished cell is recorded then.
        """
        records = self.store.read()[0]
        self._known = {each.identity: each for each in records if each.status in SETTLED}
        if (self.folder / REQUEST).exists():
            before = outcome_of(read_request(self.folder), records)
            same = _searches(before.request) == _searches(self.request)
            self.budget.before_s += before.wall_s if same else wall_of(self.request, records)
            if same and before.is_complete and before.request.minutes >= self.request.minutes:
                self.budget.total_s = min(self.budget.total_s, before.wall_s)
        models = self._models()
        try:
            write(self.folder, self.request)
            earlier = {id(m): runs for m, runs in zip(models, self._runs(models), strict=True)}
            self._search(models, lambda: self._reserved_s(models, earlier))
            self._run_finals(models)
            self._measure_growth(models)
        finally:
            self.request.wall_s = self.budget.elapsed_s
            write(self.folder, self.request)
        return outcome_of(self.request, self.store.read()[0])

    def _models(self) -> list[Searching]:
        """The models that can run here; the request names them all."""
        plans: list[Searched] = []
        found = []
        limit_s = PROBED_SHARE * self.budget.total_s
        for group in self.groups:
            plan = Searched(
                implementation=group.names[0],
                device="",
                model="",
                rows=group.names,
                problem=group.problem,
            )
            if group.cells:
                cell = quickest(group, limit_s, self.contain, self._trials.record_of)
                request = cell.request
                plan.implementation, plan.device = request.implementation, request.device
                plan.model = request.model
                found.append(Searching(plan, cell, group.study, self.contain))
            plans.append(plan)
        self.request.models[:] = plans
        return found

    def _search(self, models: Sequence[Searching], reserved_s: Callable[[], float]) -> None:
        for model in models:
            model.prepare(self._record_of)
        accounts = [model.account for model in models]
        while (turn := self.budget.next(accounts, reserved_s())) is not None:
            place, counted_s = turn
            model = models[place]
            self.serving.pruner = self._pruner(model)
            began_s = self.budget.elapsed_s
            record = self._trials.record_of(limited(model.next, max(counted_s, 1e-3)))
            self._known[record.identity] = record
            if model.take(record, self.budget.elapsed_s - began_s):
                self._show(model)
            model.prepare(self._record_of)

    def _pruner(self, model: Searching) -> Callable[[Checkpoint], str]:
        return model.search.prunes if model.search is not None else lambda _: ""

    def _record_of(self, cell: Cell) -> Record | None:
        return self._known.get(cell.identity(machine.environment()))

    def _runs(self, models: Sequence[Searching]) -> list[dict[int, int]]:
        """Of each model, the final runs that earlier calls recorded, by the trial's number."""
        outcome = outcome_of(self.request, [*self.store.read()[0]])
        by_row = {(m.plan.implementation, m.plan.device): m for m in outcome.models}
        found = []
        for model in models:
            of = by_row[model.plan.implementation, model.plan.device]
            runs = ((of.default, of.default_runs), (of.best, of.best_runs))
            found.append({trial.number: len(ran) for trial, ran in runs if trial})
        return found

    def _reserved_s(self, models: Sequence[Searching], earlier: dict[int, dict[int, int]]) -> float:
        """Seconds that the final runs will need."""
        grown, seeds = final.growth(self.request.split), self.request.seeds
        total_s = 0.0
        for model in models:
            if model.first_spent is None:
                total_s += 2 * seeds * final.UNMEASURED_S
                continue
            recorded = earlier[id(model)]
            runs = [(t, seeds - recorded.get(t.number, 0)) for t in model.to_run]
            total_s += final.cost_s(model.first_spent, runs, grown)
        return total_s + self._growth_s(models)

    def _run_finals(self, models: Sequence[Searching]) -> None:
        grown = final.growth(self.request.split)
        self.show("final runs on training and validation parts together, scored on the test part")
        for seed in range(self.request.seeds):
            if seed and self.budget.is_late:
                self.show(f"the minutes are over before seed {seed}: more minutes run the rest")
                return
            for model in models:
                for trial in model.to_run:
                    assert trial.best is not None
                    limit_s = FINAL_LIMIT * grown * trial.best.seconds + LEAST_LIMIT_S
                    values = final_hyperparameters(trial)
                    split = self.request.final_split
                    cell = final_cell(model.cell, values, split, seed, limit_s)
                    self._finals.record_of(cell)

    def _growth_s(self, models: Sequence[Searching]) -> float:
        """Seconds of the fits on parts of the ratings, if the best model so far is recommended."""
        tried = [(m.first_spent, m.best.best, m.best.rmse) for m in models if m.best]
        ranked = sorted((r, p.seconds, s.start_s) for s, p, r in tried if s and p and r is not None)
        if not ranked:
            return 0.0
        _, seconds, start_s = ranked[0]
        fit_s = final.growth(self.request.split) * seconds
        return growth.reserved_s(start_s + final.BESIDE_S, fit_s, self.budget.total_s)

    def _measure_growth(self, models: Sequence[Searching]) -> None:
        cells = {(m.plan.implementation, m.plan.device): m.cell for m in models}
        outcome = outcome_of(self.request, self.store.read()[0])
        growth.measure(outcome, cells, self._finals.record_of, self.budget)

    def _show(self, model: Searching) -> None:
        best = model.best
        assert best is not None
        spent = model.account.spent.counted_s
        self.show(
            f"{model.plan.implementation}: validation RMSE {best.rmse:.4f} after {spent:.3g} s, "
            f"trial {best.number}"
        )


def _searches(request: Request) -> tuple[str, str, int]:
    """What calls have in common that go on from one another."""
    return request.split, request.final_split, request.threads


def write(folder: Path, request: Request) -> None:
    """Store the request. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / REQUEST, request.model_dump_json(indent=1).encode() + b"\n")
