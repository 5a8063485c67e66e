"""Final runs: each in a process of its own, on training and validation parts together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.choose.outcome import Spent, Trial
from datasets import splits
from datasets.errors import DataError

UNMEASURED_S = 5.0
"""Of a final run whose model has no trial yet, and the least of a first trial: the start of a
process, its compilation and a short fit. On ml-100k and 2 cores final runs took 0.5 to 14 s each,
5 on average."""

BESIDE_S = 0.5
"""Of a process, beside what counts: reading ratings, predictions, checks, its end."""

COMPILES = 2
"""Times that a model is compiled for them: what is compiled in a sandbox is stored by another run,
and after that nothing is compiled."""

LIMIT, LEAST_LIMIT_S = 3.0, 20.0
"""How many times as long as expected a run may train, and the least limit: one that hangs, as
LIBMF's do now and then, takes the seconds of the runs after it."""

VALIDATION = 10
"""Per cent of all ratings that are taken from the training part for validation, where a split has
no validation part."""

LEAVE_LAST_GROWTH = 1.2
"""Of a set of some seven ratings a user, of which leave-last takes two; less where users have
more."""


def splits_of(name: str) -> tuple[str, str]:
    """The split of the search, which has a validation part, and that of the final runs, which has
    the same test part and no validation part. Raises DataError for one that has no such two."""
    if name == splits.LEAVE_LAST:
        return name, splits.LEAVE_LAST_TEST
    if splits.is_given(name):
        shares = f"{100 - VALIDATION}/{VALIDATION}"
        return (f"{name}:{shares}" if name == splits.GIVEN else name), splits.GIVEN
    if (k := splits.folds(name)) is not None:
        raise DataError(
            f"split {name} is {k} cuts, and bench choose searches and compares on one",
            f"Use {_like_a_fold(k)}, whose test part is as large as that of a fold; --cut 1, "
            "--cut 2 … are other cuts",
        )
    found = re.fullmatch(r"(random|time):(\d+)/(?:(\d+)/)?(\d+)", name)
    if found is None:
        raise DataError(
            f"bench choose has no validation part for split {name}",
            "Use random:80/10/10, random:75/25, time:80/10/10 or other shares, leave-last, or a "
            "file of test ratings by --test",
        )
    kind, train, validation, test = found[1], int(found[2]), int(found[3] or 0), int(found[4])
    if not validation:
        train, validation = train - VALIDATION, VALIDATION
    if train <= 0:
        raise DataError(
            f"split {name} leaves no ratings for training beside {validation} % for validation",
            "Give a larger training part",
        )
    return f"{kind}:{train}/{validation}/{test}", f"{kind}:{train + validation}/{test}"


def _like_a_fold(k: int) -> str:
    """A random split with the test part of one of `k` folds."""
    test = max(1, round(100 / k))
    return f"random:{100 - test}/{test}"


def growth(split: str) -> float:
    """How many times as many ratings the final runs are fitted on as the trials are."""
    if split == splits.LEAVE_LAST:
        return LEAVE_LAST_GROWTH
    train, validation, *_ = map(int, split.partition(":")[2].split("/"))
    return (train + validation) / train


def least_s(n_models: int, n_probes: int, seeds: int) -> float:
    """Seconds that a choice takes at least, before anything is measured: of each model a first
    trial and its final runs, and the short fits that find the quickest rows."""
    return UNMEASURED_S * (n_models * (1 + seeds) + n_probes)


def run_s(first: Spent, trial: Trial, grown: float, *, compiles: bool) -> float:
    """Seconds of one final run of the trial's hyperparameters, as far as trials tell.

    first  of the model's first trial, which started a process and compiled
    grown  how many times as many ratings it is fitted on
    """
    fit_s = grown * (trial.best.seconds if trial.best else 0.0)
    predict_s = trial.spent.evaluation_s / max(1, len(trial.record.curve))
    start_s = first.start_s + (first.compile_s if compiles else 0.0)
    return start_s + fit_s + predict_s + BESIDE_S


def limit_s(fit_s: float) -> float:
    """Training seconds after which a run ends whose fit was expected to take `fit_s`."""
    return LEAST_LIMIT_S + LIMIT * fit_s


def cost_s(first: Spent, runs: Sequence[tuple[Trial, int]], grown: float) -> float:
    """Seconds of a model's final runs.

    runs  trials whose hyperparameters have final runs, and how many each
    """
    each = [trial for trial, n in runs for _ in range(n)]
    return sum(run_s(first, t, grown, compiles=n < COMPILES) for n, t in enumerate(each))
