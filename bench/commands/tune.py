"""`bench tune`: searches for hyperparameters."""

from __future__ import annotations

from pathlib import Path

from bench import machine
from bench.cell.job import HarnessError
from bench.commands import arguments, terminal
from bench.commands.containment import Containment, Sandboxing
from bench.commands.data import notice
from bench.commands.progress import Progress
from bench.commands.run import (
    FAILED,
    INTERRUPTED,
    check_store,
    exit_code,
    note_of_surroundings,
    open_store,
)
from bench.planning.facts import Loader
from bench.planning.plan import Cell
from bench.records import Record
from bench.running.cells import memory_limit_bytes
from bench.running.cluster.address import UnreachedError
from bench.running.sole import shared_run
from bench.store import RecordStore
from bench.tune import FOLDER
from bench.tune import study as studies
from bench.tune.session import Session
from datasets.reading.layout import Layout


class SearchProgress(Progress):
    """Of trials, each of which has settings of its own: that they differ from those of the trial
    before is no reason to run again."""

    def started(self, cell: Cell, again: str) -> None:  # noqa: ARG002
        super().started(cell, "")


def tune(
    names: list[str],
    dataset: str,
    trials: int,
    out: Path,
    layout: Layout,
    sandbox: Sandboxing,
    cluster: str | None = None,
) -> int:
    """Search the named studies, or all that can run here; returns the exit code.

    dataset  name or path of the file to search on; "" for the studies' own
    layout   of the files among the datasets
    cluster  address of the machines that run the trials; None for this one

    Raises UsageError for a study that does not exist or cannot be searched, and for a layout
    where none has a file; SettingError for a name that is no text.
    """
    arguments.refuse_undecodable([dataset])
    try:
        chosen = [studies.read(name) for name in names or studies.names()]
        names_of_data = dict.fromkeys(dataset or study.dataset for study in chosen)
        arguments.refuse_unused(layout, names_of_data)
        store = RecordStore(out / FOLDER)
        open_store(store, out)
        check_store(store, out)
        loader = Loader(layout)
        for name in names_of_data:
            notice(name, loader.facts(name), among=names_of_data)
        if cluster is not None:
            from bench.commands.cluster.tuning import search_on

            return search_on(cluster, chosen, trials, dataset, store, out, loader, sandbox)
        note_of_surroundings()
        records: list[Record] = []
        limit = memory_limit_bytes(None)
        containment = Containment(sandbox, out, names_of_data)
        with (
            shared_run(store),
            SearchProgress(
                terminal.out,
                trials * len(chosen),
                records,
                store=str(store.path_of(machine.environment().machine)),
            ) as progress,
            Session(
                *(out, containment.executor(), containment.importer, progress, limit, loader),
                *(terminal.print_line, terminal.warn),
            ) as session,
        ):
            for study in chosen:
                try:
                    session.search(study, trials, dataset)
                except studies.UnrunnableError as error:
                    if names:
                        raise
                    terminal.note(f"left out: {error}")
    except (KeyboardInterrupt, HarnessError, OSError, MemoryError) as error:
        if not isinstance(error, UnreachedError):
            terminal.note_end_of_search(error)
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise
    except studies.StudyError as error:
        raise terminal.UsageError(error) from None
    return FAILED if session.unwritten else exit_code(records)
