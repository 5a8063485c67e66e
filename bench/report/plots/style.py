"""What every plot shares: its look, its axes of time and RMSE, and how it becomes a PNG.

Distinct by marker and line style as well as by colour, so that it reads in greyscale.
The bytes depend on records and code alone: fonts, metadata and settings are fixed.
"""

from __future__ import annotations

import hashlib
import io
import math
import textwrap
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import records, stats
from bench.records import Record
from bench.report.files import MADE_BY
from bench.report.rows import Table
from bench.report.sentences import hardware
from datasets.printable import printable
from impls.registry import IMPLEMENTATIONS

# Okabe and Ito's colours, dark and light by turns. The three cycles have no common factor
# below 84 rows, so no two rows look alike.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", "h", ">")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # a name may hold a $
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
}
ROOM = 36
"""Characters of a label in a plot."""
REPORT = Path(__file__).parents[1]

END = b"IEND\xaeB`\x82"
"""Of a PNG that was written as a whole."""

LEAST_SECONDS = 1e-3
"""Closed forms take microseconds; drawn as such they would squeeze the curves aside.

Where models with epochs are that fast, too, a plot goes as far as they do."""


@dataclass(frozen=True)
class Plot:
    """A plot that is not drawn yet.

    path  in the results folder
    alt   what it shows, for who cannot see it
    note  how to read it, as Markdown
    draw  puts it on a matplotlib figure
    of    the records that it shows, where it depends on them alone; else None
    """

    path: str
    alt: str
    note: str
    draw: Callable[[Any], None]
    of: Sequence[Record] | None = None

    def image(self, folder: str = "") -> str:
        """The Markdown that shows it on a page beside `folder`, with the note below."""
        return "\n\n".join(filter(None, [f"![{self.alt}]({folder}{self.path})", self.note]))

    def png(self, before: bytes = b"") -> bytes:
        """The file. Drawing takes half a second, so it is `before` where the same code drew that of
        the same records."""
        mark = {"Source": self._digest()} if self.of is not None else {}
        if mark and before.endswith(END) and f"Source\0{mark['Source']}".encode() in before[:1000]:
            return before
        # Here, for the import takes most of a second. Not pyplot: it would pick a backend.
        from matplotlib import figure, rc_context, rcdefaults
        from matplotlib.text import Text

        with rc_context(), warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes.
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            rcdefaults()
            with rc_context(STYLE):
                canvas = figure.Figure(figsize=(10, 5.4), layout="constrained")
                self.draw(canvas)
                for text in canvas.findobj(Text):
                    text.set_text(printable(text.get_text()))
                file = io.BytesIO()
                canvas.savefig(file, format="png", dpi=110, metadata={"Software": MADE_BY, **mark})
        return file.getvalue()

    def _digest(self) -> str:
        """Of the records, the names on the plot, and all that draws it."""
        what = hashlib.sha256(_drawn_by().encode())
        # The order of the registry decides the look of a row.
        what.update(f"{[*IMPLEMENTATIONS]} {self.alt} {self.note}".encode())
        for record in self.of or ():
            what.update(record.to_line().encode())
        return what.hexdigest()[:16]


@cache
def _drawn_by() -> str:
    """The digest of the source of plots, of what they may import, and of records and statistics,
    with the versions of what draws. No plot imports a page or the site."""
    versions = [version(package) for package in ("matplotlib", "adjustText")]
    source = hashlib.sha256(repr(versions).encode())
    of_plots = sorted((*REPORT.glob("*.py"), *REPORT.glob("plots/*.py")))
    for path in [Path(records.__file__), Path(stats.__file__), *of_plots]:
        source.update(path.read_bytes())
    return source.hexdigest()


def look(style: int, *, hollow: bool = False) -> dict[str, Any]:
    """Colour, marker and dashes of the row at place `style`; hollow where not on the CPU."""
    return {
        "color": COLOURS[style % len(COLOURS)],
        "marker": MARKERS[style % len(MARKERS)],
        "linestyle": DASHES[style % len(DASHES)],
        "markerfacecolor": "white" if hollow else None,
    }


def time_axis(axes: Any, seconds: Sequence[float], least: float, label: str) -> None:
    """A log axis in plain seconds that has several labels however short its span.

    least  seconds: where all that is faster is drawn
    """
    from matplotlib.ticker import NullFormatter

    first, last = (max(end, least) for end in (min(seconds), max(seconds)))
    axes.set_xscale("log")
    axes.set_xlim(first / 2, last * 2)
    axes.xaxis.set_major_locator(log_ticks(*axes.get_xlim()))
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"{label}, seconds (log scale)")


def log_ticks(low: float, high: float) -> Any:
    """Several of a log axis from `low` to `high`, however short its span."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if high < 4 * low:  # powers of ten, twice and five times them: perhaps none lies inside
        return MaxNLocator(4, steps=[1, 2, 5, 10])
    return LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,))


def log_panel(axes: Any) -> None:
    """Both axes logarithmic, over a faint grid."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)


def frame(
    bests: Iterable[tuple[str, float]], levels: Sequence[float], air: float
) -> tuple[float, float]:
    """Lowest and highest RMSE in view: the levels, each implementation's best, and some air.

    global_mean lies so far above that the rows would fall on one line. So the top is `air`,
    a part of the spread, above the rows that beat it.
    """
    bests = list(bests)
    mean = min((best for name, best in bests if name == "global_mean"), default=math.inf)
    models = [best for _, best in bests if best < mean]
    inside = [*(models or [best for _, best in bests]), *levels]
    spread = max(max(inside) - min(inside), 0.01)
    return min(inside) - 0.08 * spread, max(inside) + air * spread


def heading(figure: Any, axes: Any, table: Table, what: str, foot: str) -> None:
    """The heading with the notes of the data, and the machine below, followed by `foot`."""
    text = f"{table.title}, {table.split}: {what}"
    notes = textwrap.wrap(table.newest.data.note, 110)
    axes.set_title("\n".join([text, *notes]), loc="left", fontsize=10)
    footer(figure, f"{hardware(table.newest)}. {foot}".rstrip())


def around(figure: Any, title: str, handles: Sequence[Any], record: Record) -> None:
    """The title and the legend of several panels, and the machine below."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right center", frameon=False, handlelength=3.2)
    footer(figure, hardware(record))


def footer(figure: Any, text: str) -> None:
    """A small line below the plot."""
    figure.supxlabel(text, fontsize=7.5, color="0.35", x=0.01, ha="left")


def short(label: str, among: Collection[str] = ()) -> str:
    """A row's label as a plot has room for it: its name, and of its settings the last ones; of
    a longer name its end, where rows differ.

    Where another of the labels `among` would be equal, both ends are shown, or all of it.
    """
    if len(label) <= ROOM:
        return label
    for form in (_end, _both_ends):
        if not any(other != label and form(other) == form(label) for other in among):
            return form(label)
    return label


def _end(label: str) -> str:
    name, _, settings = label.partition(" ")
    room = ROOM - len(f"{name} …")
    if settings and room >= ROOM // 3:
        return f"{name} …{settings[-room - 1 :].partition(' ')[2] or settings[-room:]}"
    return f"…{label[1 - ROOM :]}"


def _both_ends(label: str) -> str:
    return f"{label[: ROOM // 2]}…{label[1 - ROOM // 2 :]}"
