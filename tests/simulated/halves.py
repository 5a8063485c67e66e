"""How often one row differs from itself: false alarms of `bench compare A A` in stored records.

`python -m tests.simulated.halves FOLDER --group 12` takes every row's runs in groups of 12 seeds,
compares the halves of each group as the command does, and prints how many differ.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import scipy.stats
import typer
from tabulate import tabulate

from bench.report.comparison import FEWEST_TO_HALVE, findings, halves, of_seeds
from bench.report.grouping import tables
from bench.report.rows import Line, Table
from bench.store import RecordStore

TIME, ACCURACY, EITHER = "any time", "RMSE", "any of these"


def main(
    folder: Annotated[Path, typer.Argument(help="As --out of `bench run`.")],
    group: Annotated[int, typer.Option(min=FEWEST_TO_HALVE, help="Seeds of a pair.")] = 12,
) -> None:
    """Print a line for the fit time, each goal, any of the times, and the RMSE."""
    records, _ = RecordStore(folder).read()
    of, differ = counted(tables(records), group)
    if not of:
        sys.exit(f"{folder}: no row has figures of {group} seeds")
    rows = [[figure, differ[figure], n, _interval(differ[figure], n)] for figure, n in of.items()]
    print(tabulate(rows, ["figure", "differ", "of", "95 % interval"], tablefmt="github"))


def counted(every: list[Table], group: int) -> tuple[Counter[str], Counter[str]]:
    """Figure -> comparisons of two halves, and those that say that they differ.

    group  seeds of a comparison; what is left of a row is left out
    """
    of: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    for table in every:
        for line in (part for each in table.lines for part in _groups(each, group)):
            found = {each.figure: each.differs for each in findings(table, *halves(line))}
            found[TIME] = any(differs for each, differs in found.items() if each != ACCURACY)
            found[EITHER] = found[TIME] or found[ACCURACY]
            of.update(found.keys())
            differ.update(figure for figure, differs in found.items() if differs)
    return of, differ


def _groups(line: Line, group: int) -> Iterator[Line]:
    seeds = line.runs.seeds
    for start in range(0, len(seeds) - group + 1, group):
        yield of_seeds(line, seeds[start : start + group])


def _interval(count: int, of: int) -> str:
    """Clopper and Pearson's."""
    interval = scipy.stats.binomtest(count, of).proportion_ci(0.95)
    return f"{100 * count / of:.1f} % ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


if __name__ == "__main__":
    typer.run(main)
