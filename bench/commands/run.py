"""`bench run`: plan a suite, run its cells, and end with a summary."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench import machine
from bench.cell import locks
from bench.cell.data import Splits
from bench.cell.execute import Executor, ProcessExecutor
from bench.cell.job import HarnessError
from bench.commands import arguments, summary, terminal
from bench.commands.containment import Containment, Sandboxing
from bench.commands.data import notice
from bench.commands.doctor import measure
from bench.commands.progress import Progress, name_of, shared
from bench.planning.facts import Loader
from bench.planning.plan import Cell, Planner
from bench.planning.repeats import Precision, followed, imprecise, row_of
from bench.planning.rerun import History, is_of
from bench.planning.suite import Overrides, Suite, read
from bench.records import Record
from bench.report.formats import listed
from bench.report.sentences import cores
from bench.roofline.work import WORK
from bench.running.cells import memory_limit_bytes
from bench.running.runner import Runner
from bench.running.sole import shared_run
from bench.store import RecordStore, collector_paused
from bench.tune import FOLDER
from datasets.reading.layout import Layout

FAILED = 1
INTERRUPTED = 130


def run(
    suite: str,
    overrides: Overrides,
    layout: Layout,
    test: str,
    out: Path,
    memory_limit_gb: float | None,
    *,
    precision: float | None,
    repeat_budget: float | None,
    fresh: bool,
    dry_run: bool,
    report: bool,
    sandbox: Sandboxing,
) -> int:
    """Run what has no record yet (all, where `fresh`); returns the exit code. Raises UsageError
    where cells are to be pinned and cannot be.

    layout   of the files among the datasets
    test     the file of the test ratings of the one dataset; "" for none
    dry_run  print the plan instead
    report   write the pages, too
    sandbox  whether workers are in one: where there can be one, always, or never
    """
    loader = Loader(layout, test)
    cores = machine.environment().cores
    store = RecordStore(out)
    requested = overrides.apply(read(suite))
    if report and dry_run:
        raise terminal.UsageError(
            "--report writes pages after a run, and --dry-run runs nothing: leave one out"
        )
    wanted = precision_of(requested, precision, repeat_budget, by_seeds="seeds" in overrides.block)
    pin = any(block.pin for block in requested.blocks)
    if pin and machine.timing_core() is None:
        raise terminal.UsageError("--pin: this system keeps no process on a core; Linux does")
    datasets = [name for block in requested.blocks for name in block.datasets]
    containment = Containment(sandbox, out, [*datasets, test])
    planner = Planner(
        *(loader.facts, loader.check_split, cores, overrides, terminal.warn),
        contain=containment.importer,
    )
    arguments.refuse_unused(layout, datasets)
    with collector_paused():
        cells = planner.plan(requested)
        note_of_idle_epochs(cells, overrides)
        if pin:
            _note_of_unpinned(cells)
        known = {cell.request.dataset: cell.facts for cell in cells}
        for name in sorted(known, key=[*datasets, *known].index):
            notice(name, known[name], among=known)
        if dry_run:
            terminal.warn_of_bad_lines(store)
            _print_plan(cells, store, wanted, fresh=fresh)
            return 0
    open_store(store, out)
    note_of_surroundings()
    limit = memory_limit_bytes(memory_limit_gb)
    executor = containment.executor
    splits = Splits(loader)
    return _run(cells, wanted, store, out, limit, splits, executor, fresh=fresh, report=report)


def precision_of(
    suite: Suite, precision: float | None, budget: float | None, *, by_seeds: bool
) -> Precision | None:
    """The command line's, else the suite's; none where a number of seeds was requested alone.

    Raises UsageError for an option that would change nothing.
    """
    half_width = precision or (None if by_seeds else suite.precision)
    if half_width is None:
        if budget is not None:
            why = "--seeds alone requests no more" if by_seeds else f"suite '{suite.name}' has none"
            raise terminal.UsageError(
                f"--repeat-budget ends repeats for precision, and {why}: add --precision 5%, or "
                "leave it out"
            )
        return None
    return Precision(half_width, suite.repeat_budget if budget is None else budget)


def note_of_idle_epochs(cells: Iterable[Cell], overrides: Overrides) -> None:
    """Name the rows that --epochs does not change: they have none, or each has them set. Raises
    UsageError where that is every row."""
    if (epochs := overrides.block.get("epochs")) is None:
        return
    runnable = [cell for cell in cells if cell.skip is None]
    takes = [
        "epochs" in cell.request.hyperparameters and "epochs" not in cell.settings
        for cell in runnable
    ]
    idle = {
        cell.request.implementation
        for cell, takes_it in zip(runnable, takes, strict=True)
        if not takes_it
    }
    if not idle:
        return
    names = listed(sorted(idle))
    if not any(takes):
        raise terminal.UsageError(
            f"--epochs {epochs} changes no row of {names}: none has epochs that are not set "
            "otherwise; leave it out"
        )
    terminal.note(f"--epochs {epochs} does not change {names}: no epochs, or others by --set")


def _run(
    planned: list[Cell],
    wanted: Precision | None,
    store: RecordStore,
    out: Path,
    memory_limit: int,
    splits: Splits,
    executor: Callable[[], Executor],
    *,
    fresh: bool,
    report: bool,
) -> int:
    history = History([] if fresh else store.read()[0], machine.environment())
    cells = followed(planned, history.done, wanted)
    found = [(cell, history.done(cell)) for cell in cells]
    to_run = [cell for cell, record in found if record is None]
    writes = any(record is None or not is_of(record, cell) for cell, record in found)
    if writes:
        check_store(store, out)
    recorded = len(cells) - len(to_run)
    _warn_of_threads(to_run)
    rows = {cell.request.implementation for cell in to_run}
    if rows & WORK.keys() and not machine.current_environment().roofs:
        measure()
    fields = _shared(cells, wanted)
    already = f", {'all' if recorded == len(cells) else recorded} already recorded" * bool(recorded)
    # Where all are recorded, so are the repeats.
    repeats = _repeats(wanted) if to_run else ""
    terminal.print_line(
        f"{terminal.plural(len(cells), 'cell')}{already}{repeats}: {', '.join(fields.values())}"
    )
    finished: list[Record] = []
    progress = Progress(
        terminal.out,
        len(cells),
        finished,
        shared=fields.keys(),
        recorded=recorded,
        precision=wanted.share if wanted and to_run else "",
        store=str(store.path_of(machine.environment().machine)),
    )
    executes = executor() if to_run else ProcessExecutor()
    runner = Runner(store, executes, progress, memory_limit, splits)
    try:
        with shared_run(store) if writes else contextlib.nullcontext(), progress:
            records = runner.run(cells, fresh=fresh, wanted=wanted)
    except (KeyboardInterrupt, HarnessError, OSError, MemoryError) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        terminal.note(
            f"\n{'interrupted' if interrupted else 'the run ends here'}; "
            f"{len(finished) - len(runner.unwritten)} of {progress.total - recorded} cells to run "
            "are recorded\n"
            "the same command goes on from here"
        )
        if interrupted:
            return INTERRUPTED
        raise
    changed: list[str] = []
    no_pages: terminal.UsageError | None = None
    if report:
        from bench.commands.report import write_pages  # here, for the import takes half a second

        try:
            changed = write_pages(out, (store, RecordStore(out / FOLDER)))
        except terminal.UsageError as error:
            no_pages = error
    written = report and no_pages is None
    show(records, wanted, store, runner.unwritten, out, written=written)
    if no_pages:
        terminal.fail(no_pages)
        if not runner.unwritten:
            terminal.note("all finished cells are recorded")
        return FAILED
    if readme := next((line for line in changed if line.startswith("README.md")), None):
        terminal.print_line(f"{readme} (its table is of this run's machine now)")
    return FAILED if runner.unwritten or without_figures(records) else exit_code(finished)


def without_figures(records: Iterable[Record]) -> bool:
    """Whether no row has any, which is said."""
    found = any(record.metrics for record in records)
    if not found:
        terminal.fail("no row of this run has a figure")
    return not found


def _shared(cells: list[Cell], wanted: Precision | None) -> dict[str, str]:
    """What need not be said of each cell; its seed must, where repeats have others."""
    fields = shared(cells)
    return {name: text for name, text in fields.items() if not (wanted and name == "seed")}


def _repeats(wanted: Precision | None) -> str:
    return f", then repeats until times are known to {wanted}" if wanted else ""


def show(
    ran: Sequence[Record],
    wanted: Precision | None,
    store: RecordStore,
    unwritten: Sequence[Record],
    out: Path,
    *,
    written: bool,
) -> None:
    """The summary, of all repeats of the rows that ran, as on the page."""
    stored, rows = store.read()[0], set(map(row_of, ran))
    records = [*(each for each in stored if row_of(each) in rows), *unwritten]
    summary.show(terminal.out, records, out, written=written, among=stored)
    if wanted and (imprecise_rows := imprecise(summary.rows_of(records, stored), wanted)):
        terminal.note(f"times not known to {wanted.share}: {', '.join(imprecise_rows)}")


def _warn_of_threads(cells: list[Cell]) -> None:
    """Where more threads are requested than there are cores for them."""
    threads = max((cell.request.threads for cell in cells), default=0)
    here = machine.environment()
    if threads > here.cores:
        may = f"this process may use {cores(here)}"
        terminal.warn(f"{terminal.plural(threads, 'thread')} requested, and {may}: timings suffer")


def _note_of_unpinned(cells: list[Cell]) -> None:
    """Where `--pin` leaves some cells on any core. Raises UsageError where it leaves all."""
    runnable = [cell for cell in cells if cell.skip is None]
    pinned = sum(cell.request.pinned for cell in runnable)
    if runnable and not pinned:
        raise terminal.UsageError(
            "--pin changes no cell, for each has several threads: add --threads 1, or leave it out"
        )
    if pinned < len(runnable):
        of = f"{pinned} of {len(runnable)} cells"
        terminal.note(f"--pin: {of} on one core: the others have several threads (--threads 1)")


def note_of_surroundings() -> None:
    """Say once where records will name no commit, or other users' runs will not wait, and why."""
    if problem := machine.source_problem():
        terminal.note(f"records will name no commit: {problem}")
    if problem := locks.shortcoming():
        terminal.warn(f"runs of other users on this machine will not wait for this one: {problem}")


