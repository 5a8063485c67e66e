"""The cache folder, and the parsed datasets stored in it as columns."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from datasets.assemble import fingerprint
from datasets.atomic import replacing
from datasets.errors import DataWarning
from datasets.ratings import Dataset, Ratings
from datasets.reading.report import Reading

FORMAT = 3
"""Increased whenever parsing, order or layout change, so that older files are written again."""

LONGEST = 100
"""Characters of a dataset's name in a file name, which may have 255 with all else."""

FINGERPRINTED = {"users", "items", "values", "user_ids", "item_ids"}

Stamp = list[Any]
"""The origin of a dataset, as JSON; a cached copy is used only under an equal stamp."""


def folder() -> Path:
    """`$RATEBENCH_CACHE`, else the platform's cache folder. It need not exist."""
    named = os.environ.get("RATEBENCH_CACHE")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("ratebench")


def writable(place: Path) -> bool:
    """Create the folder; False where no file can be written to it."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def holds(name: str, stamp: Stamp) -> bool:
    """Whether a file is stored under this name and origin; it is not read."""
    return _path(name, stamp).is_file()


def load(name: str, stamp: Stamp) -> Dataset | None:
    """The dataset stored under this name and stamp; None if there is none, or, after a warning,
    where it is not what was stored."""
    path = _path(name, stamp)
    try:
        return _load(path, name, stamp)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except Exception as error:  # a damaged file makes NumPy and zipfile raise nearly anything
        warnings.warn(
            f"{path} in the cache is damaged ({type(error).__name__}): {name} is parsed again",
            DataWarning,
            stacklevel=2,
        )
        return None


def _load(path: Path, name: str, stamp: Stamp) -> Dataset | None:
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        if about["format"] != FORMAT or about["stamp"] != json.dumps(stamp):
            return None
        arrays = {key: stored[key] for key in stored.files if key not in ("about", "digest")}
        if str(stored["digest"]) != _digest(about, arrays):
            raise ValueError("the digest is of other content")
    ratings = Ratings(
        arrays["users"],
        arrays["items"],
        arrays["values"],
        len(arrays["user_ids"]),
        len(arrays["item_ids"]),
        (about["scale"][0], about["scale"][1]),
    )
    if fingerprint(ratings, arrays["user_ids"], arrays["item_ids"]) != about["fingerprint"]:
        raise ValueError("the fingerprint is of other ratings")
    return Dataset(
        name,
        ratings,
        arrays["user_ids"],
        arrays["item_ids"],
        about["fingerprint"],
        arrays.get("timestamps"),
        about["duplicates"],
        about["floor"],
        {fold: arrays[f"fold {fold}"] for fold in about["folds"]},
        Reading.from_json(about["reading"]) if about["reading"] else None,
        arrays.get("moments"),
    )


def _digest(about: dict[str, Any], arrays: dict[str, Any]) -> str:
    """Of what the fingerprint does not cover."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays.keys() - FINGERPRINTED):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def store(dataset: Dataset, stamp: Stamp) -> None:
    """Store a dataset for `load`. A folder that cannot be written is a warning, no more."""
    about = {
        "format": FORMAT,
        "stamp": json.dumps(stamp),
        "scale": dataset.ratings.scale,
        "fingerprint": dataset.fingerprint,
        "duplicates": dataset.duplicates,
        "floor": dataset.floor,
        "folds": list(dataset.folds),
        "reading": dataset.reading and dataclasses.asdict(dataset.reading),
    }
    about = json.loads(json.dumps(about))  # as it is read again
    columns: dict[str, Any] = {
        "users": dataset.ratings.users,
        "items": dataset.ratings.items,
        "values": dataset.ratings.values,
        "user_ids": dataset.user_ids,
        "item_ids": dataset.item_ids,
        **{f"fold {name}": is_test for name, is_test in dataset.folds.items()},
    }
    if dataset.timestamps is not None:
        columns["timestamps"] = dataset.timestamps
    if dataset.moments is not None:
        columns["moments"] = dataset.moments
    columns |= {"digest": _digest(about, columns), "about": json.dumps(about)}
    try:
        with replacing(_path(dataset.name, stamp)) as new, new.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)
    except OSError as error:
        warnings.warn(
            f"{dataset.name} cannot be stored in the cache folder {folder()} ({error}) and will "
            "be parsed again next time; set RATEBENCH_CACHE to a folder that can be written",
            DataWarning,
            stacklevel=2,
        )


def _path(name: str, stamp: Stamp) -> Path:
    """One file for each dataset and origin; a changed source replaces it."""
    origin = hashlib.sha256(os.fsencode(str(stamp[0]))).hexdigest()[:12]
    part = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:LONGEST]
    return folder() / "columns" / f"{part}-{origin}.npz"
