"""How often `bench choose` is right on generated ratings whose best model is known, run for real.

`python -m tests.simulated.real_choices 20` makes that many choices between two models that are
truly tied, and as many with a third one that is truly better by 1 % (tests/support/known_truth.py),
each on a set of its own. It takes two minutes for each set.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.choose import FOLDER
from bench.choose.outcome import read
from bench.choose.recommendation import Recommendation, recommend
from tests.simulated.choices import claims
from tests.support import known_truth
from tests.support.known_truth import Better, TiedA, TiedB

MINUTES = 2


def main(sets: int = known_truth.SEEDS) -> None:
    if sets > known_truth.SEEDS:
        sys.exit(f"{sets} sets: the models know {known_truth.SEEDS}, and of others only the mean")
    found: Counter[str] = Counter()
    for seed in range(sets):
        with tempfile.TemporaryDirectory() as folder:
            ratings = Path(folder) / "ratings.csv"
            known_truth.write(ratings, seed)
            of_tie = chosen(ratings, "tie", [TiedA, TiedB])
            of_all = chosen(ratings, "all", [TiedA, TiedB, Better])
        found.update(claims(of_tie, of_all, Better.__name__))
        print(f"{seed + 1} sets: {', '.join(f'{claim} {found[claim]}' for claim in found)}")


def chosen(ratings: Path, name: str, models: Sequence[type]) -> Recommendation:
    """What `bench choose` recommends, by the records that it leaves."""
    rows = [f"--impl={known_truth.__file__}:{model.__name__}" for model in models]
    out = ratings.with_name(name)
    options = ["--split=random:75/25", f"--minutes={MINUTES}", "--threads=1", f"--out={out}"]
    command = [Path(sys.executable).with_name("bench"), "choose", ratings, *rows, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    outcome = read(out / FOLDER / ratings.stem)
    found = recommend(outcome)
    assert outcome.is_complete, "the minutes were too few for all final runs"
    assert found
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
