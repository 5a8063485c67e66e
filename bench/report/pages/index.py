"""The first page of a results folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.records import Record
from bench.report.files import MARK
from bench.report.formats import date
from bench.report.grouping import machines
from bench.report.markdown import document, escaped, markdown_table
from bench.report.rows import Table
from bench.report.sentences import hardware, notes
from bench.report.tables import Column
from bench.store import BadLine

ABOUT = """\
One record per run is stored in `records/`, a file per machine, only ever appended to. Every page \
and plot beside that folder is made from the records by `bench report`, so an edit to a page is \
lost, and a row goes only when its record does.

- `make bench` runs the quick suite, where it has no record yet, and writes everything again.
- `bench run` adds records: other suites, datasets, devices, seeds (`bench run --help`).
- `bench report` writes the pages and plots again from the records.
- `docs/reading-the-tables.md` says what each column means and how it is measured."""


class Page(NamedTuple):
    """A dataset's page and the tables on it."""

    name: str
    tables: Sequence[Table]

    @property
    def title(self) -> str:
        return self.tables[0].title

    @property
    def newest(self) -> Record:
        newest = (table.newest for table in self.tables)
        return max(newest, key=lambda record: record.started_at)


def index_page(
    pages: Mapping[str, Sequence[Table]], others: Mapping[str, str], bad: Sequence[BadLine]
) -> str:
    """The index. `pages`: file name -> the tables on that page; `others`: -> what is there."""
    parts = [MARK, "# Results", ABOUT]
    if pages:
        tables = [table for some in pages.values() for table in some]
        every = dict.fromkeys(note for table in tables for note in notes(table.records))
        parts += [
            "## Datasets",
            markdown_table(COLUMNS, [Page(*each) for each in pages.items()]),
            "\n".join(f"- {note}" for note in every),
            "## Machines",
            "\n".join(_machine(name, tables) for name in machines(tables)),
        ]
    elif not others:
        parts.append("No result is recorded yet: `make bench` makes the first tables.")
    if others:
        lines = (f"- [{what[0].upper()}{what[1:]}]({name})" for name, what in others.items())
        parts += ["## More", "\n".join(lines)]
    if bad:
        lines = (f"- {escaped(f'{it.path.name}{it.place}: {it.problem}')}" for it in bad)
        parts += [
            "## Unreadable lines",
            "Lines in `records/` and `tuning/records/` that are no record, and were left out: "
            f"{len(bad)}.",
            "\n".join(lines),
        ]
    return document(parts)


def _machine(name: str, tables: Sequence[Table]) -> str:
    newest = Page("", [table for table in tables if table.machine == name]).newest
    return f"- {escaped(f'{name}: {hardware(newest)}')}; newest record {date(newest.started_at)}."


COLUMNS: list[Column[Page]] = [
    Column("dataset", lambda page: page.title, align="left", link=lambda page: page.name),
    Column("users", lambda page: page.newest.data.n_users, "{:,}".format),
    Column("items", lambda page: page.newest.data.n_items, "{:,}".format),
    Column("ratings", lambda page: page.newest.data.n_ratings, "{:,}".format),
    Column("splits", lambda page: len({table.split for table in page.tables})),
    Column("machines", lambda page: len({table.machine for table in page.tables})),
    Column("rows", lambda page: sum(len(table.rows) for table in page.tables)),
    Column("newest", lambda page: page.newest.started_at, date),
]
