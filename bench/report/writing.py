"""Everything under a results folder but its records, written from these."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.choose.outcome import Outcome
from bench.records import Record
from bench.report.choices import contents as contents_of_choices
from bench.report.choices import outcomes
from bench.report.files import (
    SITE,
    choice_page_name,
    generated,
    page_name,
    refuse_to_overwrite,
)
from bench.report.grouping import grouped, tables
from bench.report.growth import Growth, growth
from bench.report.pages.choose import choose_page
from bench.report.pages.cuda import speedup_page
from bench.report.pages.dataset import page
from bench.report.pages.growth import growth_page
from bench.report.pages.index import index_page
from bench.report.pages.published import published_page
from bench.report.pages.readme import with_block
from bench.report.pages.tuning import tuning_page
from bench.report.plots.anytime import anytime_plot
from bench.report.plots.cuda import batches_plot, ratings_plot
from bench.report.plots.curves import curves
from bench.report.plots.growth import growth_plot
from bench.report.plots.pareto import pareto
from bench.report.plots.style import Plot
from bench.report.rows import Table
from bench.report.speedup import Speedup, speedups
from bench.store import BadLine, RecordStore
from bench.tune import FOLDER
from datasets.atomic import replace_all

Change = Literal["new", "changed", "removed"]

OTHERS = {
    "cuda.md": "from what size CUDA pays",
    "growth.md": "how time and memory grow with the number of ratings",
    "published.md": "published numbers, and built-in implementations beside them",
    "tuning.md": "searches for hyperparameters",
}
"""Pages that are not of one dataset, and what is on them."""

NO_SITE = (
    "the page for people needs Altair and vl-convert, which are not installed: "
    "pip install 'ratebench[site]'"
)


def write(
    out: Path,
    *,
    readme: Path | None = None,
    stores: tuple[RecordStore, RecordStore] | None = None,
) -> dict[Path, Change]:
    """Write the index, the pages and the plots of `out`, the README's block and, where the extra
    `site` is installed, the page for people.

    stores  of the records and of the trials, where they were read before

    The same records give the same bytes. Pages and plots of earlier reports that no record
    calls for any more are removed; files that a report did not make are never touched.
    Returns the paths whose content is not what it was. Raises ValueError where a file that a
    report did not make has the name of a page, and where a file of records cannot be read;
    OSError where a file cannot be written: on a full disk nothing has changed.
    """
    found = results_of(out, stores)
    files = {out / name: text.encode() for name, text in _pages(found).items()}
    for plot in _plots(found):
        path = out / plot.path
        files[path] = plot.png(path.read_bytes() if path.is_file() else b"")
    if site := site_page(found):
        files[out / SITE] = site.encode()
    before = generated(out)
    refuse_to_overwrite(files.keys(), before)
    if readme and (text := with_block(readme, found.tables, out)):
        files[readme] = text.encode()
    changes = {path: change for path in files if (change := _change(path, files[path]))}
    replace_all({path: files[path] for path in changes})
    for path in sorted(before - files.keys()):
        path.unlink()
        changes[path] = "removed"
    return changes


def write_site(out: Path) -> Change | None:
    """Write the page for people alone, and return what that changed; None where it was as it is.

    Raises ValueError as `write`, and where the extra `site` is not installed; OSError.
    """
    text = site_page(results_of(out))
    if not text:
        raise ValueError(NO_SITE)
    path = out / SITE
    refuse_to_overwrite([path], generated(out))
    if change := _change(path, text.encode()):
        replace_all({path: text.encode()})
    return change


@dataclass(frozen=True)
class Results:
    """What every page is made of.

    out      the folder
    by_page  name of a dataset's page -> its tables
    """

    out: Path

    tables: Sequence[Table]
    by_page: Mapping[str, Sequence[Table]]
    growths: Sequence[Growth]
    speedups: Sequence[Speedup]
    trials: Sequence[Record]
    choices: Sequence[Outcome]
    bad: Sequence[BadLine]


def results_of(out: Path, stores: tuple[RecordStore, RecordStore] | None = None) -> Results:
    """Of the records, the trials and the choices of `out`. Raises ValueError where a file cannot
    be read.

    stores  of records and trials, where they were read before
    """
    (records, bad), (trials, bad_trials) = (store.read() for store in stores or stores_of(out))
    for line in (*bad, *bad_trials):
        if not line.number:  # the pages of its records would be removed
            raise ValueError(f"{line.path}: {line.problem}")
    every = tables(records)
    by_page = dict(sorted(grouped(every, lambda table: page_name(table.title)).items()))
    bad_lines = [*bad, *bad_trials]
    grown, pairs = growth(records), speedups(every)
    return Results(out, every, by_page, grown, pairs, trials, outcomes(out), bad_lines)


def site_page(found: Results) -> str:
    """The page for people; "" where the extra `site` is not installed."""
    if not can_make_site():
        return ""
    from bench.report.site.collect import site_of
    from bench.report.site.page import page as page_for_people

    parts = (found.by_page, found.growths, found.speedups, found.trials)
    return page_for_people(site_of(*parts, found.bad, found.choices))


def can_make_site() -> bool:
    """Whether the packages of the extra `site` are installed."""
    return all(importlib.util.find_spec(package) for package in ("altair", "vl_convert"))


def _pages(found: Results) -> dict[str, str]:
    """File name -> Markdown."""
    pages = {name: page(some) for name, some in found.by_page.items()}
    others = {
        "cuda.md": speedup_page(found.speedups) if found.speedups else "",
        "growth.md": growth_page(found.growths) if found.growths else "",
        "published.md": published_page(found.tables, found.choices),
        "tuning.md": tuning_page(found.trials),
    }
    pages |= {name: text for name, text in others.items() if text}
    contents = {name: OTHERS[name] for name in others if name in pages}
    choices = found.choices
    pages |= {choice_page_name(it.request.name): choose_page(it, found.out) for it in choices}
    contents |= contents_of_choices(choices)
    return pages | {"index.md": index_page(found.by_page, contents, found.bad)}


def _plots(found: Results) -> list[Plot]:
    plots = [plot for table in found.tables for plot in (curves(table), pareto(table))]
    plots += [growth_plot(each) for each in found.growths]
    plots += [anytime_plot(outcome) for outcome in found.choices]
    plots += [plot for each in found.speedups for plot in (ratings_plot(each), batches_plot(each))]
    return [plot for plot in plots if plot]


def stores_of(out: Path) -> tuple[RecordStore, RecordStore]:
    """Of the records and of the trials of `out`."""
    return RecordStore(out), RecordStore(out / FOLDER)


def described(changes: Mapping[Path, Change]) -> list[str]:
    """A line per page that changed; plots are counted."""
    pages = {path: change for path, change in changes.items() if path.suffix != ".png"}
    lines = [f"{path}: {change}" for path, change in pages.items()]
    plots = {path: change for path, change in changes.items() if path not in pages}
    folders = Counter((path.parent, change) for path, change in plots.items())
    lines += [
        f"{folder}: {n} plot{'s' * (n > 1)} {change}" for (folder, change), n in folders.items()
    ]
    return lines or ["nothing changed"]


def _change(path: Path, content: bytes) -> Change | None:
    """What writing the content changes; None where the file has it already."""
    if not path.exists():
        return "new"
    return None if path.read_bytes() == content else "changed"
