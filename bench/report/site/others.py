"""What the page holds beside its views: growth, CUDA, published numbers, searches."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records import mean_by_seed
from bench.report.growth import Growth, Trend, epoch_s, grown_bytes, peak_bytes
from bench.report.metrics import Figure
from bench.report.pages import cuda as cuda_page
from bench.report.pages import growth as growth_page
from bench.report.pages import published as published_page
from bench.report.pages.published import Beside
from bench.report.pages.tuning import Search
from bench.report.rows import Runs, device_kind
from bench.report.sentences import caption, notes
from bench.report.site import data
from bench.report.site.behind import Find
from bench.report.site.command import command_parts
from bench.report.site.grids import grid, plain
from bench.report.site.prose import prose
from bench.report.site.views import Place, commit_of
from bench.report.speedup import Curve, Speedup, over_batches, over_ratings
from bench.stats import median_interval


def growth_of(growth: Growth, find: Find) -> data.Growth:
    """The tables of `growth.md` and the medians behind its plot."""
    return data.Growth(
        machine=plain(growth.machine),
        split=plain(growth.split),
        about=prose(growth_page.about(growth), growth_page.ABOUT),
        trends=[_trend(trend, find) for trend in growth.trends],
        seconds=grid(growth_page.time_columns(growth), growth.trends),
        memory=grid(growth_page.memory_columns(growth), growth.trends),
    )


def _trend(trend: Trend, find: Find) -> data.Trend:
    sizes = [
        data.Size(
            size,
            find(runs),
            _median(runs, epoch_s, 1),
            _median(runs, peak_bytes, 1e6),
            _median(runs, grown_bytes, 1e6),
        )
        for size, runs in sorted(trend.runs.items())
    ]
    return data.Trend(plain(trend.label), trend.kind, trend.style, sizes)


def _median(runs: Runs, figure: Figure, unit: float) -> list[float]:
    """As the tables have it, and the ends of its interval over seeds where it has one."""
    if (middle := runs.middle(figure)) is None:
        return []
    it = median_interval(mean_by_seed(runs.records, figure).values())
    ends = [it.low, it.high] if it.level is not None else []
    return [value / unit for value in (middle, *ends)]


def cuda_of(speedup: Speedup, find: Find) -> data.Cuda:
    """The table of `cuda.md` and the curves of its plots."""
    rows = {id(pair.compared): n for n, pair in enumerate(speedup.pairs)}
    looks = {label: n for n, label in enumerate(dict.fromkeys(p.label for p in speedup.pairs))}

    def curve(of: Curve) -> data.Speedups:
        points = [
            data.Faster(
                size,
                (it := compared.interval).value,
                rows[id(compared)],
                *([it.low, it.high] if it.level is not None else []),
            )
            for size, compared in of.points
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
        behind=[[*find(pair.cpu), *find(pair.cuda)] for pair in speedup.pairs],
        by_ratings=[curve(each) for each in over_ratings(speedup)],
        by_batch={
            plain(dataset): [curve(each) for each in curves]
            for dataset, curves in over_batches(speedup).items()
        },
    )


def published_of(machine: str, found: Sequence[Beside], find: Find) -> data.Published:
    """The table of `published.md` for one machine."""
    return data.Published(
        machine=plain(machine),
        about=prose(*published_page.about(found), published_page.ABOUT),
        grid=grid(published_page.COLUMNS, found),
        behind=[find(each.runs) for each in found],
    )


def search_of(search: Search, place: Place) -> data.Search:
    """The best trials, as `tuning.md` has them, and all of them."""
    first = search.trials[0]
    cell = first.cell
    return data.Search(
        name=plain(search.name),
        implementation=plain(cell.implementation),
        dataset=plain(search.dataset),
        split=plain(cell.split),
        machine=plain(search.machine),
        about=prose(search.about, search.made_by, caption(search.trials)),
        model=plain(cell.model),
        device=device_kind(cell.device),
        seed=cell.seed,
        threads=cell.threads,
        command=list(command_parts(first, cell.seed + 1, search.varied)),
        fixed={n: v for n, v in cell.hyperparameters.items() if n not in search.varied},
        pinned=cell.pinned,
        varied=[plain(name) for name in search.varied],
        trials=[_trial(search, n, place) for n in range(len(search.trials))],
        grid=grid(search.columns, search.shown),
    )


def _trial(search: Search, n: int, place: Place) -> data.Trial:
    trial, best = search.trials[n], search.best.get(n)
    return data.Trial(
        rmse=best.rmse if best else None,
        epoch=best.epoch if best else None,
        fit_s=trial.times.fit_s if trial.times else None,
        status=trial.status,
        values=[f"{trial.cell.hyperparameters.get(name)}" for name in search.varied],
        commit=place(commit_of(trial)),
        reasons=[place(plain(trial.reason))] if trial.status != "ok" and trial.reason else [],
    )
