"""`bench report` and `bench compare`: records to pages, and to a sentence."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from bench import machine
from bench.commands import terminal
from bench.report.combining import Combined
from bench.report.comparison import compare
from bench.report.files import SITE
from bench.report.formats import out_option
from bench.report.writing import NO_SITE, can_make_site, described, stores_of, write, write_site
from bench.store import RecordStore

RESULTS = Path("results")


def report(out: Path, others: Sequence[Path] = ()) -> None:
    """Write the pages and name those that changed; `others` are files and folders with records of
    other people, read beside those of `out`. Raises UsageError."""
    stores = stores_of(out)
    if others:
        try:
            combined = Combined(out, others)
            lines = combined.disagreements()
            combined.read()
        except ValueError as error:
            raise terminal.UsageError(error) from None
        for line in lines:
            terminal.warn(line)
        stores = combined, stores[1]
    for store in stores:
        terminal.warn_of_bad_lines(store)
    for line in write_pages(out, stores):
        terminal.print_line(line)
    in_browser = f", or in a browser at {out / SITE}" if can_make_site() else f"; {NO_SITE}"
    terminal.print_line(f"start at {out / 'index.md'}{in_browser}")


def site(out: Path, *, show: bool) -> None:
    """Write the page for people and name it; `show`: in a browser. Raises UsageError."""
    terminal.warn_of_bad_lines(RecordStore(out))
    try:
        write_site(out)
    except ValueError as error:
        raise terminal.UsageError(error) from None
    except OSError as error:
        problem = terminal.problem_of(error, out)
        raise terminal.UsageError(f"the page cannot be written: {problem}") from None
    path = (out / SITE).resolve()
    terminal.print_line(str(path))
    if show and not webbrowser.open(path.as_uri()):
        raise terminal.UsageError(f"no browser was found here: open {path} in one")


def write_pages(out: Path, stores: tuple[RecordStore, RecordStore] | None = None) -> list[str]:
    """Write pages, plots and the README's block; returns a line for each page that changed.

    stores  of the records and of the trials, where they were read before

    Raises UsageError where a file that is not generated has the name of a page, and where one
    cannot be written.
    """
    # The README shows the project's own results, not a scratch folder's.
    readme = Path("README.md") if out == RESULTS else None
    try:
        return described(write(out, readme=readme, stores=stores))
    except ValueError as error:
        raise terminal.UsageError(error) from None
    except OSError as error:
        raise terminal.UsageError(
            f"the pages cannot be written: {terminal.problem_of(error, out)}; "
            f"fix this, then run `bench report{out_option(out)}` again"
        ) from None


def compare_rows(a: str, b: str, dataset: str | None, machine_id: str | None, out: Path) -> None:
    """Print which of two rows is better. Raises UsageError where a name is no row."""
    store = RecordStore(out)
    terminal.warn_of_bad_lines(store)
    records, _ = store.read()
    try:
        here = machine.environment().machine
        terminal.print_line(compare(records, a, b, dataset, machine_id, here))
    except ValueError as error:
        raise terminal.UsageError(error) from None
