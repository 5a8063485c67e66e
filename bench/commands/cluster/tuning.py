"""`bench tune --cluster`: the trials of a search on all machines of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.commands import terminal
from bench.commands.cluster.progress import UNWRITTEN, MachinesProgress
from bench.commands.cluster.running import dispatching, setting_of
from bench.commands.containment import Containment, Sandboxing
from bench.commands.run import FAILED, exit_code
from bench.planning.availability import Elsewhere
from bench.planning.facts import Loader
from bench.planning.plan import Planner
from bench.records import Record
from bench.running.cluster.connecting import connect
from bench.running.ledger import Ledger
from bench.running.sole import sole_run
from bench.store import RecordStore
from bench.tune.search import Trial
from bench.tune.session import SETTLED, default_of, line_of, trial_of
from bench.tune.several import Trials
from bench.tune.study import Study


def search_on(
    cluster: str,
    studies: Sequence[Study],
    trials: int,
    dataset: str,
    store: RecordStore,
    out: Path,
    loader: Loader,
    sandbox: Sandboxing,
) -> int:
    """Search each study; returns the exit code. Raises StudyError, UsageError, DataError and
    ClusterError.

    dataset  name or path of the file to search on; "" for the studies' own
    """
    names = [dataset or study.dataset for study in studies]
    contain = Containment(sandbox, out, names).importer
    records: list[Record] = []
    left_over: list[str] = []
    progress = MachinesProgress(terminal.out, records, str(store.path_of(UNWRITTEN)))
    ledger = Ledger(store, progress, SETTLED)
    setting = setting_of(names, loader.layout, "", sandbox, blind=True)
    planner = Planner(
        *(loader.facts, loader.check_split, 1),
        on_notice=terminal.warn,
        contain=contain,
        place=Elsewhere(cuda=False),
    )
    with (
        sole_run(store),
        connect(cluster, progress) as connection,
        progress,
        dispatching(connection, ledger, progress, setting) as dispatch,
    ):
        ledger.refresh()
        for study in studies:
            cell = default_of(study, dataset, loader, planner)
            ended: list[tuple[Trial, Trial | None]] = []

            def show(
                trial: Trial,
                best: Trial | None,
                study: Study = study,
                ended: list[tuple[Trial, Trial | None]] = ended,
            ) -> None:
                ended.append((trial, best))
                terminal.print_line(line_of(study, trial, best))

            recorded = sorted(store.read()[0], key=lambda each: each.started_at)
            progress.planned(trials)
            plan = Trials(study, trials, cell, trial_of(cell, contain), recorded, show)
            progress.already += plan.n_recorded
            left_over += dispatch.run(plan)
            if ended:
                terminal.print_line(last_line(study, len(ended), ended[-1][1], store))
    for sentence in left_over:
        terminal.warn(f"{sentence}; the same command goes on from here")
    return FAILED if left_over or ledger.unwritten else exit_code(records)


def last_line(study: Study, n_trials: int, best: Trial | None, store: RecordStore) -> str:
    """The best of all trials of a search, and where their records are."""
    found = "none has a result"
    if best is not None:
        settings = "  ".join(f"{name}={value}" for name, value in best.settings.items())
        found = f"the best has RMSE {best.rmse:.4f} with {settings}"
    return f"{study.name}: of {terminal.plural(n_trials, 'trial')} {found}; records: {store.folder}"
