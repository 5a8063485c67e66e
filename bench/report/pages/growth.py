"""The page on growth: seconds per epoch and peak memory by number of ratings."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records import Record
from bench.report.files import MARK
from bench.report.growth import (
    Growth,
    Trend,
    base_bytes,
    epoch_s,
    grown_bytes,
    peak_bytes,
)
from bench.report.layout import Column, Footnotes, markdown
from bench.report.machines import caption
from bench.report.metrics import Figure
from bench.report.text import NOTHING, escaped, significant, slug
from bench.roofline.bound import work_of
from bench.roofline.work import RATING
from bench.stats import Interval

ABOUT = """\
The synthetic sets have the same make at every size: users, items and ratings grow together, and \
the density falls. A row stands here where it ran on two of them or more, with equal \
hyperparameters and threads; `bench run --suite scale` runs them all.

The exponent e says that a figure grows like nᵉ with the number n of ratings: it is the slope of \
the least-squares line through the logarithms, and ± its 95 % t interval, which tells how far the \
points are from a straight line and not how a repeat would differ. Points: the sizes that have \
the figure. Fewer than three give no exponent."""

MEMORY = """\
**Peak memory**, MB: the highest resident memory of the process; 1 MB is 10⁶ bytes. Base is the \
part of it that no rating is to blame for: resident after the warm-up, less the ratings, so the \
interpreter, the libraries and compiled code. It is nearly the same at every size and would \
flatten the exponent, so the exponent is that of the peak *less the base*. The last column holds \
the whole peak, base included, against what nothing can do without: the training ratings, \
12 bytes each, and the parameters in float32."""


def growth_page(growths: Sequence[Growth]) -> str:
    """The page. `growths`: at least one."""
    parts = [MARK, "# Growth", "[All results](index.md)", ABOUT]
    for growth in growths:
        threads = " / ".join(str(n) for n in sorted({r.cell.threads for r in growth.records}))
        parts += [
            f"## Machine {escaped(growth.machine)}, {escaped(growth.split)}",
            f"{escaped(caption(growth.records))} Threads: {threads}.",
            f"![Seconds per epoch and peak memory over ratings]({growth_plot_name(growth)})",
            *_times(growth),
            *_memory(growth),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def growth_plot_name(growth: Growth) -> str:
    """The plot's path in the results folder."""
    return f"plots/growth-{slug(growth.split)}-{slug(growth.machine)}.png"


def _times(growth: Growth) -> list[str]:
    notes = Footnotes()
    table = markdown(
        [
            *_names(growth),
            *_sizes(growth, epoch_s, 1, notes),
            *_exponents(growth.trends, epoch_s),
        ]
    )
    about = "**Seconds per epoch**: medians of a run; for a model without epochs the whole fit."
    return [about, table, "\n".join(notes.lines())]


def _memory(growth: Growth) -> list[str]:
    notes = Footnotes()
    largest = max(growth.names)
    table = markdown(
        [
            *_names(growth),
            Column("base", [_largest(trend.medians(base_bytes)) for trend in growth.trends]),
            *_sizes(growth, peak_bytes, 1e6, notes),
            *_exponents(growth.trends, grown_bytes),
            Column(
                f"peak / (ratings + parameters), {growth.names[largest]}",
                [_times_over(trend, largest) for trend in growth.trends],
            ),
        ]
    )
    return [MEMORY, table, "\n".join(notes.lines())]


def _names(growth: Growth) -> list[Column]:
    columns = [Column("implementation", [escaped(t.label) for t in growth.trends], "left")]
    if len({trend.kind for trend in growth.trends}) > 1:
        columns.append(Column("device", [trend.kind for trend in growth.trends], "left"))
    return columns


def _sizes(growth: Growth, figure: Figure, unit: float, notes: Footnotes) -> list[Column]:
    """A column for each size; a cell without the figure says what became of the run."""
    return [
        Column(name, [_cell(trend, size, figure, unit, notes) for trend in growth.trends])
        for size, name in growth.names.items()
    ]


def _cell(trend: Trend, size: int, figure: Figure, unit: float, notes: Footnotes) -> str:
    if size not in trend.runs:
        return NOTHING
    runs = trend.runs[size]
    marks = "" if runs.any_ok else notes.marks(runs.remarks)
    value = trend.medians(figure).get(size)
    told = NOTHING if value is None else significant(value / unit)
    return told + marks


def _exponents(trends: Sequence[Trend], figure: Figure) -> list[Column]:
    found = [trend.exponent(figure) for trend in trends]
    points = [len(trend.medians(figure)) for trend in trends]
    return [
        Column("exponent", [_exponent(each) for each in found]),
        Column("points", [str(n) for n in points]),
    ]


def _exponent(found: Interval | None) -> str:
    return f"{found.value:.2f} ± {found.half:.2f}" if found else NOTHING


def _largest(medians: dict[int, float]) -> str:
    return significant(medians[max(medians)] / 1e6) if medians else NOTHING


def _times_over(trend: Trend, size: int) -> str:
    value = trend.medians(_peak_over_least).get(size)
    return f"{value:.1f}×" if value is not None else NOTHING


def _peak_over_least(record: Record) -> float | None:
    work, peak = work_of(record), peak_bytes(record)
    if work is None or peak is None or not (record.metrics and record.metrics.n_train):
        return None
    return peak / (RATING * record.metrics.n_train + work.parameters)
