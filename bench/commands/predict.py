"""`bench predict`: predictions for a list of raw user–item pairs."""

from __future__ import annotations

import contextlib
import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.commands import terminal
from bench.commands.terminal import UsageError
from bench.planning import loading
from bench.planning.availability import device_problem, row_problem
from bench.planning.hyperparameters import SettingError, parse_settings, resolve
from bench.score import ColdStart, check_predictions
from datasets import catalog, splits
from datasets.ratings import UNKNOWN, HeldOut
from datasets.reading.dialect import columns_by_name
from datasets.reading.layout import Layout
from impls.protocol import Implementation, Training, rmse_of

PATIENCE = 5
"""Epochs without a better held-out RMSE, as in the suites."""


def predict(
    name: str,
    dataset: str,
    pairs: Path,
    preset: str,
    set_: list[str],
    device: str,
    seed: int,
    output: Path | None,
) -> None:
    """Write user, item, prediction, cold_start for each pair, as CSV, to `output`, else to
    standard output.

    Nine tenths of the ratings train the model, and one tenth chooses its epoch. Predictions
    are clipped to the scale; `cold_start` is 1 where training had no such user or item, so that
    the prediction is the fallback of `bench.score.ColdStart`. Raises UsageError, DataError,
    ImplementationError or SettingError.
    """
    if problem := device_problem(device):
        raise SettingError(f"--device {device}: {problem}")
    raw = read_pairs(pairs)
    # "random:90/10" holds out a test part; here it is what chooses the epoch.
    split = splits.cut(catalog.load(dataset), "random:90/10", seed)
    model = _model(name, preset, parse_settings(set_).get(name, {}), device, seed)
    model.fit(split.train, Training(model, split.test, patience=PATIENCE))

    users = _indices([user for user, _ in raw], split.user_ids)
    items = _indices([item for _, item in raw], split.item_ids)
    requested = HeldOut(users, items, np.zeros(len(raw), np.float32))
    known = requested.known
    predicted = check_predictions(model.predict(users[known], items[known]), int(known.sum()))
    complete = np.clip(ColdStart(split.train).complete(requested, predicted), *split.train.scale)
    terminal.note(
        f"{name}:{preset} trained on {len(split.train):,} ratings of {dataset}, "
        f"RMSE {rmse_of(model, split.test):.4f} on the {len(split.test):,} held out"
    )
    try:
        with output.open("w") if output else contextlib.nullcontext(sys.stdout) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["user", "item", "prediction", "cold_start"])
            for (user, item), value, is_known in zip(raw, complete, known, strict=True):
                writer.writerow([user, item, f"{value:.4f}", int(not is_known)])
    except OSError as error:
        raise UsageError(f"{output or 'standard output'}: {error.strerror}") from None


def _model(
    name: str, preset: str, settings: Mapping[str, str], device: str, seed: int
) -> Implementation:
    implementation = loading.load_class(loading.class_path_of(name))
    described = loading.describe(implementation)
    if problem := row_problem(described.library, described.devices, device):
        raise loading.ImplementationError(problem)
    presets = described.presets
    if preset not in presets:
        raise SettingError(f"{name} has no preset '{preset}'; it has {', '.join(presets)}")
    values = resolve(implementation, presets[preset], settings)
    model: Implementation = implementation(**values, device=device, seed=seed)
    return model


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """User and item of each line, as text; a header that names them is skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; --pairs needs a CSV of user,item") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        delimiter = next((mark for mark in "\t,;" if mark in line), ",")
        fields = [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]
        if len(fields) < 2 or not all(fields[:2]):
            raise UsageError(f"{path}:{number}: a user and an item are needed, found {line!r}")
        if not pairs and columns_by_name(fields[:2], Layout())[0].keys() == {"user", "item"}:
            continue
        pairs.append((fields[0], fields[1]))
    if not pairs:
        raise UsageError(f"{path}: holds no pairs; give one user,item per line")
    return pairs


def _indices(raw: list[str], ids: NDArray[Any]) -> NDArray[np.int32]:
    """Training ids of raw ones, UNKNOWN where training has none. (n,)"""
    index = {source_id: position for position, source_id in enumerate(ids.tolist())}
    if ids.dtype.kind == "i":  # as when ratings are read: 007 is 7, and a word is unknown
        keys: list[Any] = [int(each) if each.isdecimal() else None for each in raw]
    else:
        keys = list(raw)
    return np.array([index.get(key, UNKNOWN) for key in keys], np.int32)
