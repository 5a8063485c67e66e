"""What the harness gives a worker: a job and rating arrays; and the predictions it gets back.

Nothing here imports more than NumPy, so that a worker starts fast. Test ratings have
no place in a job: the worker gets the test pairs after training, and returns predictions.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.planning.rules import Rules
from datasets.ratings import HeldOut, Ratings, Split

DTYPES: dict[str, Any] = {"users": np.int32, "items": np.int32, "values": np.float32}

WARM_UP_RATINGS = 1000
"""How many ratings of the training part the warm-up is given."""

DIGEST_BYTES = 32
"""SHA-256, at the end of every file: no disk that loses a part of one goes unnoticed."""

ENOUGH = "enough"
"""The order that ends the training of a job, which its `began_ns` follows."""

LOST_PIPE = 87
"""Exit code of a worker that cannot report, since its row closed the pipe."""


@dataclass(frozen=True)
class Job:
    """One cell as its worker sees it. `arrays` is the folder that `write_split` filled; in the job
    that a worker gets, a folder of its own, into which `hand_over` puts each part in its turn.
    `source` is the digest of the row's source, "" where nothing depends on it.
    `core` is the one that its process stays on; None for any. `blocks` is the number of parts of
    the validation ratings whose squared errors it reports; 0 for none. After a job that has `more`,
    its worker waits for another one. `began_ns` is the reading of the clock from which a later one
    of them counts; None for the first, which counts from the start of its process."""

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
    source: str = ""
    core: int | None = None
    blocks: int = 0
    more: bool = False
    began_ns: int | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        fields["rules"] = Rules(**fields["rules"])
        fields["scale"] = tuple(fields["scale"])
        return cls(**fields)


class HarnessError(Exception):
    """The harness cannot do its part of a cell: no fault of the row, which gets no record."""


class StorageError(HarnessError):
    """What harness and worker exchange cannot be stored, or is not what was stored."""


class ChangedFolderError(StorageError):
    """Something is in the place of a file to be written, or its folder is gone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the folder {folder} changed while the harness used it")


def write_split(split: Split, folder: Path) -> None:
    """Lay out what a worker sees while it trains: train and validation ratings, and the sample for
    its warm-up. Raises StorageError.

    In the sample each rating belongs to another pair: nothing can be learnt from it.
    """
    sample = split.train.sample(WARM_UP_RATINGS, split.seed)
    mixed = np.random.default_rng(split.seed).permutation(sample.values)
    sample = replace(sample, values=mixed)
    for name, part in (
        ("sample", sample),
        ("train", split.train),
        ("validation", split.validation),
    ):
        for column in DTYPES:
            _write(folder / f"{name}.{column}", getattr(part, column))


def hand_over(parts: Sequence[str], laid_out: Path, worker: Path) -> None:
    """Put parts of a split that is laid out into the worker's own folder: the same files under
    another name, or copies where the file system has no links. Raises StorageError."""
    for name in (f"{part}.{column}" for part in parts for column in DTYPES):
        try:
            os.link(laid_out / name, worker / name)
        except (FileExistsError, FileNotFoundError) as error:
            raise ChangedFolderError(worker) from error
        except OSError:
            with (laid_out / name).open("rb") as file:
                _create(worker / name, [file.read()])


def write_pairs(test: HeldOut, folder: Path) -> None:
    """Lay out the test pairs whose user and item are known, without their ratings. Raises
    StorageError."""
    for column in ("users", "items"):
        _write(folder / f"test.{column}", getattr(test, column)[test.known])


def write_predictions(predicted: NDArray[np.float32], folder: Path) -> None:
    """Answer `write_pairs`. Raises StorageError."""
    _write(folder / "predicted", predicted)


def read_predictions(folder: Path, n_known: int) -> NDArray[np.float32]:
    """What the worker predicted for `write_pairs`' pairs, (n_known,). Raises StorageError."""
    return _read(folder / "predicted", np.dtype(np.float32), n_known)


def check_storage(folder: Path, n: int) -> None:
    """Raises StorageError where not even the harness can store and read `n` numbers there."""
    path = folder / "check"
    _write(path, np.zeros(n, np.float32))
    _read(path, np.dtype(np.float32), n)


def read_sample(job: Job) -> Ratings:
    """What the warm-up is given: its ids are contiguous, so that they give their numbers. Raises
    StorageError."""
    users, items, values = (read_column(job.arrays, "sample", name) for name in DTYPES)
    n_users, n_items = (int(ids.max(initial=-1)) + 1 for ids in (users, items))
    return Ratings(users, items, values, n_users, n_items, job.scale)


def read_train(job: Job) -> Ratings:
    """The training part, in arrays that nothing can make writeable. Raises StorageError."""
    users, items, values = (read_column(job.arrays, "train", name) for name in DTYPES)
    return Ratings(users, items, values, job.n_users, job.n_items, job.scale)


def read_validation(job: Job) -> HeldOut:
    """The validation part; raises StorageError."""
    users, items, values = (read_column(job.arrays, "validation", name) for name in DTYPES)
    return HeldOut(users, items, values)


def read_column(folder: str, part: str, column: str) -> NDArray[Any]:
    """One array of a part. An array over `bytes` cannot be made writeable. Raises StorageError."""
    return _read(Path(folder) / f"{part}.{column}", np.dtype(DTYPES[column]))


def _write(path: Path, array: NDArray[Any]) -> None:
    """The array, then its digest. `ndarray.tofile` would not raise where the disk is full, and a
    part of the array be trained on."""
    content = np.ascontiguousarray(array).data.cast("B")
    _create(path, [content, hashlib.sha256(content).digest()])


def _create(path: Path, contents: Sequence[bytes | memoryview]) -> None:
    """Write a new file. What is in its place, such as a row's link to a file elsewhere, is neither
    followed nor written to. Raises StorageError, ChangedFolderError."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as opened:
            for content in contents:
                opened.write(content)
    except (FileExistsError, FileNotFoundError) as error:
        raise ChangedFolderError(path.parent) from error
    except OSError as error:
        remedy = "free space there, or set TMPDIR to a folder that has it"
        if error.errno == errno.EFBIG:
            remedy = "raise the limit that `ulimit -f` shows"
        raise StorageError(
            f"the harness cannot write to {path.parent}: {error.strerror}; {remedy}"
        ) from error


def digest_of(array: NDArray[Any]) -> str:
    """SHA-256 of the array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).data.cast("B")).hexdigest()


def _read(path: Path, dtype: np.dtype[Any], n: int | None = None) -> NDArray[Any]:
    """What `_write` wrote: `n` numbers, or any number. Whatever lies in its place, this ends."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb", buffering=0) as opened:
            state = os.fstat(file)
            wanted = state.st_size if n is None else n * dtype.itemsize + DIGEST_BYTES
            if not stat.S_ISREG(state.st_mode) or state.st_size != wanted:
                found = f"{state.st_size:,} bytes, not {wanted:,}"
                raise StorageError(f"{path.name} is not the file that was written: {found}")
            content = opened.readall()
    except OSError as error:
        raise StorageError(f"{path.name} cannot be read: {error.strerror}") from error
    numbers = memoryview(content)[:-DIGEST_BYTES]
    if hashlib.sha256(numbers).digest() != content[len(numbers) :]:
        raise StorageError(f"{path.name} is not what was written: its digest differs")
    return np.frombuffer(content, dtype, len(numbers) // dtype.itemsize)
