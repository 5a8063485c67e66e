"""Everything under a results folder but its records, made again from these."""

from __future__ import annotations

from pathlib import Path

from bench.report.files import generated, refuse_to_overwrite
from bench.report.grouping import tables
from bench.report.growth import growth
from bench.report.pages.cuda import batches_plot_name, ratings_plot_name, speedup_page
from bench.report.pages.dataset import curves_name, page, page_name, pareto_name
from bench.report.pages.growth import growth_page, growth_plot_name
from bench.report.pages.index import index_page
from bench.report.pages.published import published_page
from bench.report.pages.readme import block, with_block
from bench.report.pages.tuning import tuning_page
from bench.report.plots.cuda import batches_plot, ratings_plot
from bench.report.plots.curves import curves
from bench.report.plots.growth import growth_plot
from bench.report.plots.pareto import pareto
from bench.report.rows import Table
from bench.report.speedup import speedups
from bench.store import RecordStore
from bench.tune import FOLDER
from datasets.atomic import replace

CUDA = "cuda.md"
GROWTH = "growth.md"
PUBLISHED = "published.md"
TUNING = "tuning.md"
OTHERS = {
    CUDA: "from what size CUDA pays",
    GROWTH: "how time and memory grow with the number of ratings",
    PUBLISHED: "published numbers, and ours beside them",
    TUNING: "searches for hyperparameters",
}
"""Pages that are not of one dataset, and what is on them."""


def write(out: Path, *, readme: Path | None = None) -> list[Path]:
    """Write the index, the pages and the plots of `out`, and the README's block.

    The same records give the same bytes. Pages and plots of earlier reports that no record
    asks for any more are removed; files that a report did not make are never touched.
    Returns the paths written. Raises ValueError where a file that is not ours has the name
    of a page.
    """
    records, bad = RecordStore(out).read()
    made = tables(records)
    by_page: dict[str, list[Table]] = {}
    for table in made:
        by_page.setdefault(page_name(table.dataset), []).append(table)
    by_page = dict(sorted(by_page.items()))

    content = {name: page(some).encode() for name, some in by_page.items()}
    if growths := growth(records):
        content[GROWTH] = growth_page(growths).encode()
        content |= {growth_plot_name(each): growth_plot(each) for each in growths}
    content |= _cuda(made)
    if published := published_page(made):
        content[PUBLISHED] = published.encode()
    trials, bad_trials = RecordStore(out / FOLDER).read()
    if tuning := tuning_page(trials):
        content[TUNING] = tuning.encode()
    others = {name: OTHERS[name] for name in OTHERS if name in content}
    content["index.md"] = index_page(by_page, others, [*bad, *bad_trials]).encode()
    for table in made:
        if drawn := curves(table):
            content[curves_name(table)] = drawn
        if drawn := pareto(table):
            content[pareto_name(table)] = drawn

    paths = {out / name: text for name, text in content.items()}
    ours = generated(out)
    refuse_to_overwrite(paths.keys(), ours)
    for path, text in paths.items():
        replace(path, text)
    for path in ours - paths.keys():
        path.unlink()
    return [*paths, *_write_readme(readme, made, out)]


def _cuda(made: list[Table]) -> dict[str, bytes]:
    """The page that sets CUDA beside the CPU, and its plots; nothing where no cell ran on both."""
    found = speedups(made)
    content = {CUDA: speedup_page(found).encode()} if found else {}
    for each in found:
        content[ratings_plot_name(each)] = ratings_plot(each)
        if drawn := batches_plot(each):
            content[batches_plot_name(each)] = drawn
    return content


def _write_readme(readme: Path | None, made: list[Table], out: Path) -> list[Path]:
    if readme is None or not readme.exists():
        return []
    text = with_block(readme.read_bytes().decode(), block(made, out, readme))
    if text is None:
        return []
    replace(readme, text.encode())
    return [readme]
