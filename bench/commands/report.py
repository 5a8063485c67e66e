"""`bench report` and `bench compare`: records to pages, and to a sentence."""

from __future__ import annotations

from pathlib import Path

from bench.commands import terminal
from bench.commands.records import warn_of_bad_lines
from bench.report import compare, write
from bench.store import RecordStore

README = Path("README.md")


def report(out: Path) -> None:
    """Write the pages and name those that changed. Raises UsageError."""
    warn_of_bad_lines(RecordStore(out))
    changed = write_pages(out)
    for line in changed or ["no page changed"]:
        terminal.say(line)
    terminal.say(f"Start at {out / 'index.md'}")


def write_pages(out: Path) -> list[str]:
    """Write pages, plots and the README's block; returns a line for each page that changed.

    Raises UsageError where a file that is not generated has the name of a page.
    """
    # The README shows the project's own results, not a scratch folder's.
    readme = README if out == Path("results") else None
    before = _contents(out)
    try:
        write(out, readme=readme)
    except ValueError as error:
        raise terminal.UsageError(error) from None
    after = _contents(out)
    changed = [path for path in sorted(before | after) if before.get(path) != after.get(path)]
    states = {True: "updated", False: "new"}
    lines = [
        f"{path}  {states[path in before] if path in after else 'removed'}"
        for path in changed
        if path.suffix == ".md"
    ]
    plots = len(changed) - len(lines)
    return [*lines, terminal.plural(plots, "plot")] if plots else lines


def compare_rows(a: str, b: str, dataset: str | None, machine_id: str | None, out: Path) -> None:
    """Print which of two rows is better. Raises UsageError where a name is no row."""
    records, _ = RecordStore(out).read()
    try:
        terminal.say(compare(records, a, b, dataset, machine_id))
    except ValueError as error:
        raise terminal.UsageError(error) from None


def _contents(out: Path) -> dict[Path, bytes]:
    paths = [*out.glob("*.md"), *out.glob("plots/*"), *([README] if README.is_file() else [])]
    return {path: path.read_bytes() for path in paths if path.is_file()}
