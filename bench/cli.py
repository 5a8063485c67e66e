"""The verbs: run, tune, report, list, compare, predict, doctor, gate."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import psutil
import typer
from rich.console import Console

from bench import locks, machine
from bench.commands.arguments import spread
from bench.planning import availability
from bench.planning.hyperparameters import SettingError, parse_settings
from bench.planning.loading import ImplementationError
from bench.planning.suite import Overrides, SuiteError, read
from bench.records import Record
from bench.store import RecordStore
from datasets.errors import DataError

if TYPE_CHECKING:
    from bench.planning.plan import Cell

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which implementation of rating prediction should I use, on my data, on my hardware?",
)
out_console = Console(soft_wrap=True)
err_console = Console(stderr=True, soft_wrap=True)

DEFAULT_OUT = Path("results")
GATE_OUT = Path(".benchmarks/gate.json")
WRONG_USE = 2
INTERRUPTED = 130
GATE_BROKEN = 3
"""As bench.gate.verdicts has it, which may be what is broken."""
TERMINATED = 143
USER_ERRORS = (DataError, SuiteError, ImplementationError, SettingError)

Out = Annotated[Path, typer.Option(help="Folder of records, pages and plots.")]


@app.command()
def run(
    suite: Annotated[str, typer.Option(help="A named suite; `bench list` names them.")] = "quick",
    impl: Annotated[
        list[str] | None, typer.Option(help="Names, or path/to/file.py:Class. Several allowed.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Names or paths of ratings files. Several allowed.")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="cpu, cuda, cuda:1 or auto. Several allowed.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="random:80/10/10, random:90/10, 5-fold, u1, leave-last …")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repeats, with seeds 0 … N−1.")] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads per cell; default: the suite's, else all cores."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs, where there are any.")] = None,
    preset: Annotated[str | None, typer.Option(help="Named hyperparameters.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="implementation.field=value. Several allowed."),
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds on the training clock per cell.")
    ] = None,
    memory_limit: Annotated[
        float | None,
        typer.Option(min=0.01, max=1e6, help="GB per cell; default: 90 % of what is free."),
    ] = None,
    out: Out = DEFAULT_OUT,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run what is already recorded, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
) -> None:
    """Run a suite: one fresh process per cell, one record per cell, resumed where it stopped."""
    from bench.planning.facts import check_split, facts
    from bench.planning.plan import Planner

    block = {
        "devices": device,
        "split": split,
        "seeds": seeds,
        "epochs": epochs,
        "preset": preset,
        "threads": threads,
        "time_limit_s": time_limit,
    }
    try:
        overrides = Overrides(
            implementations=impl or [],
            datasets=dataset or [],
            block={name: value for name, value in block.items() if value is not None},
            settings=parse_settings(set_ or []),
        )
        planner = Planner(facts, check_split, machine.environment().cores, overrides, _loudly)
        cells = planner.plan(overrides.apply(read(suite)))
    except USER_ERRORS as error:
        _fail(error)
    if dry_run:
        store = RecordStore(out)
        _warn_of_bad_lines(store)
        _print_plan(cells, store, fresh)
    else:
        _open_store(out, out)
        _run(cells, out, _memory_limit(memory_limit), fresh)


@app.command()
def tune(
    study: Annotated[
        list[str] | None,
        typer.Argument(help="Names, or path/to/study.toml; default: all that `bench list` names."),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials of every study: the same for all of them.")
    ] = 40,
    out: Out = DEFAULT_OUT,
) -> None:
    """Search for hyperparameters on validation alone, the test part left out. Resumes."""
    from bench.tune import FOLDER
    from bench.tune import study as studies
    from bench.tune.session import Session

    try:
        chosen = [studies.read(name) for name in study or studies.names()]
        _open_store(out / FOLDER, out)
        total = trials * len(chosen)
        with Session(out_console, out, total, _memory_limit(None), _loudly) as session:
            for each in chosen:
                session.search(each, trials)
    except KeyboardInterrupt:
        err_console.print("\ninterrupted; the same command goes on from the recorded trials")
        raise typer.Exit(INTERRUPTED) from None
    except (*USER_ERRORS, studies.StudyError) as error:
        _fail(error)
    _fail_if_any_failed(session.records)


@app.command()
def report(out: Out = DEFAULT_OUT) -> None:
    """Make the pages, the plots and the README's block anew from the records."""
    from bench.report import write

    _warn_of_bad_lines(RecordStore(out))
    # The README shows the project's own results, not a scratch folder's.
    readme = Path("README.md") if out == DEFAULT_OUT else None
    try:
        written = write(out, readme=readme)
    except ValueError as error:
        _fail(error)
    for path in written:
        out_console.print(str(path), highlight=False, markup=False)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A row: implementation[:preset][@device].")],
    b: Annotated[str, typer.Argument(help="The row to hold it against.")],
    dataset: Annotated[str | None, typer.Option(help="Only this dataset.")] = None,
    machine_id: Annotated[str | None, typer.Option("--machine", help="Only this machine.")] = None,
    out: Out = DEFAULT_OUT,
) -> None:
    """Say which of two rows is faster or more accurate, by how much, and how sure that is."""
    from bench.report import compare as compared

    records, _ = RecordStore(out).read()
    try:
        out_console.print(
            compared(records, a, b, dataset, machine_id), highlight=False, markup=False
        )
    except ValueError as error:
        _fail(error)


