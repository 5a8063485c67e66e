"""Outcomes of a choice without a run: models with trials, and final runs that differ as set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.choose import FOLDER
from bench.choose.outcome import (
    FINAL,
    GROWTH,
    REQUEST,
    SEARCH,
    Outcome,
    Request,
    Searched,
    outcome_of,
)
from bench.records import Point, Record
from tests.support.records import metrics, record, store

SPLIT, FINAL_SPLIT = "random:65/10/25", "random:75/25"
BLOCKS = 50


def model(
    name: str,
    *,
    test: float,
    default_test: float | None = None,
    validations: Sequence[float] = (0.90, 0.88),
    fit_s: float = 2.0,
    noise: float = 0.002,
    seeds: int = 3,
    maths: str = "",
    status: str = "ok",
    grows: Sequence[float] | None = None,
    val_noise: float | None = None,
    **fields: Any,
) -> tuple[Searched, list[Record]]:
    """The plan of a model, and the records of its trials and final runs.

    validations  the lowest validation RMSE of each trial, the default's first
    test         RMSE of the best trial's final runs, on average; `noise`: how much its blocks
                 differ, by the same random numbers for equal names alone
    val_noise    how much the parts of the validation part differ; None for no parts
    grows        the exponent of each seed's seconds over the ratings; None where not measured
    """
    plan = Searched(implementation=name, device="cpu", model=maths or name, rows=[name])
    trials = [
        _of(name, SEARCH, SPLIT, {"epochs": 9, "factors": 8 * (n + 1)}, 0, fields)
        | {"curve": _curve(lowest, fit_s), "fit_s": fit_s, "rmse": lowest, "minute": n}
        | {"val_blocks": _parts(lowest, val_noise, n)}
        for n, lowest in enumerate(validations)
    ]
    best = min(range(len(validations)), key=lambda n: validations[n])
    runs = []
    for n, rmse in {0: default_test or test, best: test}.items():
        for seed in range(seeds):
            rng = np.random.default_rng([*name.encode(), n, seed])
            values = {"epochs": 6, "factors": 8 * (n + 1)}
            blocks = (rmse**2 + noise * rng.normal(size=BLOCKS)).tolist()
            scores = metrics(rmse, [], blocks=blocks)
            changes = {"curve": [], "rmse": rmse, "metrics": scores, "status": status}
            changes |= {"fit_s": fit_s * (1 + rng.uniform(0, 0.02)), "minute": 20 + seed}
            runs.append(_of(name, FINAL, FINAL_SPLIT, values, seed, fields) | changes)
    for seed, exponent in enumerate(grows or []):
        for part, split in {0.25: "random:22/78", 0.5: "random:45/55"}.items():
            changes = {"metrics": metrics(test, [], n_test=int(100_000 * (1 - 0.9 * part)))}
            changes |= {"curve": [], "fit_s": fit_s * part**exponent, "minute": 30 + seed}
            values = {"epochs": 6, "factors": 8 * (best + 1)}
            runs.append(_of(name, GROWTH, split, values, seed, fields) | changes)
    return plan, [_record(each) for each in (*trials, *runs)]


def outcome(*models: tuple[Searched, list[Record]], **changes: Any) -> Outcome:
    """Of these models. `changes`: of the request."""
    fields: dict[str, Any] = {
        "name": "ratings",
        "dataset": "ratings.csv",
        "split": SPLIT,
        "final_split": FINAL_SPLIT,
        "minutes": 10.0,
        "goal": None,
        "seeds": 3,
        "threads": 2,
        "models": [plan for plan, _ in models],
        "fingerprint": "f1" * 8,
    }
    records = [each for _, records in models for each in records]
    return outcome_of(Request(**(fields | changes)), records)


def stored(out: Path, found: Outcome) -> Path:
    """`out`, with the request and the records of an outcome in it."""
    folder = out / FOLDER / found.request.name
    folder.mkdir(parents=True)
    (folder / REQUEST).write_text(found.request.model_dump_json(), encoding="utf-8")
    runs = [[t.record for t in m.trials] + [*m.best_runs, *m.default_runs] for m in found.models]
    store(folder, list({id(each): each for some in runs for each in some}.values()))
    return out


def _of(
    name: str, suite: str, split: str, values: dict[str, Any], seed: int, fields: dict[str, Any]
) -> dict[str, Any]:
    of = {"suite": suite, "split": split, "hyperparameters": values, "seed": seed}
    return {"implementation": name, "dataset": "ratings.csv", **of, **fields}


def _record(fields: dict[str, Any]) -> Record:
    suite = fields.pop("suite")
    found = record(**fields)
    found.cell.suite = suite
    return found


def _parts(lowest: float, noise: float | None, n: int) -> list[float]:
    if noise is None:
        return []
    return (lowest**2 + noise * np.random.default_rng(n).normal(size=BLOCKS)).tolist()


def _curve(lowest: float, fit_s: float) -> list[Point]:
    """Nine epochs, of which the sixth is the best."""
    above = [0.4, 0.2, 0.1, 0.04, 0.01, 0.0, 0.001, 0.003, 0.006]
    return [
        Point(epoch=n, seconds=fit_s * n / 9, rmse=lowest + each, mae=lowest)
        for n, each in enumerate(above, start=1)
    ]
