"""The first page of a results folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.records import BadLine
from bench.report.files import MARK
from bench.report.layout import Column, markdown
from bench.report.machines import hardware
from bench.report.pages import machines
from bench.report.prose import notes
from bench.report.rows import Table
from bench.report.text import date, escaped, title

ABOUT = """\
One record per run is kept in `records/`, a file per machine, only ever appended to. Every page \
and plot beside that folder is made from the records by `bench report`, so an edit to a page is \
lost, and a row goes only when its record does.

- `make bench` runs the quick suite, where it has no record yet, and writes everything again.
- `bench run` adds records: other suites, datasets, devices, seeds (`bench run --help`).
- `bench report` writes the pages and plots again from the records.
- `docs/reading-the-tables.md` says what each column means and how it is measured."""


def index_page(pages: Mapping[str, Sequence[Table]], published: str, bad: Sequence[BadLine]) -> str:
    """The index; `pages`: file name -> the tables on that page."""
    parts = [MARK, "# Results", ABOUT]
    if pages:
        tables = [table for some in pages.values() for table in some]
        parts += ["## Datasets", _contents(pages)]
        parts += [
            "\n".join(dict.fromkeys(f"- {note}" for table in tables for note in notes(table)))
        ]
        if published:
            parts.append(f"Published numbers, and ours beside them: [published]({published}).")
        parts += ["## Machines", "\n".join(_machines(tables))]
    else:
        parts.append("Nothing is recorded yet: `make bench` makes the first tables.")
    if bad:
        parts += [
            "## Unreadable lines",
            f"Lines in `records/` that are no record, and were left out: {len(bad)}.",
            "\n".join(f"- {escaped(_told(line))}" for line in bad),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _contents(pages: Mapping[str, Sequence[Table]]) -> str:
    links, counts = [], []
    for page, tables in pages.items():
        newest = max((table.newest for table in tables), key=lambda record: record.started_at)
        links.append(f"[{escaped(title(tables[0].dataset))}]({page})")
        counts.append(
            (
                f"{newest.data.n_users:,}",
                f"{newest.data.n_items:,}",
                f"{newest.data.n_ratings:,}",
                str(len({table.split for table in tables})),
                str(len({table.machine for table in tables})),
                str(sum(len(table.rows) for table in tables)),
                date(newest.started_at),
            )
        )
    headers = ("users", "items", "ratings", "splits", "machines", "rows", "newest")
    columns = [
        Column(header, cells)
        for header, cells in zip(headers, zip(*counts, strict=True), strict=True)
    ]
    return markdown([Column("dataset", links, "left"), *columns])


def _machines(tables: Sequence[Table]) -> list[str]:
    lines = []
    for machine in machines(tables):
        newest = max(
            (table.newest for table in tables if table.machine == machine),
            key=lambda record: record.started_at,
        )
        lines.append(
            f"- {escaped(machine)}: {escaped(hardware(newest))}; newest record "
            f"{date(newest.started_at)}."
        )
    return lines


def _told(line: BadLine) -> str:
    return f"{line.path.name}:{line.number}: {line.problem}"