def exit_code(records: Iterable[Record]) -> int:
    """1 where a cell failed or was lost; what diverged or ran out of time or memory is a result."""
    return FAILED if any(record.status in ("failed", "lost") for record in records) else 0


def check_store(store: RecordStore, out: Path, machine_id: str = "") -> None:
    """Raises UsageError where no record of a machine, this one by default, could be added: before a
    cell has run for nothing."""
    machine_id = machine_id or machine.environment().machine
    try:
        store.check(machine_id)
    except OSError as error:
        why = terminal.problem_of(error, store.path_of(machine_id))
        raise terminal.UsageError(f"--out {out}: records cannot be stored: {why}") from None


def open_store(store: RecordStore, out: Path) -> None:
    """Create the folder of records, and warn of lines in it that are not records."""
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--out {out}: records cannot be stored there: {error.strerror}"
        raise terminal.UsageError(message) from None
    terminal.warn_of_bad_lines(store)


def _print_plan(
    planned: list[Cell], store: RecordStore, wanted: Precision | None, *, fresh: bool
) -> None:
    history = History([] if fresh else store.read()[0], machine.environment())
    cells = followed(planned, history.done, wanted)
    fields = _shared(cells, wanted)
    rows = []
    for number, cell in enumerate(cells, start=1):
        state = "recorded"
        if (done := history.done(cell)) is None:
            again = history.why_again(cell)
            state = f"to run again: {again}" if again else "to run"
        elif not is_of(done, cell):
            state = f"recorded as {done.cell.implementation} on {done.cell.dataset}"
        if cell.skip:
            state = f"{cell.skip.status}: {cell.skip.reason}"
        rows.append([str(number), *name_of(cell, fields).split("  "), state])
    repeats = _repeats(wanted) if any(history.done(cell) is None for cell in cells) else ""
    terminal.print_line(
        f"{terminal.plural(len(cells), 'cell')}{repeats}: {', '.join(fields.values())}"
    )
    terminal.out.print(terminal.table(rows), soft_wrap=False)
