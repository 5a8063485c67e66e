"""The page on growth: seconds per epoch and peak memory by number of ratings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.records import Record
from bench.report.files import MARK
from bench.report.formats import significant
from bench.report.growth import Growth, Trend, base_bytes, epoch_s, grown_bytes, peak_bytes
from bench.report.markdown import document, escaped, markdown_table
from bench.report.metrics import Figure
from bench.report.plots.growth import growth_plot
from bench.report.rows import Runs
from bench.report.sentences import caption
from bench.report.tables import Column
from bench.roofline.bound import work_of
from bench.roofline.work import RATING
from bench.stats import Interval

ABOUT = """\
The synthetic datasets are made in the same way at every size: users, items and ratings grow \
together, and the density falls. A row stands here where it ran on two of them or more, with \
equal hyperparameters and threads; `bench run --suite scale` runs them all.

The exponent e says that a figure grows like nᵉ with the number n of ratings: it is the slope of \
the least-squares line through the logarithms, and ± its 95 % t interval, which shows how far the \
points are from a straight line and not how a repeat would differ. Points: the sizes that have \
the figure. Fewer than three give no exponent."""

SECONDS = "**Seconds per epoch**: medians of a run; for a model without epochs the whole fit."
MEMORY = """\
**Peak memory**, MB: the highest resident memory of the process; 1 MB is 10⁶ bytes. Base is the \
part of it that does not depend on the ratings: resident after the warm-up, less the ratings, so \
the interpreter, the libraries and compiled code. It is nearly the same at every size and would \
flatten the exponent, so the exponent is that of the peak *less the base*. The last column holds \
what nothing can do without at the largest size: the training ratings, 12 bytes each, and the \
parameters in float32."""


def growth_page(growths: Sequence[Growth]) -> str:
    """The page. `growths`: at least one."""
    parts = [MARK, "# Growth", "[All results](index.md)", ABOUT]
    for growth in growths:
        parts += [
            f"## Machine {escaped(growth.machine)}, {escaped(growth.split)}",
            about(growth),
            growth_plot(growth).image(),
            SECONDS,
            markdown_table(time_columns(growth), growth.trends),
            MEMORY,
            markdown_table(memory_columns(growth), growth.trends),
        ]
    return document(parts)


def about(growth: Growth) -> str:
    """The machine, and the threads."""
    threads = " / ".join(str(n) for n in sorted({r.cell.threads for r in growth.records}))
    return f"{caption(growth.records)} Threads: {threads}."


def time_columns(growth: Growth) -> list[Column[Trend]]:
    """Seconds per epoch at each size, and how they grow."""
    return [*_names(growth), *_sizes(growth, epoch_s, 1), *_exponent(epoch_s)]


def memory_columns(growth: Growth) -> list[Column[Trend]]:
    """Peak memory at each size, and how it grows."""
    largest = max(growth.names)
    return [
        *_names(growth),
        Column("base", _base, lambda value: significant(value / 1e6)),
        *_sizes(growth, peak_bytes, 1e6),
        *_exponent(grown_bytes),
        Column(
            f"ratings + parameters, {growth.names[largest]}",
            lambda trend: trend.medians(_least_bytes).get(largest),
            lambda value: significant(value / 1e6),
        ),
    ]


def _names(growth: Growth) -> list[Column[Trend]]:
    columns: list[Column[Trend]] = [
        Column("implementation", lambda trend: trend.label, align="left"),
        Column("device", lambda trend: trend.kind, align="left"),
    ]
    return columns if len({trend.kind for trend in growth.trends}) > 1 else columns[:1]


def _sizes(growth: Growth, figure: Figure, unit: float) -> list[Column[Trend]]:
    """A column for each size; a footnote says why a cell has no figure."""
    column = Column[Runs](
        "",
        lambda runs: runs.middle(figure),
        lambda value: significant(value / unit),
        remarks=lambda runs: [] if runs.any_ok else runs.remarks,
    )
    return [column.of(partial(_at, size), name) for size, name in growth.names.items()]


def _at(size: int, trend: Trend) -> Runs | None:
    return trend.runs.get(size)


def _exponent(figure: Figure) -> list[Column[Trend]]:
    return [
        Column("exponent", lambda trend: trend.exponent(figure), _plus_minus),
        Column("points", lambda trend: len(trend.medians(figure))),
    ]


def _plus_minus(exponent: Interval) -> str:
    return f"{exponent.value:.2f} ± {exponent.half:.2f}"


def _base(trend: Trend) -> float | None:
    """At the largest size that has it."""
    return next(reversed(trend.medians(base_bytes).values()), None)


def _least_bytes(record: Record) -> float | None:
    work = work_of(record)
    if work is None or not (record.metrics and record.metrics.n_train):
        return None
    return RATING * record.metrics.n_train + work.parameters
