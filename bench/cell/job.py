"""What the harness gives a worker: a job and rating arrays; and the predictions it gets back.

Nothing here imports more than NumPy, so that a worker starts fast. Test ratings have
no place in a job: the worker gets the test pairs after training, and returns predictions.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.planning.rules import Rules
from datasets.ratings import HeldOut, Ratings, Split

DTYPES: dict[str, Any] = {"users": np.int32, "items": np.int32, "values": np.float32}

LOST_PIPE = 87
"""Exit code of a worker that cannot report, since its row closed the pipe."""


@dataclass(frozen=True)
class Job:
    """One cell as its worker sees it. `arrays` is the folder that
    `write_split` filled."""

    class_path: str
    hyperparameters: dict[str, Any]
    device: str
    seed: int
    threads: int
    arrays: str
    n_users: int
    n_items: int
    scale: tuple[float, float]
    rules: Rules

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        fields["rules"] = Rules(**fields["rules"])
        fields["scale"] = tuple(fields["scale"])
        return cls(**fields)


def write_split(split: Split, folder: Path) -> None:
    """Lay out what a worker sees while it trains: train and validation ratings."""
    for name, part in (("train", split.train), ("validation", split.validation)):
        for column in DTYPES:
            getattr(part, column).tofile(folder / f"{name}.{column}")


def write_pairs(test: HeldOut, folder: Path) -> None:
    """Lay out the test pairs whose user and item are known, without their ratings."""
    for column in ("users", "items"):
        getattr(test, column)[test.known].tofile(folder / f"test.{column}")


def read_predictions(folder: Path, n_known: int) -> NDArray[np.float32] | None:
    """What the worker predicted for `write_pairs`' pairs, (n_known,); None where it did not."""
    try:
        predicted = np.fromfile(folder / "predicted", np.float32)
    except OSError:
        return None
    return predicted if len(predicted) == n_known else None


def read_train(job: Job) -> Ratings:
    """The training part, in arrays that nothing can make writeable."""
    users, items, values = (read_column(job.arrays, "train", name) for name in DTYPES)
    return Ratings(users, items, values, job.n_users, job.n_items, job.scale)


def read_validation(job: Job) -> HeldOut:
    users, items, values = (read_column(job.arrays, "validation", name) for name in DTYPES)
    return HeldOut(users, items, values)


def read_column(folder: str, part: str, column: str) -> NDArray[Any]:
    """One array of a part. An array over `bytes` cannot be made writeable."""
    return np.frombuffer((Path(folder) / f"{part}.{column}").read_bytes(), DTYPES[column])
