"""The verbs of `bench`: their arguments. What each does is in bench/commands."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from bench.commands.signals import importing

# Pydantic would look for its plugins in the files of every package, and fail where one is no text.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")

with importing():
    import typer
    from typer import Argument, Option
    from typer.core import TyperCommand, TyperGroup

    from bench.cell.job import HarnessError
    from bench.commands import signals, terminal
    from bench.commands.arguments import duration, layout, overrides, share, split_of, spread
    from bench.planning.availability import system_problem
    from bench.planning.loading import ImplementationError
    from bench.planning.presets import SettingError
    from bench.planning.suite import SuiteError
    from datasets.errors import DataError

WRONG_USE = 2
USER_ERRORS = (
    *(DataError, SuiteError, ImplementationError, SettingError, terminal.UsageError),
    HarnessError,
)


class Verbs(TyperGroup):
    """Ends with one line and exit code 2 where a verb cannot do what was requested."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except USER_ERRORS as error:
            terminal.fail(error)
            raise typer.Exit(WRONG_USE) from None


app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which implementation of rating prediction should I use, on my data, on my hardware?",
)

RESULTS = Path("results")
Out = Annotated[Path, Option(help="Folder of records, pages and plots.")]
Texts = list[str] | None
Settings = Annotated[
    Texts, Option("--set", help="Hyperparameters: als.factors=32. Several allowed.")
]

Containing = Literal["auto", "require", "off"]
Sandbox = Annotated[
    Containing,
    Option(help="Contain each row with bubblewrap: where that is possible, always, or never."),
]


def meant(address: str | None) -> str | None:
    """The address, before any data is read for it. Raises UsageError for one that cannot be."""
    if address is not None:
        from bench.running.cluster.address import parse

        parse(address)
    return address


Cluster = Annotated[
    str | None,
    Option(
        callback=meant,
        metavar="ADDRESS",
        help="Run on the machines of a Dask cluster: tcp://host:8786, a scheduler file, or local:2 "
        "for a try.",
    ),
]

