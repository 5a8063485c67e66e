"""Searches run for real: each trial a cell in a process of its own, recorded as it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench import machine
from bench.data import Splits, check_split, facts
from bench.execute import ProcessExecutor
from bench.plan import Cell, Planner
from bench.progress import Progress
from bench.records import Record, RecordStore
from bench.run import Runner
from bench.suite import Overrides
from bench.tune import FOLDER
from bench.tune.search import Settings, Trial, best_of, search
from bench.tune.study import Study


class Session:
    """One call of `bench tune`: its trials go to `<out>/tuning/records`.

    total  trials of all its searches, for the progress shown on `console`
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
        self.runner = Runner(
            RecordStore(out / FOLDER),
            ProcessExecutor(),
            Progress(console, total, []),
            memory_limit_bytes,
            Splits(blind=True),
        )

    def search(self, study: Study, trials: int) -> None:
        """Run or resume one search, telling each trial. Raises StudyError and DataError."""
        done: list[Trial] = []
        for trial in search(study, trials, lambda settings: self._plan(study, settings), self._run):
            done.append(trial)
            self._tell(study, trial, best_of(done))

    def _plan(self, study: Study, settings: Settings) -> Cell:
        overrides = Overrides(settings={study.tuned: settings})
        planner = Planner(facts, check_split, 1, overrides, self.on_notice)
        [cell] = planner.plan(study.suite())
        return cell

    def _run(self, cell: Cell) -> Record:
        new = self.runner.run([cell], fresh=False)
        environment = machine.environment()
        return new[0] if new else self.runner.store.finished()[cell.identity(environment)]

    def _tell(self, study: Study, trial: Trial, best: Trial | None) -> None:
        settings = "  ".join(f"{name}={value}" for name, value in trial.settings.items())
        leader = "" if best is None else f"best: trial {best.number}, {best.rmse:.4f}"
        self.console.print(
            f"{study.name} trial {trial.number}: {settings}  ({leader or 'none has a result'})",
            highlight=False,
            markup=False,
        )
