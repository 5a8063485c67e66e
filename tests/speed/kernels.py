"""Each kernel of this commit against that of an older one, in pairs within one run.

`python -m tests.speed.kernels 67bdf52` runs each row in both, six times each in a drawn order,
every run by the `bench run` of its own checkout, and prints the medians and the ratio of the pairs.
It takes half an hour, less with `--impl als` for one row, and wants a machine that does nothing
else.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from tabulate import tabulate

from bench.gate.trees import Repository
from bench.stats import ratio

CODE = "from bench.cli import main; main()"


@dataclass(frozen=True)
class Case:
    """A row on a dataset.

    epochs  None for a row without epochs
    cells   seeds; of several the wall time is measured, rather than an epoch
    """

    row: str
    dataset: str
    epochs: int | None
    cells: int = 1

    @property
    def name(self) -> str:
        what = "an epoch" if self.cells == 1 else f"a cell of {self.cells}"
        return f"{self.row}, {self.dataset}: {what}"


CASES = [
    Case("bayesian_mf", "ml-1m", 20),
    Case("bayesian_svdpp", "ml-100k", 20),
    Case("bayesian_svdpp", "ml-1m", 10),
    Case("als", "ml-1m", 10),
    Case("als", "synthetic-25m", 3),
    Case("numba_sgd", "ml-1m", 20),
    Case("numba_sgd", "synthetic-25m", 4),
    Case("autorec", "ml-1m", 4),
    Case("ncf", "ml-1m", 3),
    Case("embedding_mf", "ml-1m", 3),
    Case("global_mean", "synthetic-100k", None, cells=100),
]


def main(
    base: Annotated[str, typer.Argument(help="A commit.")],
    pairs: Annotated[int, typer.Option(min=2)] = 6,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    impl: Annotated[str, typer.Option(help="One row alone.")] = "",
) -> None:
    """Print a line for each case as it ends, then the table."""
    repository = Repository.around(Path(__file__).parent)
    shas = {"old": repository.revision(base).sha, "new": repository.revision("HEAD").sha}
    rows = []
    with repository.checked_out(shas) as trees:
        for case in (each for each in CASES if impl in ("", each.row)):
            seconds = dict(measured(case, trees, pairs, threads))
            old, new = ({n: s for (n, t), s in seconds.items() if t == tree} for tree in trees)
            gain = ratio(old, new).interval
            medians = [f"{1e3 * statistics.median(side.values()):.4g}" for side in (old, new)]
            rows.append([case.name, *medians, f"{gain.value:.2f} ({gain.low:.2f}–{gain.high:.2f})"])
            print(*rows[-1], flush=True)
    print(tabulate(rows, ["", f"{base}, ms", "now, ms", "times as fast"], "github"))


def measured(
    case: Case, trees: dict[str, Path], pairs: int, threads: int
) -> Iterator[tuple[tuple[int, str], float]]:
    """((pair, tree), seconds), after one run of each tree that compiles."""
    drawn = random.Random(0)
    for n in range(-1, pairs):
        for tree in drawn.sample([*trees], len(trees)):
            seconds = seconds_of(case, trees[tree], threads)
            if n >= 0:
                yield (n, tree), seconds


def seconds_of(case: Case, tree: Path, threads: int) -> float:
    """Of an epoch by the record of a run in that checkout, or of one of several cells."""
    options = [f"--impl={case.row}", f"--dataset={case.dataset}", f"--threads={threads}"]
    options += [f"--seeds={case.cells}", *([f"--epochs={case.epochs}"] if case.epochs else [])]
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", CODE, "run", *options, f"--out={out}"],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        wall_s = time.perf_counter() - began
        if case.cells > 1:
            return wall_s / case.cells
        [path] = Path(out, "records").glob("*.jsonl")
        return float(json.loads(path.read_text(encoding="utf-8"))["times"]["epoch_s"])


if __name__ == "__main__":
    typer.run(main)
