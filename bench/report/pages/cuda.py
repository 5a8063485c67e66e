"""The page on CUDA: where it pays, and every cell that ran on both devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

from bench.report.files import MARK
from bench.report.formats import signed, significant, times
from bench.report.growth import epoch_s
from bench.report.markdown import document, escaped, markdown_table
from bench.report.metrics import with_level
from bench.report.plots.cuda import batches_plot, ratings_plot
from bench.report.rows import Runs
from bench.report.sentences import caption, more_repeats, notes
from bench.report.speedup import Curve, Pair, Speedup, over_batches, over_ratings
from bench.report.tables import TEST_RMSE, Column

AGREED = 0.002
"""How far the RMSE on CUDA may be from that on the CPU with the same seed."""

ABOUT = f"""\
A line of the table is one cell on the CPU and on CUDA of one machine: the same implementation, \
hyperparameters, dataset, split and seeds. Speed-up: seconds per epoch on the CPU over \
those on CUDA, so above 1 CUDA is faster; in brackets its 95 % interval; — for one seed, which has \
none. Threads are the CPU's; where a cell ran with several \
numbers of them, each device has its fastest. Difference: test RMSE on CUDA less that on the CPU, \
of the seed with the largest; it should be at most {AGREED:g} either way. There is none where a \
fit did not end well on both.

`bench run --suite cuda` runs the cells, `docs/reading-the-tables.md` says how to read this page, \
and `docs/cuda.md` why a GPU is often slower here."""


def speedup_page(speedups: Sequence[Speedup]) -> str:
    """The page. `speedups`: at least one."""
    parts = [MARK, "# CUDA beside the CPU", "[All results](index.md)", ABOUT]
    for speedup in speedups:
        batches = batches_plot(speedup)
        parts += [
            f"## Machine {escaped(speedup.machine)}, {escaped(speedup.split)}",
            caption(speedup.records),
            *notes(speedup.records),
            *pays(speedup),
            ratings_plot(speedup).image(),
            batches.image() if batches else "",
            markdown_table(COLUMNS, speedup.pairs),
        ]
    return document(parts)


def pays(speedup: Speedup) -> list[str]:
    """From what size on an epoch is shorter on CUDA: a sentence, and a list by batch size."""
    if not any(with_level(pair.speedup) for pair in speedup.pairs):
        return [
            f"**One run of each cell has no interval** (`{more_repeats(speedup.split)}` gives "
            "one), so no speed-up is stated, nor from what size CUDA pays; a point of the plots is "
            "one run."
        ]
    sizes = "; ".join(_from_size(curve, " ratings") for curve in over_ratings(speedup))
    parts = [
        f"**From what size CUDA pays**, that is, is faster beyond noise and stays so: {sizes}."
    ]
    if panels := over_batches(speedup):
        listed = (
            f"- {escaped(dataset)}: {'; '.join(_from_size(curve, '') for curve in curves)}"
            for dataset, curves in panels.items()
        )
        parts += ["And from what batch size, on the same data:", "\n".join(listed)]
    return parts


def _from_size(curve: Curve, unit: str) -> str:
    name = escaped(curve.name)
    if curve.pays_from is not None:
        return f"{name} from {curve.pays_from:,}{unit}"
    stated = [(size, each) for size, each in curve.points if with_level(each.interval)]
    if not stated:
        return f"{name} is not known (one run of each)"
    size, best = max(stated, key=lambda point: point[1].interval.value)
    never = "not for good" if best.differs and best.interval.value > 1 else "never"
    return f"{name} {never} here (at best {times(best.interval)}, at {size:,}{unit})"


def _agreed(gap: float) -> str:
    """Whether the gap, as the table shows it, is as small as it should be."""
    return "yes" if round(abs(gap), 4) <= AGREED else "no"


CPU: Callable[[Pair], Runs] = attrgetter("cpu")
CUDA: Callable[[Pair], Runs] = attrgetter("cuda")
EPOCH_S = Column[Runs](
    "epoch s", lambda runs: runs.middle(epoch_s), significant, remarks=lambda runs: runs.remarks
)
COLUMNS: list[Column[Pair]] = [
    Column("implementation", lambda pair: pair.label, align="left"),
    Column("batch", lambda pair: pair.batch, "{:,}".format),
    Column("dataset", lambda pair: pair.dataset, align="left"),
    Column("ratings", lambda pair: pair.n_ratings, "{:,}".format),
    Column("threads", lambda pair: pair.cpu.records[0].cell.threads),
    EPOCH_S.of(CPU, "epoch s (CPU)"),
    EPOCH_S.of(CUDA, "epoch s (CUDA)"),
    Column("speed-up", lambda pair: with_level(pair.speedup), times, more_is_better=True),
    TEST_RMSE.of(CPU, "test RMSE (CPU)"),
    TEST_RMSE.of(CUDA, "test RMSE (CUDA)"),
    Column("difference", lambda pair: pair.rmse_gap, signed),
    Column(f"≤ {AGREED:g}", lambda pair: pair.rmse_gap, _agreed, align="left"),
]
