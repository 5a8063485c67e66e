"""Everything under a results folder but its records, written from these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bench.report.choices import contents as contents_of_choices
from bench.report.choices import outcomes
from bench.report.files import choice_page_name, generated, page_name, refuse_to_overwrite
from bench.report.grouping import tables
from bench.report.growth import growth
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
from bench.report.rows import Table
from bench.report.speedup import speedups
from bench.store import RecordStore
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


def write(
    out: Path,
    *,
    readme: Path | None = None,
    stores: tuple[RecordStore, RecordStore] | None = None,
) -> dict[Path, Change]:
    """Write the index, the pages and the plots of `out`, and the README's block.

    stores  of the records and of the trials, where they were read before

    The same records give the same bytes. Pages and plots of earlier reports that no record
    calls for any more are removed; files that a report did not make are never touched.
    Returns the paths whose content is not what it was. Raises ValueError where a file that a
    report did not make has the name of a page, and where a file of records cannot be read;
    OSError where a file cannot be written: on a full disk nothing has changed.
    """
    store, trials = stores or stores_of(out)
    records, bad = store.read()
    every = tables(records)
    by_page: dict[str, list[Table]] = {}
    for table in every:
        by_page.setdefault(page_name(table.title), []).append(table)
    by_page = dict(sorted(by_page.items()))
    growths, pairs = growth(records), speedups(every)
    trial_records, bad_trials = trials.read()
    for line in (*bad, *bad_trials):
        if not line.number:  # the pages of its records would be removed
            raise ValueError(f"{line.path}: {line.problem}")

    pages = {name: page(some) for name, some in by_page.items()}
    others = {
        "cuda.md": speedup_page(pairs) if pairs else "",
        "growth.md": growth_page(growths) if growths else "",
        "published.md": published_page(every),
        "tuning.md": tuning_page(trial_records),
    }
    pages |= {name: text for name, text in others.items() if text}
    contents = {name: OTHERS[name] for name in others if name in pages}
    choices = outcomes(out)
    pages |= {choice_page_name(it.request.name): choose_page(it, growths) for it in choices}
    contents |= contents_of_choices(choices)
    pages["index.md"] = index_page(by_page, contents, [*bad, *bad_trials])

    files = {out / name: text.encode() for name, text in pages.items()}
    plots = [plot for table in every for plot in (curves(table), pareto(table))]
    plots += [growth_plot(each) for each in growths]
    plots += [anytime_plot(outcome) for outcome in choices]
    plots += [plot for each in pairs for plot in (ratings_plot(each), batches_plot(each))]
    files |= {out / plot.path: plot.png() for plot in plots if plot}
    before = generated(out)
    refuse_to_overwrite(files.keys(), before)
    if readme and (text := with_block(readme, every, out)):
        files[readme] = text.encode()
    changes = {path: change for path in files if (change := _change(path, files[path]))}
    replace_all({path: files[path] for path in changes})
    for path in sorted(before - files.keys()):
        path.unlink()
        changes[path] = "removed"
    return changes


def stores_of(out: Path) -> tuple[RecordStore, RecordStore]:
    """Of the records and of the trials of `out`."""
    return RecordStore(out), RecordStore(out / FOLDER)


def described(changes: Mapping[Path, Change]) -> list[str]:
    """A line per page that changed; plots are counted."""
    pages = {path: change for path, change in changes.items() if path.suffix == ".md"}
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
