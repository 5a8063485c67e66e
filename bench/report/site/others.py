"""What the page holds beside its views: growth, CUDA, published numbers, searches."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.growth import Growth, Trend, epoch_s, grown_bytes, peak_bytes
from bench.report.metrics import Figure
from bench.report.pages import cuda as cuda_page
from bench.report.pages import growth as growth_page
from bench.report.pages import published as published_page
from bench.report.pages.published import Beside
from bench.report.pages.tuning import Search
from bench.report.sentences import caption, notes
from bench.report.site import data
from bench.report.site.grids import grid, plain
from bench.report.site.prose import prose
from bench.report.speedup import Curve, Speedup, over_batches, over_ratings


def growth_of(growth: Growth) -> data.Growth:
    """The tables of `growth.md` and the medians behind its plot."""
    return data.Growth(
        machine=plain(growth.machine),
        split=plain(growth.split),
        about=prose(growth_page.about(growth), growth_page.ABOUT),
        trends=[_trend(trend) for trend in growth.trends],
        seconds=grid(growth_page.time_columns(growth), growth.trends),
        memory=grid(growth_page.memory_columns(growth), growth.trends),
    )


def _trend(trend: Trend) -> data.Trend:
    def medians(figure: Figure, unit: float) -> dict[int, float]:
        return {size: value / unit for size, value in trend.medians(figure).items()}

    seconds, peak, grown = medians(epoch_s, 1), medians(peak_bytes, 1e6), medians(grown_bytes, 1e6)
    sizes = [
        data.Size(size, seconds.get(size), peak.get(size), grown.get(size))
        for size in sorted(trend.runs)
    ]
    return data.Trend(plain(trend.label), trend.kind, trend.style, sizes)


def cuda_of(speedup: Speedup) -> data.Cuda:
    """The table of `cuda.md` and the curves of its plots."""
    looks = {label: n for n, label in enumerate(dict.fromkeys(p.label for p in speedup.pairs))}

    def curve(of: Curve) -> data.Speedups:
        points = [
            data.Faster(size, it.value, *([it.low, it.high] if it.level is not None else []))
            for size, it in of.points
        ]
        return data.Speedups(plain(of.name), looks[of.label], points)

    return data.Cuda(
        machine=plain(speedup.machine),
        split=plain(speedup.split),
        about=prose(
            *notes(speedup.records),
            *cuda_page.pays(speedup),
            cuda_page.ABOUT,
            caption(speedup.records),
        ),
        grid=grid(cuda_page.COLUMNS, speedup.pairs),
        by_ratings=[curve(each) for each in over_ratings(speedup)],
        by_batch={
            plain(dataset): [curve(each) for each in curves]
            for dataset, curves in over_batches(speedup).items()
        },
    )


def published_of(machine: str, found: Sequence[Beside]) -> data.Published:
    """The table of `published.md` for one machine."""
    return data.Published(
        machine=plain(machine),
        about=prose(*published_page.about(found), published_page.ABOUT),
        grid=grid(published_page.COLUMNS, found),
    )


def search_of(search: Search) -> data.Search:
    """The best trials, as `tuning.md` has them, and all of them for a plot."""
    first = search.trials[0]
    return data.Search(
        name=plain(search.name),
        implementation=plain(first.cell.implementation),
        dataset=plain(search.dataset),
        split=plain(first.cell.split),
        machine=plain(search.machine),
        about=prose(search.about, search.made_by, caption(search.trials)),
        varied=[plain(name) for name in search.varied],
        trials=[_trial(search, n) for n in range(len(search.trials))],
        grid=grid(search.columns, search.shown),
    )


def _trial(search: Search, n: int) -> data.Trial:
    trial, best = search.trials[n], search.best.get(n)
    return data.Trial(
        rmse=best.rmse if best else None,
        epoch=best.epoch if best else None,
        fit_s=trial.times.fit_s if trial.times else None,
        status=trial.status,
        values=[trial.cell.hyperparameters.get(name) for name in search.varied],
    )
