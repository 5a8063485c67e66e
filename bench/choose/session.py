"""One call of `bench choose`: it plans, searches until the minutes are over, and runs the best."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Self

from bench import machine
from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.events import Checkpoint
from bench.cell.execute import Executor, Listener
from bench.cell.execute import Outcome as CellOutcome
from bench.cell.job import Job
from bench.cell.watch import Limits
from bench.choose import final, growth
from bench.choose.budget import LATE, Budget
from bench.choose.models import Group, limited, quickest
from bench.choose.models import final as final_cell
from bench.choose.outcome import (
    CHANGED,
    FINAL,
    GROWTH,
    NO_ROOM,
    PROBE,
    REQUEST,
    SEARCH,
    Outcome,
    Request,
    Searched,
    Trial,
    final_hyperparameters,
    outcome_of,
    read_request,
    validation_rmse,
    wall_of,
)
from bench.choose.recommendation import CLOSE
from bench.choose.searching import Searching
from bench.choose.serving import ServingExecutor
from bench.planning.describing import Contain, Sources
from bench.planning.facts import Loader
from bench.planning.plan import Cell
from bench.records import WELL, Record, Status
from bench.report.formats import listed, plural
from bench.running.cells import was_refused
from bench.running.observer import Observer
from bench.running.runner import Runner
from bench.store import RecordStore
from bench.tune.study import StudyError
from datasets.atomic import replace
from datasets.ratings import HeldOut
from impls.registry import IMPLEMENTATIONS

SETTLED: tuple[Status, ...] = ("ok", "pruned", "diverged", "timeout", "out of memory", "failed")
"""What did not end well would not the next time: a search learns that once. What was cut by its
time limit runs again where much more is left."""

BLOCKS = 50
"""Parts of the test ratings, and of the validation ratings, for paired intervals."""

PROBED_SHARE = 0.02
"""Of the minutes, that each fit may take which finds the quickest row of a model."""

STORED_EVERY_S = 5.0
"""Seconds after which the minutes that a call took so far are stored: it may be killed."""

PROBING = 0.2
"""Of the minutes, after which none is begun: the first row that can run is then the model's."""


@dataclasses.dataclass
class ByRow:
    """Runs trials of built-in rows in workers that serve several, and each of any other row in a
    process of its own, contained as the user wants it."""

    serving: ServingExecutor
    contained: Executor

    def execute(self, job: Job, test: HeldOut, limits: Limits, listener: Listener) -> CellOutcome:
        if job.class_path in IMPLEMENTATIONS.values():
            return self.serving.execute(job, test, limits, listener)
        limits = dataclasses.replace(limits, wall_limit_s=self.serving.wall_limit_s)
        return self.contained.execute(job, test, limits, listener)


