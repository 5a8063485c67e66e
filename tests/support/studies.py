"""What several tests search: a study, its default, and records of trials."""

from __future__ import annotations

from typing import Any

from bench.records import CellRecord, Point, Record
from bench.tune.study import Choices, Range, Study
from tests.support.records import record

STUDY = Study(
    name="s",
    description="",
    implementations=["numpy_sgd"],
    fixed={"epochs": 7},
    space={"factors": Choices(choices=[2, 4]), "rate": Range(low=0.001, high=1.0, log=True)},
)
DEFAULT = {"factors": 2, "rate": 0.5, "epochs": 3}


def started(*starts: dict[str, Any]) -> Study:
    return STUDY.model_copy(update={"starts": [*starts]})


def trial(number: int, rmse: float, settings: dict[str, Any], **changes: Any) -> Record:
    """Of a search for `ncf`, whose second of three epochs was the best."""
    cell = CellRecord(
        implementation="ncf",
        preset="default",
        hyperparameters={"epochs": 9, **settings},
        dataset="ml-100k",
        split="random:80/10/10",
        device="cpu",
        threads=1,
        seed=0,
        suite="tune:ncf",
    )
    curve = [Point(epoch=n, seconds=n, rmse=rmse + abs(n - 2), mae=1) for n in (1, 2, 3)]
    return record("ncf", **{"minute": number, "curve": curve, "cell": cell, **changes})
