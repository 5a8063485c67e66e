"""How far the model that `bench choose` finds in ten minutes is from the best of ten times as many.

`python -m tests.simulated.regret FOLDER SET …` searches on each set, a name of the catalog or a
file, on one thread, for 10 minutes, then goes on from there to 100, and prints what both found on
the test part. What a model's search gained on its default is checked, too. An interrupted run goes
on: FOLDER has the choices.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tabulate import tabulate

from bench.choose import FOLDER
from bench.choose.command import name_of
from bench.choose.outcome import Outcome, read
from bench.choose.recommendation import Candidate, difference, names, recommend, scored

MINUTES = (10, 100)

COLUMNS = ["ratings", "chosen in 10", "test RMSE", "lowest of 100", "its test RMSE", "regret"]


def main(folder: str, *sets: str) -> None:
    rows = []
    for data in sets:
        name = name_of(data)
        few, many = (found(Path(folder), data, minutes) for minutes in MINUTES)
        rows.append(row(name, few, many))
        for minutes, outcome in zip(MINUTES, (few, many), strict=True):
            print(f"{name}, {minutes} minutes: worse than its default: {list(worse(outcome))}")
    print(tabulate(rows, COLUMNS, tablefmt="github"))


def found(folder: Path, data: str, minutes: int) -> Outcome:
    """The outcome of that many minutes; more of them go on from a copy of the fewer ones."""
    out, before = folder / str(minutes), folder / str(MINUTES[0])
    choice = out / FOLDER / name_of(data)
    if not choice.exists() and out != before:
        shutil.copytree(before / FOLDER / name_of(data), choice)
    options = ["--split=random:75/25", f"--minutes={minutes}", "--threads=1", f"--out={out}"]
    command = [Path(sys.executable).with_name("bench"), "choose", data, *options]
    subprocess.run(command, check=True)
    return read(choice)


def row(name: str, few: Outcome, many: Outcome) -> list[str]:
    """The model that the fewer minutes recommend, beside the lowest of all that the more found."""
    chosen, lowest = recommend(few), recommend(many)
    assert chosen
    assert lowest
    took, best = chosen.chosen, lowest.best
    return [
        name,
        took.name,
        figure(took),
        best.name,
        figure(best),
        f"{100 * regret(took, best):.2f} %",
    ]


def regret(took: Candidate, best: Candidate) -> float:
    """As a share of the lowest test RMSE."""
    return took.rmse.value / best.rmse.value - 1


def figure(candidate: Candidate) -> str:
    return f"{candidate.rmse.value:.4f}"


def worse(outcome: Outcome) -> Iterable[str]:
    """Models whose best configuration has a higher test RMSE than their default, beyond noise."""
    for name, model in names(outcome).items():
        best, default = scored(model.best_runs), scored(model.default_runs)
        gap = difference(best, default) if best and default else None
        if gap and gap.low > 0:
            yield f"{name} by {gap.value:.4f}, {gap.low:.4f} to {gap.high:.4f}"


if __name__ == "__main__":
    main(*sys.argv[1:])
