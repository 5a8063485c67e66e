"""Records to all that the page holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.choose.outcome import Outcome
from bench.records import Record
from bench.report.grouping import machines
from bench.report.growth import Growth
from bench.report.pages.published import published_numbers
from bench.report.pages.readme import headline
from bench.report.pages.tuning import searches
from bench.report.rows import Table
from bench.report.sentences import hardware
from bench.report.site.behind import finder
from bench.report.site.choices import searches_of
from bench.report.site.data import Site
from bench.report.site.grids import plain
from bench.report.site.others import cuda_of, growth_of, published_of, search_of
from bench.report.site.views import view_of
from bench.report.speedup import Speedup
from bench.store import BadLine


def site_of(
    pages: Mapping[str, Sequence[Table]],
    growths: Sequence[Growth],
    speedups: Sequence[Speedup],
    trials: Sequence[Record],
    bad: Sequence[BadLine],
    choices: Sequence[Outcome] = (),
) -> Site:
    """Of what the Markdown pages are made of.

    pages   name of the page of a dataset -> its tables, which are one view each
    trials  records of searches
    bad     lines that are no record
    """
    texts: dict[str, int] = {}
    every = [table for tables in pages.values() for table in tables]
    first = headline(every)
    find = finder(every)

    def place(text: str) -> int:
        return texts.setdefault(text, len(texts))

    views = [view_of(table, tables, place) for tables in pages.values() for table in tables]
    searched = [search_of(each, place) for each in (*searches(trials), *searches_of(choices))]
    return Site(
        views=views,
        machines={plain(name): plain(hardware(_newest(name, every))) for name in machines(every)},
        texts=list(texts),
        first=next((n for n, table in enumerate(every) if table is first), None),
        growths=[growth_of(each, find) for each in growths],
        cuda=[cuda_of(each, find) for each in speedups],
        published=[published_of(*each, find) for each in published_numbers(every).items()],
        searches=searched,
        bad=[plain(f"{it.path.name}{it.place}: {it.problem}") for it in bad],
    )


def _newest(machine: str, tables: Sequence[Table]) -> Record:
    records = (table.newest for table in tables if table.machine == machine)
    return max(records, key=lambda record: record.started_at)
