"""`bench choose`: the answer on a set of one's own."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.cell.job import HarnessError
from bench.choose import FOLDER
from bench.choose.budget import Budget
from bench.choose.final import splits_of
from bench.choose.models import groups_of
from bench.choose.outcome import REQUEST, Model, Outcome, Request, outcome_of, read_request
from bench.choose.recommendation import names, recommend
from bench.choose.session import Session
from bench.choose.watching import Watching
from bench.commands import arguments, terminal
from bench.commands.containment import Containment, Sandboxing
from bench.commands.data import notice
from bench.commands.run import (
    FAILED,
    INTERRUPTED,
    check_store,
    note_of_surroundings,
    open_store,
)
from bench.commands.summary import paragraph, plain
from bench.planning.facts import Loader
from bench.planning.plan import Planner
from bench.planning.rerun import normalised
from bench.records import Record
from bench.report.choices import refuse_taken, write_choice
from bench.report.pages.next_steps import predict_command
from bench.report.pages.recommendation import recommendation
from bench.running.cells import memory_limit_bytes
from bench.running.cluster.address import UnreachedError
from bench.running.sole import shared_run
from bench.store import RecordStore
from bench.tune.study import StudyError
from datasets.catalog import CATALOG
from datasets.errors import DataError
from datasets.reading.layout import Layout
from impls.registry import IMPLEMENTATIONS


@dataclass(frozen=True)
class Options:
    """What the command line requests, as `bench.choose.outcome.Request` has it.

    names    of rows; () for all built-in ones
    split    of the ratings, of which test is a file of its own where that is given
    devices  "cpu", "cuda", "cuda:1" or "auto"
    """

    names: Sequence[str]
    devices: Sequence[str]
    split: str
    minutes: float
    goal: float | None
    seeds: int
    threads: int | None
    cut: int = 0
    test: str = ""


def choose(
    dataset: str,
    options: Options,
    layout: Layout,
    out: Path,
    sandbox: Sandboxing,
    cluster: str | None = None,
) -> int:
    """Search, run the best configurations, and show what came of it; returns the exit code.

    cluster  address of machines of which one does all of it; None for this one

    Raises UsageError for a folder that has the choice of another file, and DataError.
    """
    for option, value in (("--minutes", options.minutes), ("--goal", options.goal)):
        if value is not None and not math.isfinite(value):
            raise terminal.UsageError(f"{option} {value}: must be finite")
    options = dataclasses.replace(options, names=[*map(normalised, options.names)])
    budget = Budget(60 * options.minutes)
    arguments.refuse_unused(layout, [dataset])
    split, final_split = splits_of(options.split)
    if options.cut and split.startswith("time:"):
        raise terminal.UsageError(
            f"--cut {options.cut}: a split in time has one cut only; leave --cut out, or use a "
            "random split"
        )
    folder = out / FOLDER / name_of(dataset, options.cut)
    loader = Loader(layout, options.test)
    facts = loader.facts(dataset)
    request = Request(
        name=folder.name,
        dataset=dataset,
        split=split,
        final_split=final_split,
        minutes=options.minutes,
        goal=options.goal,
        seeds=options.seeds,
        threads=options.threads or machine.environment().cores,
        models=[],
        cut=options.cut,
        test=options.test,
        fingerprint=facts.data.fingerprint,
    )
    _refuse_another(folder, request)
    store = RecordStore(folder)
    open_store(store, out)
    check_store(store, out)
    _refuse_taken(out, request)
    notice(dataset, facts)
    _check_splits(loader, dataset, options.split, split)
    try:
        if cluster is None:
            note_of_surroundings()
            with shared_run(store):
                unwritten = _here(request, options, loader, folder, out, sandbox, budget)
        else:
            from bench.choose.on_cluster import choose_on

            names, devices = [*options.names], [*options.devices]
            unwritten = choose_on(
                *(cluster, request, names, devices, options.threads, layout, store, sandbox)
            )
    except (KeyboardInterrupt, HarnessError, OSError, MemoryError) as error:
        if not isinstance(error, UnreachedError):
            terminal.note_end_of_search(error)
        if isinstance(error, KeyboardInterrupt):
            return INTERRUPTED
        raise
    except StudyError as error:
        raise terminal.UsageError(error) from None
    _show(outcome_of(request, store.read()[0]), out)
    return FAILED if unwritten else 0


def _here(
    request: Request,
    options: Options,
    loader: Loader,
    folder: Path,
    out: Path,
    sandbox: Sandboxing,
    budget: Budget,
) -> int:
    """Choose on this machine; returns how many records could not be stored. Raises StudyError and
    HarnessError."""
    containment = Containment(sandbox, out, [request.dataset, options.test])
    planner = Planner(
        *(loader.facts, loader.check_split, request.threads),
        on_notice=terminal.warn,
        contain=containment.importer,
    )
    groups = groups_of(options.names, planner, containment.importer, request, options.devices)
    with Session(
        *(folder, request, groups, containment.executor(), containment.importer),
        *(Watching(terminal.note, terminal.warn), memory_limit_bytes(None), loader, budget),
        terminal.print_line,
    ) as session:
        session.run()
    return session.unwritten


def name_of(dataset: str, cut: int = 0) -> str:
    """Of the choice's folder and page: a catalog's name, or a file's without its suffix; each cut
    but the first has its own."""
    name = dataset if dataset in CATALOG else Path(dataset).stem
    # In lower case, as the page: two names that differ in case alone have one page.
    name = re.sub(r"[^\w.-]+", "-", name.lower()).strip(".-") or "ratings"
    return f"{name}-cut-{cut}" if cut else name


def _refuse_another(folder: Path, request: Request) -> None:
    if not (folder / REQUEST).is_file():
        return
    try:
        before = read_request(folder)
    except (OSError, ValueError) as error:
        # Of a request that is no such JSON, pydantic says what is wrong in the second line.
        reason = " ".join(str(error).splitlines()[:2]).partition(" [type=")[0]
        raise terminal.UsageError(
            f"{folder / REQUEST} cannot be read: {reason}. Move it away: the trials stay recorded, "
            "and the same command goes on from them"
        ) from None
    if before.fingerprint != request.fingerprint:
        raise terminal.UsageError(
            f"{folder} has the choice of other ratings ({before.dataset}): give another --out, or "
            "move it away"
        )


def _refuse_taken(out: Path, request: Request) -> None:
    try:
        refuse_taken(out, request.name)
    except (ValueError, OSError) as error:
        raise terminal.UsageError(f"the page could not be written: {error}") from None


def _check_splits(loader: Loader, dataset: str, given: str, searched: str) -> None:
    """Cut by the split that is given and by that of the search. Raises DataError, and
    UsageError that names the first, too: nobody gave the second."""
    loader.check_split(dataset, given)
    try:
        loader.check_split(dataset, searched)
    except DataError as error:
        raise terminal.UsageError(
            f"split {given} is {searched} in the search, which needs a validation part: {error}"
        ) from None


HEADERS = ("row", "trials", "search s", "validation", "test", "default: test")


def _show(found: Outcome, out: Path) -> None:
    """What to use; a table, of each model its trials, the RMSEs of the best one and the test RMSE
    of the default; and where the page is, which is written here. Raises UsageError where it cannot
    be."""
    for sentence in recommendation(found):
        terminal.out.print()
        paragraph(terminal.out, plain(sentence))
    terminal.out.print()
    models = [(name, model) for name, model in names(found).items() if model.trials]
    models.sort(key=lambda each: _test(each[1].best_runs) or float("inf"))
    rows = [_row(name, model) for name, model in models]
    terminal.out.print(terminal.table(rows, HEADERS, "Ll"), soft_wrap=False)
    problems = defaultdict(list)
    for name, model in names(found).items():
        problems[model.plan.problem].append(name)
    for problem, of_rows in problems.items():
        if problem:
            is_built_in = all(row in IMPLEMENTATIONS for row in of_rows)
            (terminal.note if is_built_in else terminal.warn)(f"{', '.join(of_rows)}: {problem}")
    terminal.print_line(
        f"{found.request.wall_s / 60:.1f} of {terminal.plural(found.request.minutes, 'minute')}, "
        f"{terminal.plural(sum(len(model.trials) for _, model in models), 'trial')}"
    )
    try:
        page = write_choice(out, found)
    except (ValueError, OSError) as error:
        raise terminal.UsageError(f"the page cannot be written: {error}") from None
    terminal.print_line(f"Page: {page}")
    if (said := recommend(found)) and said.can_choose:
        terminal.print_line(f"Predict by {said.chosen.name}: {predict_command(found, out)}")


def _row(name: str, model: Model) -> list[str]:
    best = model.best
    figures = (best and best.rmse, _test(model.best_runs), _test(model.default_runs))
    return [
        *(name, str(len(model.trials)), f"{model.spent.counted_s:.1f}"),
        *("–" if each is None else f"{each:.4f}" for each in figures),
    ]


def _test(runs: Sequence[Record]) -> float | None:
    """Mean test RMSE; None where no run has one."""
    found = [record.metrics.rmse for record in runs if record.metrics]
    return sum(found) / len(found) if found else None