@app.command()
def migrate(out: Out = DEFAULT_OUT) -> None:
    """Bring records of an older schema to the present one, by the commits that they name."""
    from bench.commands.migrate import migrate as migrated
    from bench.tune import FOLDER

    for folder in (out, out / FOLDER):
        for word, count in migrated(RecordStore(folder), Path.cwd()).items():
            _say(f"{RecordStore(folder).folder}: {count:,} {word}")


@app.command("list")
def list_() -> None:
    """Name the implementations, datasets, suites and studies."""
    from bench.commands.listing import listing

    out_console.print(listing(), highlight=False, markup=False)


@app.command()
def predict(
    impl: Annotated[str, typer.Option(help="Name, or path/to/file.py:Class.")],
    dataset: Annotated[str, typer.Option(help="Name, or path of a ratings file, to learn from.")],
    pairs: Annotated[Path, typer.Option(help="CSV: user,item with ids as in the source file.")],
    preset: Annotated[str, typer.Option(help="Named hyperparameters.")] = "default",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="implementation.field=value. Several allowed."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of split and model.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="CSV to write; default: standard output.")
    ] = None,
) -> None:
    """Predict ratings of given user–item pairs, as a CSV."""
    from bench.commands.predict import PairsError, predict_pairs

    try:
        problem = availability.device_problem(device)
        if problem:
            raise SettingError(f"--device {device}: {problem}")
        settings = parse_settings(set_ or []).get(impl, {})
        text, told = predict_pairs(impl, dataset, pairs, preset, settings, device, seed)
    except (*USER_ERRORS, PairsError) as error:
        _fail(error)
    err_console.print(told, highlight=False, markup=False)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        _fail(OSError(f"--output {output}: {error.strerror}"))


@app.command()
def doctor(
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure memory and arithmetic again.")
    ] = False,
) -> None:
    """Look at this machine: versions, threads, CUDA, data, limits, what may disturb a timing."""
    from bench.commands.doctor import examine

    if measure:
        _measure()
    out_console.print(examine(), highlight=False, markup=False)


@app.command()
def gate(
    base: Annotated[
        str | None, typer.Argument(help="The revision to hold it against: origin/main …")
    ] = None,
    head: Annotated[
        str | None, typer.Argument(help="The revision to judge; default: the working tree.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Screen the working tree against stored runs instead.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Add a run of this revision to a baseline.")
    ] = None,
    workload: Annotated[
        list[str] | None, typer.Option(help="Only these, as the table names them.")
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=1, help="Seconds; what is open then is INCONCLUSIVE.")
    ] = 480,
    inconclusive: Annotated[
        Literal["pass", "fail"],
        typer.Option(help="Whether that makes the exit code 0 or 2, where nothing FAILs."),
    ] = "fail",
    out: Annotated[Path, typer.Option(help="File for the raw timings.")] = GATE_OUT,
) -> None:
    """Time two revisions in turns: is any workload of tests/speed slower by 5 %?

    Exit codes: 0 pass, 1 regression, 2 inconclusive, 3 broken or nothing measured.
    """
    if [base, baseline, save].count(None) != 2:
        _fail(ValueError("name one of BASE, --baseline FILE and --save FILE"), GATE_BROKEN)
    with _exit_code_1_is_a_regression(), _termination_cleans_up():
        from bench.gate.command import Asked, compare
        from bench.gate.errors import GateError
        from bench.gate.stored import command as screening

        only, tolerant = tuple(workload or ()), inconclusive == "pass"
        asked = Asked(base or "", head, only, time_limit, tolerant, out)
        try:
            if save:
                code = screening.save(save, asked, Path.cwd(), _say, _tell)
            elif baseline:
                code = screening.against(baseline, asked, Path.cwd(), _say, _tell)
            else:
                code = compare(asked, Path.cwd(), _say, _tell)
        except GateError as error:
            _fail(error, GATE_BROKEN)
    raise typer.Exit(code)