READING = "How the file is read, where that is not detected"
Columns = Annotated[
    str | None,
    Option(
        metavar="ROLE=COLUMN,…",
        help="user=account,item=song,rating=plays: names of the header, or positions from 1; "
        "timestamp, too. What is left out is detected.",
        rich_help_panel=READING,
    ),
]
Delimiter = Annotated[
    str | None,
    Option(
        metavar="MARK",
        help="Between two fields: a character, ::, tab, comma, semicolon, space or bar.",
        rich_help_panel=READING,
    ),
]
NoHeader = Annotated[
    bool,
    Option("--no-header", help="The first line is a rating.", rich_help_panel=READING),
]
Missing = Annotated[
    Texts,
    Option(
        metavar="VALUE",
        help="A rating that means 'not rated', such as 99, or '' for an empty one: such lines are "
        "left out. Several allowed.",
        rich_help_panel=READING,
    ),
]
Zeros = Annotated[
    str | None,
    Option(
        metavar="missing|ratings",
        help="Whether a rating of 0 means 'not rated', or is one.",
        rich_help_panel=READING,
    ),
]
DateFormat = Annotated[
    str | None,
    Option(
        metavar="FORMAT",
        help="Of the timestamps, as strptime takes it: %d/%m/%Y.",
        rich_help_panel=READING,
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        from bench.commands.doctor import version

        terminal.print_line(version())
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Version and commit.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    suite: Annotated[str, Option(help="A named suite; `bench list` names them.")] = "quick",
    impl: Annotated[Texts, Option(help="Names, or path/to/file.py:Class. Several allowed.")] = None,
    dataset: Annotated[
        Texts, Option(help="Names, or path/to/ratings.csv. Several allowed.")
    ] = None,
    test: Annotated[
        str | None, Option(help="path/to/test.csv, where --dataset is the file to train on.")
    ] = None,
    device: Annotated[Texts, Option(help="cpu, cuda, cuda:1 or auto. Several allowed.")] = None,
    split: Annotated[
        str | None,
        Option(help="random:80/10/10, time:80/10/10, 5-fold, leave-last, u1, given:90/10 …"),
    ] = None,
    seeds: Annotated[
        int | None,
        Option(
            min=1,
            help="Repeats, with seeds 0 … N−1, and no more unless --precision is given.",
        ),
    ] = None,
    precision: Annotated[
        float | None,
        Option(
            parser=share,
            metavar="SHARE",
            help="Repeat each row, with further seeds, until the 95 % intervals of its times are "
            "within ± this share. Default: the suite's (quick: 50%).",
        ),
    ] = None,
    repeat_budget: Annotated[
        float | None,
        Option(
            parser=duration,
            metavar="SECONDS",
            help="Seconds of a row's cells, warm-up left out, after which it is not repeated any "
            "more. Default: the suite's (quick: 28s).",
        ),
    ] = None,
    threads: Annotated[
        int | None, Option(min=1, help="Default: the suite's, else all cores.")
    ] = None,
    epochs: Annotated[int | None, Option(min=1, help="Epochs, where a model has any.")] = None,
    preset: Annotated[str | None, Option(help="Named hyperparameters.")] = None,
    set_: Settings = None,
    time_limit: Annotated[
        float | None, Option(min=0.001, help="Seconds on the training clock per cell.")
    ] = None,
    memory_limit: Annotated[
        float | None, Option(min=0.01, max=1e6, help="GB per cell; default: 90 % of what is free.")
    ] = None,
    out: Out = RESULTS,
    fresh: Annotated[bool, Option("--fresh", help="Run cells that are recorded, too.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Print the plan and stop.")] = False,
    report: Annotated[bool, Option("--report", help="Write the pages, too.")] = False,
    pin: Annotated[
        bool, Option("--pin", help="Keep each cell of one thread on one core (Linux).")
    ] = False,
    sandbox: Sandbox = "auto",
    cluster: Cluster = None,
    each_machine: Annotated[
        bool,
        Option(
            "--each-machine", help="Run all of it on each machine of the cluster: tables for each."
        ),
    ] = False,
    columns: Columns = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    missing: Missing = None,
    zeros: Zeros = None,
    date_format: DateFormat = None,
) -> None:
    """Run a suite and show a summary; a second run continues where the first one stopped.

    A cell is one implementation on one split, seed and device. Each has a
    process of its own and is recorded as it ends.
    """
    from bench.commands.run import run

    block: dict[str, Any] = {
        "devices": device,
        "split": split_of(split, test, dataset),
        "seeds": seeds,
        "epochs": epochs,
        "preset": preset,
    }
    block |= {"threads": threads, "time_limit_s": time_limit, "pin": pin or None}
    requested = overrides(impl, dataset, set_, block)
    read_by = layout(columns, delimiter, no_header, missing, zeros, date_format)
    if cluster is not None:
        if dry_run:
            raise terminal.UsageError(
                "--dry-run shows the plan of this machine: leave out --cluster"
            )
        from bench.commands.cluster.running import Requested, run_on

        of = Requested(
            *(cluster, each_machine, read_by, test or "", out, memory_limit, precision),
            *(repeat_budget, fresh, report, sandbox),
        )
        raise typer.Exit(run_on(suite, requested, of))
    if each_machine:
        raise terminal.UsageError("--each-machine is for a cluster: add --cluster ADDRESS")
    code = run(
        suite,
        requested,
        read_by,
        test or "",
        out,
        memory_limit,
        precision=precision,
        repeat_budget=repeat_budget,
        fresh=fresh,
        dry_run=dry_run,
        report=report,
        sandbox=sandbox,
    )
    raise typer.Exit(code)


@app.command()
def data(
    file: Annotated[str, Argument(help="Path of a ratings file, or a name of the catalog.")],
    as_json: Annotated[
        bool, Option("--json", help="One JSON object, with keys as in a record's data.")
    ] = False,
    test: Annotated[
        str | None, Option(help="path/to/test.csv, where FILE is the file to train on.")
    ] = None,
    columns: Columns = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    missing: Missing = None,
    zeros: Zeros = None,
    date_format: DateFormat = None,
) -> None:
    """Show how a ratings file is read: columns, counts, times, and what was assumed.

    Look here first. The options below settle what is not detected, or detected
    wrongly; `bench run`, `bench predict` and `bench tune` take the same ones.
    """
    from bench.commands.data import data

    read_by = layout(columns, delimiter, no_header, missing, zeros, date_format)
    split_of(None, test, [file])
    data(file, read_by, test or "", as_json=as_json)


@app.command()
def tune(
    study: Annotated[
        Texts, Argument(help="Names, or path/to/study.toml; default: all that `bench list` names.")
    ] = None,
    dataset: Annotated[
        str | None, Option(help="Name, or path/to/ratings.csv; default: what each study names.")
    ] = None,
    trials: Annotated[
        int, Option(min=1, help="Trials of every study: the same for all of them.")
    ] = 40,
    out: Out = RESULTS,
    sandbox: Sandbox = "auto",
    cluster: Cluster = None,
    columns: Columns = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    missing: Missing = None,
    zeros: Zeros = None,
    date_format: DateFormat = None,
) -> None:
    """Search for hyperparameters on validation alone, without the test part. Resumes."""
    from bench.commands.tune import tune

    read_by = layout(columns, delimiter, no_header, missing, zeros, date_format)
    code = tune(study or [], dataset or "", trials, out, read_by, sandbox, cluster)
    raise typer.Exit(code)


@app.command()
def choose(
    ratings: Annotated[str, Argument(help="Path of a ratings file, or a name of the catalog.")],
    minutes: Annotated[
        float, Option(min=0.1, help="Of wall time in all; more than before goes on from there.")
    ] = 10,
    impl: Annotated[
        Texts, Option(help="Names, or path/to/file.py:Class; default: all. Several allowed.")
    ] = None,
    device: Annotated[Texts, Option(help="cpu, cuda, cuda:1 or auto. Several allowed.")] = None,
    test: Annotated[
        str | None, Option(help="path/to/test.csv, where RATINGS is the file to train on.")
    ] = None,
    split: Annotated[
        str | None,
        Option(
            help="random:80/10/10 (the default), random:75/25, time:80/10/10, leave-last, or of "
            "the file to train on given:90/10, which is the default beside --test."
        ),
    ] = None,
    cut: Annotated[int, Option(min=0, help="Another cut by the same shares, and its page.")] = 0,
    goal: Annotated[float | None, Option(min=0, help="RMSE that is good enough.")] = None,
    seeds: Annotated[int, Option(min=1, help="Final runs of each configuration.")] = 3,
    threads: Annotated[int | None, Option(min=1, help="Default: all cores.")] = None,
    out: Out = RESULTS,
    sandbox: Annotated[
        Containing,
        Option(help="As of bench run; trials of built-in rows have none."),
    ] = "auto",
    cluster: Cluster = None,
    columns: Columns = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    missing: Missing = None,
    zeros: Zeros = None,
    date_format: DateFormat = None,
) -> None:
    """Find the model for a set of ratings: equal seconds of search for each. Resumes.

    Hyperparameters are chosen on a validation part. Then the best ones of each model, and its
    default, are fitted on training and validation parts together, and scored on the test part.
    """
    from bench.choose.command import Options, choose

    read_by = layout(columns, delimiter, no_header, missing, zeros, date_format)
    cut_by = split_of(split, test, [ratings]) or "random:80/10/10"
    options = Options(
        *(impl or [], device or ["auto"], cut_by, minutes, goal, seeds, threads, cut, test or "")
    )
    raise typer.Exit(choose(ratings, options, read_by, out, sandbox, cluster))


@app.command()
def report(
    out: Out = RESULTS,
    records: Annotated[
        list[Path] | None,
        Option(
            help="Records of others, read beside those of --out: files, or folders of them. "
            "Several allowed."
        ),
    ] = None,
) -> None:
    """Write the pages, the plots and the README's table from the records."""
    from bench.commands.report import report

    report(out, records or [])


@app.command()
def site(
    out: Out = RESULTS,
    show: Annotated[bool, Option("--open", help="In a browser, too.")] = False,
) -> None:
    """Write the results as one page for people, tables and charts in one file, and name it."""
    from bench.commands.report import site

    site(out, show=show)


@app.command()
def compare(
    a: Annotated[str, Argument(help="A row: implementation[:preset][@device].")],
    b: Annotated[str, Argument(help="The row to compare it with.")],
    dataset: Annotated[str | None, Option(help="Only this dataset.")] = None,
    machine_id: Annotated[str | None, Option("--machine", help="Only this machine.")] = None,
    out: Out = RESULTS,
) -> None:
    """Report which of two rows is faster or more accurate, by how much, and how sure that is."""
    from bench.commands.report import compare_rows

    compare_rows(a, b, dataset, machine_id, out)


@app.command()
def migrate(out: Out = RESULTS) -> None:
    """Bring records of an older schema to the present one, by the commits that they name."""
    from bench.commands.migrate import migrate_all

    migrate_all(out)


@app.command("list")
def list_() -> None:
    """List the implementations, datasets, suites and studies."""
    from bench.commands.listing import listing

    listing()


@app.command()
def predict(
    pairs: Annotated[
        Path, Option(help="CSV with columns user and item, ids as in the ratings file.")
    ],
    impl: Annotated[str | None, Option(help="Name, or path/to/file.py:Class.")] = None,
    dataset: Annotated[
        str | None, Option(help="Name, or path of a ratings file, to train on.")
    ] = None,
    choice: Annotated[
        str | None,
        Option(
            help="Name of what `bench choose` found, in place of --impl and --dataset; or beside "
            "one of them, for another row of it or another file."
        ),
    ] = None,
    preset: Annotated[str, Option(help="Named hyperparameters.")] = "default",
    set_: Settings = None,
    device: Annotated[
        str | None, Option(help="cpu, cuda or cuda:1; default: cpu, or that of the choice.")
    ] = None,
    seed: Annotated[int, Option(help="Seed of split and model.")] = 0,
    output: Annotated[Path | None, Option(help="CSV to write; default: standard output.")] = None,
    out: Annotated[Path, Option(help="Folder of results that has the choice.")] = RESULTS,
    columns: Columns = None,
    delimiter: Delimiter = None,
    no_header: NoHeader = False,
    missing: Missing = None,
    zeros: Zeros = None,
    date_format: DateFormat = None,
) -> None:
    """Predict ratings of given user–item pairs, as a CSV.

    With --choice the row that `bench choose` recommends is fitted on all
    ratings, with the hyperparameters and the epochs that it found.
    """
    from bench.commands.predict import predict, requested

    read_by = layout(columns, delimiter, no_header, missing, zeros, date_format)
    request = requested(impl, dataset, read_by, preset, set_ or [], device, choice, out)
    predict(request, pairs, seed, output)


@app.command()
def doctor(
    measure: Annotated[
        bool, Option("--measure", help="Measure memory and arithmetic again.")
    ] = False,
    noise: Annotated[
        bool,
        Option(
            "--noise",
            help="Time one row again and again, some 15 s, for how many repeats a difference of "
            "5 % takes.",
        ),
    ] = False,
    cluster: Annotated[
        str | None,
        Option(
            metavar="ADDRESS",
            help="Show each machine of a cluster instead, with its noise: tcp://host:8786, a "
            "scheduler file, or local:2.",
        ),
    ] = None,
) -> None:
    """Show this machine: versions, threads, CUDA, data, bounds, and what may disturb a timing."""
    if cluster is not None:
        if measure or noise:
            raise terminal.UsageError("--cluster has the noise of each machine: leave the rest out")
        from bench.running.cluster.survey import survey

        survey(cluster)
        return
    from bench.commands import doctor

    if measure:
        doctor.measure()
    found = doctor.noise() if noise else ""
    doctor.doctor()
    if found:
        terminal.print_line(f"\n{found}")


@app.command()
def worker(
    address: Annotated[
        str, Argument(help="Of the scheduler: tcp://host:8786, or the file that it writes.")
    ],
    gpus: Annotated[int, Option(min=0, help="CUDA devices that cells may use here.")] = 0,
) -> None:
    """Take cells of `bench run --cluster` on this machine, one at a time.

    It ends when it is stopped, and 30 s after it has lost the scheduler: start it again then.
    """
    from bench.running.cluster.worker import worker

    worker(address, gpus)


class Gate(TyperCommand):
    """`--prove` may stand without its number."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if PROVE in args:
            after = args.index(PROVE) + 1
            if not re.fullmatch(r"-?\d+", next(iter(args[after:]), "")):
                args = [*args[:after], RUNS, *args[after:]]
        return super().parse_args(ctx, args)


PROVE, RUNS = "--prove", "10"
"""The option, and its number where none is given."""


@app.command(cls=Gate)
def gate(
    base: Annotated[
        str | None, Argument(help="The revision to compare with: origin/main …")
    ] = None,
    head: Annotated[
        str | None, Argument(help="The revision to judge; default: the working tree.")
    ] = None,
    baseline: Annotated[
        Path | None, Option(help="Screen the working tree against stored runs instead.")
    ] = None,
    save: Annotated[Path | None, Option(help="Add a run of this revision to a baseline.")] = None,
    workload: Annotated[Texts, Option(help="Only these, by their names in the table.")] = None,
    time_limit: Annotated[
        float, Option(min=1, help="Seconds; what is undecided then is INCONCLUSIVE.")
    ] = 480,
    inconclusive: Annotated[
        Literal["pass", "fail"],
        Option(help="Whether that makes the exit code 0 or 2, where nothing FAILs."),
    ] = "fail",
    out: Annotated[Path, Option(help="File for the raw timings.")] = Path(".benchmarks/gate.json"),
    prove: Annotated[
        int | None,
        Option(
            PROVE,
            metavar="[N]",
            help="Judge the gate on this machine: N runs of BASE (default: HEAD) against itself, "
            f"N with hidden slowdowns of 5 %; by default {RUNS}.",
        ),
    ] = None,
) -> None:
    """Time two revisions in turns: is any workload of tests/speed slower by 5 %?

    Exit codes: 0 pass, 1 regression, 2 inconclusive, 3 broken or nothing measured.
    """
    from bench.commands.gate import gate

    only, tolerant = tuple(workload or ()), inconclusive == "pass"
    code = gate(base, head, baseline, save, only, time_limit, tolerant, out, prove)
    raise typer.Exit(code)


def main() -> None:
    """The `bench` command, also installed as `ratebench`."""
    terminal.open_streams()
    if problem := system_problem():
        sys.exit(f"error: {problem}")
    sys.argv[1:] = spread(sys.argv[1:])
    with (
        signals.unwinding(),
        terminal.system_errors_are_one_line(),
        terminal.warnings_as_lines(),
    ):
        app()
