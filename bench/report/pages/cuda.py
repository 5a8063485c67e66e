"""The page on CUDA: where it pays, and every cell that ran on both devices."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.files import MARK
from bench.report.layout import Column, Footnotes, markdown
from bench.report.machines import caption
from bench.report.metrics import mean, rmse
from bench.report.pages.cuda_lines import Line, over_batches, over_ratings
from bench.report.rows import Runs
from bench.report.speedup import Pair, Speedup, seconds_per_epoch
from bench.report.text import NOTHING, error, escaped, signed, significant, slug, times, title

AGREED = 0.002
"""How far the RMSE on CUDA may be from that on the CPU with the same seed."""

ABOUT = f"""\
A line of the table is one cell on the CPU and on CUDA of one machine: the same implementation, \
hyperparameters, dataset, split and seeds. Speed-up: median seconds per epoch on the CPU over \
those on CUDA, so above 1 CUDA is faster. Threads are the CPU's; where a cell ran with several \
numbers of them, each device has its fastest. Difference: test RMSE on CUDA less that on the CPU, \
of the seed with the largest; it is to be at most {AGREED:g} either way. There is none where a \
fit did not end well on both.

`bench run --suite cuda` runs the cells, `docs/reading-the-tables.md` says how to read this page, \
and `docs/cuda.md` why a GPU is often slower here."""


def speedup_page(speedups: Sequence[Speedup]) -> str:
    """The page. `speedups`: at least one."""
    parts = [MARK, "# CUDA beside the CPU", "[All results](index.md)", ABOUT]
    for speedup in speedups:
        parts += [
            f"## Machine {escaped(speedup.machine)}, {escaped(speedup.split)}",
            escaped(caption(speedup.records)),
            *_notes(speedup),
            *_pays(speedup),
            f"![Speed-up over the number of ratings]({ratings_plot_name(speedup)})",
        ]
        if plot := batches_plot_name(speedup):
            parts.append(f"![Speed-up over the batch size]({plot})")
        parts += _table(speedup.pairs)
    return "\n\n".join(part for part in parts if part) + "\n"


def ratings_plot_name(speedup: Speedup) -> str:
    """The path of the plot over the number of ratings in the results folder."""
    return _plot_name(speedup, "ratings")


def batches_plot_name(speedup: Speedup) -> str:
    """The path of the plot over the batch size; "" where nothing ran with two of them."""
    return _plot_name(speedup, "batches") if over_batches(speedup) else ""


def _plot_name(speedup: Speedup, over: str) -> str:
    return f"plots/cuda-{over}-{slug(speedup.split)}-{slug(speedup.machine)}.png"


def _notes(speedup: Speedup) -> list[str]:
    """What must be said beside every figure, such as that other data stands in; bold."""
    said = dict.fromkeys(record.data.note for record in speedup.records)
    return [f"**{escaped(note)}**" for note in said if note]


def _pays(speedup: Speedup) -> list[str]:
    """From what size on an epoch is shorter on CUDA: a sentence, and a list by batch size."""
    told = "; ".join(_from_size(line, " ratings") for line in over_ratings(speedup))
    parts = [f"**From what size CUDA pays**, that is, is faster and stays so: {told}."]
    if panels := over_batches(speedup):
        listed = (
            f"- {escaped(dataset)}: {'; '.join(_from_size(line, '') for line in lines)}"
            for dataset, lines in panels.items()
        )
        parts += ["And from what batch size, on the same data:", "\n".join(listed)]
    return parts


def _from_size(line: Line, unit: str) -> str:
    name = escaped(line.name)
    if line.pays_from is not None:
        return f"{name} from {line.pays_from:,}{unit}"
    size, best = max(line.points, key=lambda point: point[1])
    never = "not for good" if best > 1 else "never"
    return f"{name} {never} here (at best {times(best)}, at {size:,}{unit})"


def _table(pairs: Sequence[Pair]) -> list[str]:
    notes = Footnotes()
    gaps = [pair.rmse_gap for pair in pairs]
    table = markdown(
        [
            Column("implementation", [escaped(pair.label) for pair in pairs], "left"),
            Column("batch", [f"{pair.batch:,}" if pair.batch else NOTHING for pair in pairs]),
            Column("dataset", [escaped(title(pair.dataset)) for pair in pairs], "left"),
            Column("ratings", [f"{pair.n_ratings:,}" for pair in pairs]),
            Column("threads", [str(pair.cpu.records[0].cell.threads) for pair in pairs]),
            Column("epoch s (CPU)", [_seconds(pair.cpu, notes) for pair in pairs]),
            Column("epoch s (CUDA)", [_seconds(pair.cuda, notes) for pair in pairs]),
            Column("speed-up", [times(pair.speedup) for pair in pairs]),
            Column("test RMSE (CPU)", [error(mean(pair.cpu, rmse)) for pair in pairs]),
            Column("test RMSE (CUDA)", [error(mean(pair.cuda, rmse)) for pair in pairs]),
            Column("difference", [NOTHING if gap is None else signed(gap) for gap in gaps]),
            Column(f"≤ {AGREED:g}", [_agreed(gap) for gap in gaps], "left"),
        ]
    )
    return [table, "\n".join(notes.lines())]


def _seconds(runs: Runs, notes: Footnotes) -> str:
    """Of an epoch, with what became of the runs."""
    seconds = seconds_per_epoch(runs)
    told = NOTHING if seconds is None else significant(seconds)
    return told + notes.marks(runs.remarks)


def _agreed(gap: float | None) -> str:
    """Whether the gap, as the table shows it, is as small as was agreed."""
    if gap is None:
        return NOTHING
    return "yes" if round(abs(gap), 4) <= AGREED else "no"
