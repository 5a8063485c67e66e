"""`bench run --cluster`: a suite on the machines of a cluster, and a summary."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cell.job import HarnessError
from bench.commands import arguments, terminal
from bench.commands.cluster.progress import UNWRITTEN, MachinesProgress
from bench.commands.containment import Containment, Sandboxing
from bench.commands.data import notice
from bench.commands.progress import shared
from bench.commands.run import (
    FAILED,
    INTERRUPTED,
    check_store,
    exit_code,
    note_of_idle_epochs,
    open_store,
    precision_of,
    show,
    without_figures,
)
from bench.planning.availability import Elsewhere
from bench.planning.facts import Loader
from bench.planning.plan import EVERY_CORE, Cell, Planner
from bench.planning.repeats import Precision
from bench.planning.suite import Overrides, Suite, read
from bench.records import Record
from bench.running.cells import memory_limit_bytes
from bench.running.cluster import copies
from bench.running.cluster.connecting import Connection, connect
from bench.running.cluster.dispatch import RETURN_S, Dispatch
from bench.running.cluster.machines import Machine
from bench.running.cluster.payload import Setting
from bench.running.cluster.pool import DaskPool
from bench.running.cluster.spreading import Spreading
from bench.running.ledger import Ledger
from bench.running.sole import sole_run
from bench.store import RecordStore, collector_paused
from bench.tune import FOLDER
from datasets.reading.layout import Layout


@dataclass(frozen=True)
class Requested:
    """What the command line requests of a run, beside its suite; as `bench.commands.run.run`."""

    cluster: str
    each_machine: bool
    layout: Layout
    test: str
    out: Path
    memory_limit_gb: float | None
    precision: float | None
    repeat_budget: float | None
    fresh: bool
    report: bool
    sandbox: Sandboxing


def run_on(suite: str, overrides: Overrides, of: Requested) -> int:
    """Run what no machine has a record of that is to have it; returns the exit code. Raises
    UsageError and ClusterError."""
    requested = overrides.apply(read(suite))
    by_seeds = "seeds" in overrides.block
    wanted = precision_of(requested, of.precision, of.repeat_budget, by_seeds=by_seeds)
    datasets = [name for block in requested.blocks for name in block.datasets]
    arguments.refuse_unused(of.layout, datasets)
    store, records = RecordStore(of.out), list[Record]()
    progress = MachinesProgress(terminal.out, records, str(store.path_of(UNWRITTEN)))
    ledger = Ledger(store, progress)
    left_over: list[str] = []
    try:
        with (
            connect(of.cluster, progress) as connection,
            opened(store, of.out),  # no folder is left where no machine was reached
            sole_run(store),
        ):
            machines = connection.machines().values()
            for each in machines:
                check_store(store, of.out, each.environment.machine)
            has_cuda = any(each.has_cuda for each in machines)
            plans = _planned(requested, overrides, of, has_cuda=has_cuda)
            progress.shared = _shared(plans[has_cuda], wanted)
            terminal.print_line(_summary(plans[has_cuda], wanted, of))
            progress.return_s = return_s_of(connection)
            setting = setting_of(
                [cell.request.dataset for cell in plans[has_cuda]], of.layout, of.test, of.sandbox
            )
            limit = of.memory_limit_gb and memory_limit_bytes(of.memory_limit_gb)
            setting = setting.model_copy(update={"memory_limit_bytes": limit})
            ledger.refresh()

            def for_each(machine: Machine) -> Sequence[Cell]:
                return plans[machine.has_cuda]

            with progress, dispatching(connection, ledger, progress, setting) as dispatch:
                plan = Spreading(
                    *(ledger, progress),
                    cells=() if of.each_machine else plans[has_cuda],
                    for_each=for_each if of.each_machine else None,
                    fresh=of.fresh,
                    wanted=wanted,
                )
                left_over = dispatch.run(plan)
    except (KeyboardInterrupt, HarnessError, OSError, MemoryError) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        if progress.total:  # else it has not begun
            terminal.note(
                f"\n{'interrupted' if interrupted else 'the run ends here'}; "
                f"{len(records) - len(ledger.unwritten)} of {progress.total - progress.already} "
                "cells to run are recorded\nthe same command goes on from here"
            )
        if interrupted:
            return INTERRUPTED
        raise
    return _ended(plan.records, left_over, wanted, ledger, records, of)


@contextlib.contextmanager
def opened(store: RecordStore, out: Path) -> Iterator[None]:
    """As `open_store`, in a `with` statement."""
    open_store(store, out)
    yield


def _ended(
    every: Sequence[Record],
    left_over: Sequence[str],
    wanted: Precision | None,
    ledger: Ledger,
    new: Sequence[Record],
    of: Requested,
) -> int:
    """Show what came of a run; returns its exit code."""
    problem: terminal.UsageError | None = None
    if of.report:
        from bench.commands.report import write_pages  # here, for the import takes half a second

        try:
            write_pages(of.out, (ledger.store, RecordStore(of.out / FOLDER)))
        except terminal.UsageError as error:
            problem = error
    written = of.report and problem is None
    show(every, wanted, ledger.store, ledger.unwritten, of.out, written=written)
    for sentence in left_over:
        terminal.warn(f"{sentence}; the same command goes on from here")
    if problem:
        terminal.fail(problem)
    failed = problem or left_over or ledger.unwritten or without_figures(every)
    return FAILED if failed else exit_code(new)


def _planned(
    requested: Suite, overrides: Overrides, of: Requested, *, has_cuda: bool
) -> Mapping[bool, list[Cell]]:
    """Whether a machine has a CUDA device -> the cells for it, whose threads each machine decides
    where no number is given."""
    loader = Loader(of.layout, of.test)
    datasets = [name for block in requested.blocks for name in block.datasets]
    containment = Containment(of.sandbox, of.out, [*datasets, of.test])
    plans = {}
    with collector_paused():
        # A machine with a CUDA device may join later.
        for cuda in {False, has_cuda or of.each_machine}:
            planner = Planner(
                *(loader.facts, loader.check_split, EVERY_CORE, overrides, terminal.warn),
                contain=containment.importer,
                place=Elsewhere(cuda),
            )
            plans[cuda] = planner.plan(requested)
    cells = plans[has_cuda]
    note_of_idle_epochs(cells, overrides)
    known = {cell.request.dataset: cell.facts for cell in cells}
    for name in sorted(known, key=[*datasets, *known].index):
        notice(name, known[name], among=known)
    return plans


def setting_of(
    datasets: Sequence[str], layout: Layout, test: str, sandbox: Sandboxing, *, blind: bool = False
) -> Setting:
    """Of the cells of a run on these datasets."""
    paths = dict.fromkeys([*datasets, test])
    return Setting(
        run=f"ratebench-{uuid.uuid4().hex[:12]}",
        options=layout.options(),
        test=test,
        files={path: file for path in paths if (file := copies.described(path))},
        sandbox=sandbox,
        blind=blind,
    )


@contextlib.contextmanager
def dispatching(
    connection: Connection, ledger: Ledger, progress: MachinesProgress, setting: Setting
) -> Iterator[Dispatch]:
    """Of one run. At the end nothing of it is left on the machines, and what is recorded is stored
    if that is possible."""
    pool = DaskPool(connection, setting.run)
    try:
        yield Dispatch(pool, ledger, progress, setting, return_s_of(connection))
    finally:
        pool.close()
        ledger.close()


def return_s_of(connection: Connection) -> float:
    """How long a run waits for a machine that left: nobody starts a local worker again."""
    return 0.0 if connection.local else RETURN_S


def _shared(cells: Sequence[Cell], wanted: Precision | None) -> dict[str, str]:
    """What need not be said of each cell: its threads may be those of its machine."""
    left_out = {"threads", *(["seed"] if wanted else [])}
    return {name: text for name, text in shared(cells).items() if name not in left_out}


def _summary(cells: Sequence[Cell], wanted: Precision | None, of: Requested) -> str:
    each = " on each machine" if of.each_machine else ""
    repeats = f", then repeats until times are known to {wanted}" if wanted else ""
    fields = ", ".join(_shared(cells, wanted).values())
    return f"{terminal.plural(len(cells), 'cell')}{each}{repeats}: {fields}"
