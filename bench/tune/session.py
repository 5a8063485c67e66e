"""Searches run for real: each trial a cell in a process of its own, recorded as it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Self

from rich.console import Console

from bench.cell.data import Splits
from bench.cell.execute import ProcessExecutor
from bench.commands.progress import Progress
from bench.planning.describing import describe
from bench.planning.facts import check_split, facts, load
from bench.planning.plan import Cell, Planner
from bench.records import Record
from bench.run import Runner
from bench.store import RecordStore
from bench.tune import FOLDER
from bench.tune.search import Settings, Trial, best_of, search
from bench.tune.study import Study, StudyError
from datasets import splits


class Session:
    """One call of `bench tune`: its trials go to `<out>/tuning/records`.

    total    trials of all its searches, for the progress shown on `console`
    records  of the trials that it ran, without those that were recorded before
    """

    def __init__(
        self,
        console: Console,
        out: Path,
        total: int,
        memory_limit_bytes: int,
        on_notice: Callable[[str], None],
    ) -> None:
        self.console = console
        self.on_notice = on_notice
        self.records: list[Record] = []
        self._progress = Progress(console, total, self.records)
        self._runner = Runner(
            RecordStore(out / FOLDER),
            ProcessExecutor(),
            self._progress,
            memory_limit_bytes,
            Splits(blind=True),
            # What did not end well would not the next time: a search learns that once.
            settled=("ok", "diverged", "timeout", "out of memory"),
        )

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.__exit__(*error)
        self._runner.splits.discard()

    def search(self, study: Study, trials: int) -> None:
        """Run or resume one search, showing each trial. Raises StudyError and DataError."""
        planner = Planner(facts, check_split, 1, on_notice=self.on_notice)
        [cell] = planner.plan(study.suite())
        if not len(splits.cut(load(study.dataset), study.split, cell.request.seed).validation):
            raise StudyError(
                f"study {study.name}: split {study.split} has no validation part to search on; "
                "use random:80/10/10 or leave-last"
            )

        def with_settings(settings: Settings) -> Cell:
            described = describe(cell.class_path, cell.request.preset, settings, None)
            update = {"hyperparameters": described.hyperparameters}
            return dataclasses.replace(cell, request=cell.request.model_copy(update=update))

        done: list[Trial] = []
        for trial in search(study, trials, cell, with_settings, self._runner.record_of):
            done.append(trial)
            self._show(study, trial, best_of(done))

    def _show(self, study: Study, trial: Trial, best: Trial | None) -> None:
        settings = "  ".join(f"{name}={value}" for name, value in trial.settings.items())
        leader = "" if best is None else f"best: trial {best.number}, {best.rmse:.4f}"
        self.console.print(
            f"{study.name} trial {trial.number}: {settings}  ({leader or 'none has a result'})",
            highlight=False,
            markup=False,
        )
