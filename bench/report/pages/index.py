"""The first page of a results folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.records import Record
from bench.report.files import MARK
from bench.report.layout import Column, markdown
from bench.report.machines import hardware
from bench.report.pages.dataset import machines
from bench.report.prose import notes
from bench.report.rows import Table
from bench.report.text import date, escaped, title
from bench.store import BadLine

ABOUT = """\
One record per run is kept in `records/`, a file per machine, only ever appended to. Every page \
and plot beside that folder is made from the records by `bench report`, so an edit to a page is \
lost, and a row goes only when its record does.

- `make bench` runs the quick suite, where it has no record yet, and writes everything again.
- `bench run` adds records: other suites, datasets, devices, seeds (`bench run --help`).
- `bench report` writes the pages and plots again from the records.
- `docs/reading-the-tables.md` says what each column means and how it is measured."""


def index_page(
    pages: Mapping[str, Sequence[Table]], others: Mapping[str, str], bad: Sequence[BadLine]
) -> str:
    """The index. `pages`: file name -> the tables on that page; `others`: -> what is there."""
    parts = [MARK, "# Results", ABOUT]
    if pages:
        tables = [table for some in pages.values() for table in some]
        parts += ["## Datasets", _contents(pages)]
        parts += [
            "\n".join(dict.fromkeys(f"- {note}" for table in tables for note in notes(table)))
        ]
        parts += ["## Machines", "\n".join(_machines(tables))]
    else:
        parts.append("No result is recorded yet: `make bench` makes the first tables.")
    if others:
        lines = (f"- [{told[0].upper()}{told[1:]}]({name})" for name, told in others.items())
        parts += ["## More", "\n".join(lines)]
    if bad:
        parts += [
            "## Unreadable lines",
            "Lines in `records/` and `tuning/records/` that are no record, and were left out: "
            f"{len(bad)}.",
            "\n".join(f"- {escaped(_told(line))}" for line in bad),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _contents(pages: Mapping[str, Sequence[Table]]) -> str:
    newest = {page: _newest(tables) for page, tables in pages.items()}
    data = [record.data for record in newest.values()]
    links = [f"[{escaped(title(some[0].dataset))}]({page})" for page, some in pages.items()]
    per_page = list(pages.values())
    return markdown(
        [
            Column("dataset", links, "left"),
            Column("users", [f"{it.n_users:,}" for it in data]),
            Column("items", [f"{it.n_items:,}" for it in data]),
            Column("ratings", [f"{it.n_ratings:,}" for it in data]),
            Column("splits", [str(len({t.split for t in some})) for some in per_page]),
            Column("machines", [str(len({t.machine for t in some})) for some in per_page]),
            Column("rows", [str(sum(len(t.rows) for t in some)) for some in per_page]),
            Column("newest", [date(record.started_at) for record in newest.values()]),
        ]
    )


def _newest(tables: Iterable[Table]) -> Record:
    return max((table.newest for table in tables), key=lambda record: record.started_at)


def _machines(tables: Sequence[Table]) -> list[str]:
    newest = {
        machine: _newest(table for table in tables if table.machine == machine)
        for machine in machines(tables)
    }
    return [
        f"- {escaped(machine)}: {escaped(hardware(record))}; newest record "
        f"{date(record.started_at)}."
        for machine, record in newest.items()
    ]


def _told(line: BadLine) -> str:
    return f"{line.path.name}:{line.number}: {line.problem}"