class Session:
    """The search and the final runs of one request.

    folder    of the choice: its request and records
    executor  of final runs, and of trials of rows from outside
    observer  of all cells
    show      receives a line where a model has a better trial, where final runs begin, and where
              something has no room in the minutes
    alone     holds the machine for one cell
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
        alone: Callable[[Callable[[], None]], AbstractContextManager[None]] = locks.exclusive,
    ) -> None:
        self.folder, self.request, self.groups = folder, request, groups
        self.contain, self.budget, self.show = contain, budget, show
        self.serving = serving or ServingExecutor()
        self.store = RecordStore(folder)
        self._grown: list[tuple[str, dict[str, object]]] = []
        self._alone, self._waits = alone, False
        trials = ByRow(self.serving, executor)
        limit, lock = memory_limit_bytes, self._exclusive
        blind = Splits(loader, blind=True, seed=request.cut)
        whole = Splits(loader, seed=request.cut)
        self._trials = Runner(
            self.store, trials, observer, limit, blind, lock, settled=SETTLED, blocks=BLOCKS
        )
        self._finals = Runner(self.store, executor, observer, limit, whole, lock, blocks=BLOCKS)
        cells = [cell for group in groups for cell in group.cells]
        self._sources = Sources({cell.class_path: cell.implementation_hash for cell in cells})
        for runner in (self._trials, self._finals):
            runner.watch(self._sources)

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
        self._refuse_another_split(records)
        calls = calls_in(self.folder)
        self._warn_of_too_few()
        models = self._models(each for call in calls for each in call.models)
        records = self.request.own(records)
        before = next((each for each in calls if _searches(each) == _searches(self.request)), None)
        is_done = self._count(before, records)
        grown = (r.cell for r in records if r.cell.suite == GROWTH and not was_refused(r))
        self._grown = [(cell.implementation, cell.hyperparameters) for cell in grown]
        self.request.ended = False
        self.request.wall_s = self.budget.before_s if is_done else self.budget.elapsed_s
        asked = self.request.minutes
        if before:  # an incomplete search has the most minutes that any of its calls had
            self.request.minutes = max(asked, before.minutes)
        try:
            write(self.folder, self.request)
            if not is_done:
                self._search(models, records)
                self._run_finals(models)
                self._measure_growth(models)
            self.request.ended = True
        finally:
            if not is_done:
                self.request.wall_s = self.budget.elapsed_s
            write(self.folder, self.request)
        found = outcome_of(self.request, self.store.read()[0])
        if not is_done and found.is_complete and found.wall_s <= LATE * 60 * asked:
            self.request.minutes = asked
            write(self.folder, self.request)
        return found

    def _refuse_another_split(self, records: Sequence[Record]) -> None:
        """Raises StudyError where the folder has trials on a split that has the same name, and
        other test ratings."""
        digests = {cell.facts.data.split_digest for group in self.groups for cell in group.cells}
        for record in records:
            same = (record.cell.suite, record.cell.split) == (SEARCH, self.request.split)
            same = same and record.data.fingerprint == self.request.fingerprint
            if same and record.data.split_digest not in digests:
                raise StudyError(
                    f"{self.folder} has the choice of the same ratings split otherwise: their "
                    "times, or which of them are for the test, have changed. Give another --out, "
                    "or move it away"
                )

    def _count(self, before: Request | None, records: Sequence[Record]) -> bool:
        """Count the minutes that calls before took for these models; returns whether one that is
        complete had as many, so that nothing is left to run.

        before  the last call of this search
        """
        is_done = False
        if before is None:
            self.budget.before_s += wall_of(self.request, records)
        else:
            found = outcome_of(before, records)
            self.budget.before_s += found.wall_s
            more = self.request.minutes > before.minutes or self.request.seeds > before.seeds
            is_done = found.is_complete and not more
        if n := sum(len(model.trials) for model in outcome_of(self.request, records).models):
            left_s = 0.0 if is_done else max(0.0, self.budget.total_s - self.budget.elapsed_s)
            self.show(f"goes on from {plural(n, 'trial')}, with {left_s / 60:.1f} minutes left")
        return is_done

    def _warn_of_too_few(self) -> None:
        n_cells = [len(group.cells) for group in self.groups if group.cells]
        n_probes = sum(n for n in n_cells if n > 1)
        least_s = final.least_s(len(n_cells), n_probes, self.request.seeds)
        if least_s > 60 * self.request.minutes:
            self.show(
                f"--minutes {self.request.minutes:g} is too few: {plural(len(n_cells), 'model')} "
                f"with {plural(self.request.seeds, 'seed')} each need about "
                f"{math.ceil(least_s / 60)} at least. What has no room is left out and named"
            )

    def _models(self, before: Iterable[Searched]) -> list[Searching]:
        """The models that can run here; the request names them all.

        before  those of earlier calls: one of the same rows and devices goes on with its row
        """
        plans: list[Searched] = []
        found = []
        known: dict[tuple[str, ...], tuple[str, str]] = {}
        for each in before:
            known.setdefault((*each.rows, *each.devices), (each.implementation, each.device))
        here = machine.environment()
        limit_s = PROBED_SHARE * self.budget.total_s
        for group in self.groups:
            plan = Searched(
                implementation=group.names[0],
                device="",
                model="",
                rows=group.names,
                problem=group.problem,
                devices=sorted({cell.request.device for cell in group.cells}),
                studied=group.study is not None,
            )
            if group.cells:
                row = known.get((*plan.rows, *plan.devices))
                cells = [
                    c for c in group.cells if (c.request.implementation, c.request.device) == row
                ]
                if not cells and self.budget.elapsed_s > PROBING * self.budget.total_s:
                    cells = [*group.cells[:1]]
                group = dataclasses.replace(group, cells=cells or group.cells)
                if len(group.cells) > 1:
                    rows = listed([c.request.implementation for c in group.cells])
                    self.show(f"short fits find the quickest row of one model: {rows}")
                run = partial(self._record_of, self._trials, models=())
                cell = quickest(group, limit_s, self.contain, run)
                request = cell.request
                plan.implementation, plan.device = request.implementation, request.device
                plan.model, plan.made_with = request.model, cell.made_with(here)
                found.append(Searching(plan, cell, group.study, self.contain))
            plans.append(plan)
        self.serving.end_workers()  # the start of its process counts against each model
        self.request.models[:] = plans
        return found

    def _search(self, models: Sequence[Searching], records: Sequence[Record]) -> None:
        trials = [r for r in records if r.cell.suite == SEARCH and r.status in SETTLED]
        trials = [r for r in trials if not was_refused(r)]
        for model in models:
            model.resume(trials)
        finals = [r for r in records if r.cell.split == self.request.final_split]
        recorded = _counted(r for r in finals if r.cell.suite == FINAL and r.status in WELL)
        accounts = [model.account for model in models]
        reserved = partial(self._reserved_s, models, recorded)
        self._leave_changed(models)
        while turn := self.budget.next(accounts, reserved(self.request.seeds), reserved(1)):
            model = models[turn.place]
            self.serving.pruner, self.serving.wall_limit_s = self._pruner(model), turn.wall_s
            began_s = self.budget.elapsed_s
            cell, again = model.begin(turn.train_s)
            cell = limited(cell, max(turn.train_s, 1e-3))
            record = self._record_of(self._trials, cell, models, fresh=again)
            if model.plan.problem:
                continue
            if model.take(record, self.budget.elapsed_s - began_s):
                self._show(model)
            took_s = self.budget.elapsed_s - began_s
            model.prepare()
            model.account.wall_s += self.budget.elapsed_s - began_s - took_s
        if left_out := [m.plan for m in models if not m.account.n and not m.plan.problem]:
            for plan in left_out:
                plan.problem = NO_ROOM
            names = listed([plan.implementation for plan in left_out])
            self.show(f"left out, for beside the final runs no first trial had room: {names}")

    def _record_of(
        self, runner: Runner, cell: Cell, models: Sequence[Searching], *, fresh: bool = False
    ) -> Record:
        """The record of a cell. It runs again where there was only a probe, which without epochs to
        limit is the same cell, and where the source of another row changed meanwhile."""
        while True:
            record = runner.record_of(cell, fresh=fresh)
            self._leave_changed(models)
            is_probe = record.cell.suite == PROBE != cell.request.suite
            is_own = cell.class_path in self._sources.changed
            if not is_probe and (is_own or not was_refused(record)):
                return record
            fresh = True  # each row is refused for another one's change once at most

    def _leave_changed(self, models: Sequence[Searching]) -> None:
        """End the search of each model whose source is not what was planned any more."""
        self._sources.look()
        for model in models:
            if model.cell.class_path in self._sources.changed and not model.plan.problem:
                model.leave(CHANGED)
                self.show(f"{model.plan.implementation}: {CHANGED}")

    def _pruner(self, model: Searching) -> Callable[[Checkpoint], str]:
        return model.search.prunes if model.search is not None else lambda _: ""

    @contextlib.contextmanager
    def _exclusive(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """The machine for one cell. The wait for it is not of the minutes; of several cells in a
        row that wait for another run, the first one calls `on_wait`."""
        waits = False

        def note() -> None:
            nonlocal waits
            waits = True
            if not self._waits:
                on_wait()

        began_s = self.budget.elapsed_s
        with self._alone(note):
            self.budget.waited_s += self.budget.elapsed_s - began_s
            self._waits = waits
            yield
        # A call that is killed stores nothing more.
        if not self.request.ended and self.budget.elapsed_s > self.request.wall_s + STORED_EVERY_S:
            self.request.wall_s = self.budget.elapsed_s
            with contextlib.suppress(OSError):  # the end of the call reports a full disk
                write(self.folder, self.request)

    def _reserved_s(
        self, models: Sequence[Searching], recorded: Configurations, seeds: int
    ) -> float:
        """Seconds that final runs of so many seeds, and those on parts of the ratings, will need.
        `recorded`: how many final runs each configuration has."""
        grown, total_s = final.growth(self.request.split), 0.0
        for model in models:
            if model.first_spent is None:
                total_s += seeds * final.UNMEASURED_S
                continue
            runs = [(t, max(0, seeds - recorded[_name(model.plan, t)])) for t in model.to_run]
            total_s += final.cost_s(model.first_spent, runs, grown)
        return total_s + self._growth_s(models)

    def _run_finals(self, models: Sequence[Searching]) -> None:
        self.show("final runs on training and validation parts together, scored on the test part")
        grown = final.growth(self.request.split)
        records = self.store.read()[0]
        split = self.request.final_split
        finals = [
            r for r in self.request.own(records) if (r.cell.suite, r.cell.split) == (FINAL, split)
        ]
        recorded = {r.identity for r in finals if r.status in WELL}
        growth_s = self._growth_s(models)
        took_s: dict[tuple[int, int], float] = {}
        n_ran = Counter[int]()
        left_out = Counter[str]()
        for model, trial, seed in self._finals_in_order(models):
            if model.plan.problem:
                continue
            cell = self._final_cell(model, trial, seed)
            if cell.identity(machine.environment()) in recorded:
                continue
            assert model.first_spent is not None
            compiles = n_ran[id(model)] < final.COMPILES
            expected_s = final.run_s(model.first_spent, trial, grown, compiles=compiles)
            expected_s = took_s.get((id(model), trial.number), expected_s)
            # One is run whatever it takes: without any, all the minutes were for nothing.
            if (recorded or n_ran) and not self.budget.has_room(expected_s + growth_s):
                kind = "" if trial is model.best else " default"
                left_out[f"{model.plan.implementation}{kind}"] += 1
                continue
            began_s = self.budget.elapsed_s
            self._record_of(self._finals, cell, models)
            n_ran[id(model)] += 1
            took_s[id(model), trial.number] = self.budget.elapsed_s - began_s
        if left_out:
            names = listed([f"{n} of {name}" for name, n in left_out.items()])
            self.show(f"final runs without room in the minutes, which more of them run: {names}")

    def _finals_in_order(self, models: Sequence[Searching]) -> list[tuple[Searching, Trial, int]]:
        """Models, trials and seeds. What has no room in the minutes is to matter least. So one seed
        of each model's best trial is first, then the other seeds of those between which the
        recommendation decides, one seed of each default, and the rest; among equals the most
        accurate on validation."""
        ranked = sorted(models, key=lambda m: validation_rmse(m.best))
        runs = [
            (m, t, seed) for m in ranked for t in m.to_run for seed in range(self.request.seeds)
        ]
        lowest = min((validation_rmse(m.best) for m in models), default=math.inf)

        def rank(run: tuple[Searching, Trial, int]) -> tuple[bool, bool, int]:
            model, trial, seed = run
            leads = trial is model.best and validation_rmse(trial) <= (1 + CLOSE) * lowest
            return seed > 0 and not leads, trial is not model.best, seed

        return sorted(runs, key=rank)

    def _final_cell(self, model: Searching, trial: Trial, seed: int) -> Cell:
        assert trial.best is not None
        limit_s = final.limit_s(final.growth(self.request.split) * trial.best.seconds)
        values, split = final_hyperparameters(trial), self.request.final_split
        return final_cell(model.cell, values, split, seed, limit_s)

    def _growth_s(self, models: Sequence[Searching]) -> float:
        """Seconds of the fits on parts of the ratings, if the best model so far is recommended; 0
        where an earlier call recorded them."""
        ranked = sorted(models, key=lambda m: validation_rmse(m.best))
        trial, spent = (ranked[0].best, ranked[0].first_spent) if ranked else (None, None)
        if trial is None or trial.best is None or spent is None:
            return 0.0
        if (trial.record.cell.implementation, final_hyperparameters(trial)) in self._grown:
            return 0.0
        fit_s = final.growth(self.request.split) * trial.best.seconds
        start_s = spent.start_s + spent.compile_s + final.BESIDE_S
        return growth.reserved_s(start_s, fit_s, self.budget.total_s)

    def _measure_growth(self, models: Sequence[Searching]) -> None:
        cells = {(m.plan.implementation, m.plan.device): m.cell for m in models}
        outcome = outcome_of(self.request, self.store.read()[0])
        run = partial(self._record_of, self._finals, models=models)
        growth.measure(outcome, cells, run, self.budget)

    def _show(self, model: Searching) -> None:
        lowest = model.lowest
        assert lowest is not None
        spent = model.account.spent.counted_s
        self.show(
            f"{model.plan.implementation}: validation RMSE {lowest.rmse:.4f} after {spent:.3g} s, "
            f"trial {lowest.number}"
        )


def _searches(request: Request) -> tuple[object, ...]:
    """What calls have in common of which each goes on from the one before."""
    models = sorted((each.implementation, each.device, each.made_with) for each in request.models)
    return request.split, request.final_split, request.threads, models


Configurations = Counter[tuple[str, ...]]


def _counted(records: Iterable[Record]) -> Configurations:
    return Counter(
        _configuration(r.cell.implementation, r.cell.device, r.cell.hyperparameters)
        for r in records
    )


def _name(plan: Searched, trial: Trial) -> tuple[str, ...]:
    return _configuration(plan.implementation, plan.device, final_hyperparameters(trial))


def _configuration(
    implementation: str, device: str, hyperparameters: Mapping[str, object]
) -> tuple[str, ...]:
    """Equal for final runs that differ in their seed alone."""
    return implementation, device, json.dumps(hyperparameters, sort_keys=True)


def calls_in(folder: Path) -> list[Request]:
    """The last call of each search in a choice's folder, the newest first."""
    return read_request(folder).calls if (folder / REQUEST).is_file() else []


def write(folder: Path, request: Request) -> None:
    """Store the request, and with it the last calls of other searches in the folder, of which
    some may run now. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with locks.writing(folder):
        others = [each for each in calls_in(folder) if _searches(each) != _searches(request)]
        request.others = others
        replace(folder / REQUEST, request.model_dump_json(indent=1).encode() + b"\n")