def main() -> None:
    """The `bench` command."""
    if problem := availability.system_problem():
        sys.exit(f"error: {problem}")
    sys.argv[1:] = spread(sys.argv[1:])
    app()


@contextlib.contextmanager
def _exit_code_1_is_a_regression() -> Iterator[None]:
    """Python and rich end with 1, too: for an error of the gate itself, and for a closed pipe."""
    try:
        yield
    except typer.Exit:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == TERMINATED:
            raise
        with contextlib.suppress(SystemExit):  # where standard error is closed as well
            if isinstance(error, SystemExit):
                told = "nobody read the verdict: the output was closed"
            else:
                err_console.print_exception()
                told = f"the gate itself failed: {error!r}"
            err_console.print(f"error: {told}", style="red", highlight=False, markup=False)
        raise typer.Exit(GATE_BROKEN) from None


@contextlib.contextmanager
def _termination_cleans_up() -> Iterator[None]:
    """SIGTERM, of `timeout` or a cancelled CI job, unwinds as Ctrl-C does."""

    def terminate(*_: object) -> None:
        # `timeout` sends it twice, and to git, too: the second one must not stop the clean-up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(cells: list[Cell], out: Path, memory_limit_bytes: int, fresh: bool) -> None:
    from bench.cell.execute import ProcessExecutor
    from bench.commands.progress import Progress, summary
    from bench.roofline.work import WORK
    from bench.run import Runner

    if not machine.current_environment().roofs and any(
        cell.request.implementation in WORK for cell in cells
    ):
        _measure()
    finished: list[Record] = []
    progress = Progress(out_console, len(cells), finished)
    runner = Runner(RecordStore(out), ProcessExecutor(), progress, memory_limit_bytes)
    try:
        with progress:
            runner.run(cells, fresh=fresh)
    except KeyboardInterrupt:
        err_console.print(f"\ninterrupted; {len(finished)} of {len(cells)} cells are recorded:")
        for record in finished:
            err_console.print(f"  {record.cell.implementation}  {summary(record)}", markup=False)
        err_console.print("the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from None
    _fail_if_any_failed(finished)


def _measure() -> None:
    from bench.roofline import kept

    waiting = "another run is timing on this machine; waiting for its cell to end"
    with locks.exclusive(lambda: err_console.print(waiting)):
        err_console.print("measuring what this machine's memory and arithmetic allow, once …")
        kept.measured(machine.environment(), kept.measure_apart)


def _fail_if_any_failed(records: list[Record]) -> None:
    if any(record.status == "failed" for record in records):
        raise typer.Exit(1)


def _open_store(folder: Path, out: Path) -> None:
    """Make the place of records, and tell what in it is none."""
    store = RecordStore(folder)
    try:
        store.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _fail(OSError(f"--out {out}: records cannot be kept there: {error.strerror}"))
    _warn_of_bad_lines(store)


def _memory_limit(gigabytes: float | None) -> int:
    """In bytes; by default 90 % of what is free."""
    return int(gigabytes * 1e9 if gigabytes else psutil.virtual_memory().available * 0.9)


def _print_plan(cells: list[Cell], store: RecordStore, fresh: bool) -> None:
    from bench.planning.rerun import History

    history = History([] if fresh else store.read()[0], machine.environment())
    for number, cell in enumerate(cells, start=1):
        request = cell.request
        state = "recorded"
        if history.done(cell) is None:
            again = history.why_again(cell)
            state = f"to run again: {again}" if again else "to run"
        if cell.skip:
            state = f"{cell.skip.status}: {cell.skip.reason}"
        out_console.print(
            f"{number:>3}  {request.implementation:<22} {request.preset:<10} {request.dataset:<16} "
            f"{request.split:<16} {request.device:<6} seed {request.seed}  "
            f"threads {request.threads}{cell.settings_label}  {state}",
            highlight=False,
            markup=False,
        )


def _warn_of_bad_lines(store: RecordStore) -> None:
    for line in store.read()[1]:
        err_console.print(f"warning: {line}", style="yellow", highlight=False, markup=False)


def _loudly(notice: str) -> None:
    err_console.print(f"WARNING: {notice}", style="bold yellow", highlight=False, markup=False)


def _say(text: str) -> None:
    out_console.print(text, highlight=False, markup=False)


def _tell(text: str) -> None:
    err_console.print(text, highlight=False, markup=False)


def _fail(error: Exception, code: int = WRONG_USE) -> NoReturn:
    err_console.print(f"error: {error}", style="red", highlight=False, markup=False)
    raise typer.Exit(code) from None
