"""Searches run for real: each trial a cell in a process of its own, recorded as it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Self

from bench.cell.data import Splits
from bench.cell.execute import Executor
from bench.planning.describing import Contain, Sources, describe
from bench.planning.facts import Loader
from bench.planning.plan import Cell, Planner
from bench.records import Record, Status
from bench.running.observer import Observer
from bench.running.runner import Runner
from bench.store import RecordStore
from bench.tune import FOLDER
from bench.tune.search import Trial, best_of, search
from bench.tune.study import Settings, Study, StudyError
from datasets import splits

SETTLED: tuple[Status, ...] = ("ok", "diverged", "timeout", "out of memory")
"""What did not end well would not the next time: a search learns that once."""


class Session:
    """One call of `bench tune`: its trials go to `<out>/tuning/records`.

    executor   of the trials
    contain    contains the process that imports an implementation from outside
    observer   of the cells that run the trials
    loader     of the datasets that the studies name
    show       receives a line for each trial
    on_notice  receives what a reader of the figures must know of the rows
    """

    def __init__(
        self,
        out: Path,
        executor: Executor,
        contain: Contain,
        observer: Observer,
        memory_limit_bytes: int,
        loader: Loader,
        show: Callable[[str], None],
        on_notice: Callable[[str], None],
    ) -> None:
        self.loader = loader
        self.contain = contain
        self.show = show
        self.on_notice = on_notice
        self._runner = Runner(
            RecordStore(out / FOLDER),
            executor,
            observer,
            memory_limit_bytes,
            Splits(loader, blind=True),
            settled=SETTLED,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._runner.close()
        self._runner.splits.discard()

    @property
    def unwritten(self) -> int:
        """How many trials could not be stored."""
        return len(self._runner.unwritten)

    def search(self, study: Study, trials: int, dataset: str = "") -> None:
        """Run or resume one search, showing each trial. Raises StudyError and DataError.

        dataset  name or path of the file to search on; "" for the study's own
        """
        planner = Planner(
            *(self.loader.facts, self.loader.check_split, 1),
            on_notice=self.on_notice,
            contain=self.contain,
        )
        cell = default_of(study, dataset, self.loader, planner)
        done: list[Trial] = []
        self._runner.watch(Sources({cell.class_path: cell.implementation_hash}))

        def run(cell: Cell) -> Record:
            record = self._runner.record_of(cell)
            if record.status == "skipped":
                raise StudyError(f"study {study.name}: {record.reason}; the search starts anew")
            return record

        for trial in search(study, trials, cell, trial_of(cell, self.contain), run):
            done.append(trial)
            self.show(line_of(study, trial, best_of(done)))


def default_of(study: Study, dataset: str, loader: Loader, planner: Planner) -> Cell:
    """The cell whose hyperparameters each trial of a search sets. Raises StudyError and DataError.

    dataset  name or path of the file to search on; "" for the study's own
    """
    [cell] = planner.plan(study.suite(dataset))
    cut = splits.cut(loader.load(cell.request.dataset), study.split, cell.request.seed)
    if not len(cut.validation):
        raise StudyError(
            f"study {study.name}: split {study.split} has no validation part to search on; "
            "use random:80/10/10 or leave-last"
        )
    return cell


def trial_of(cell: Cell, contain: Contain) -> Callable[[Settings], Cell]:
    """The cell with other settings, by these."""

    def with_settings(settings: Settings) -> Cell:
        described = describe(cell.class_path, cell.request.preset, settings, None, contain)
        update = {"hyperparameters": described.hyperparameters}
        return dataclasses.replace(cell, request=cell.request.model_copy(update=update))

    return with_settings


def line_of(study: Study, trial: Trial, best: Trial | None) -> str:
    """A trial that ended, for whoever watches."""
    settings = "  ".join(f"{name}={value}" for name, value in trial.settings.items())
    leader = "" if best is None else f"best: trial {best.number}, {best.rmse:.4f}"
    return f"{study.name} trial {trial.number}: {settings}  ({leader or 'none has a result'})"
