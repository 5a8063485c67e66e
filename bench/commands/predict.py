"""`bench predict`: predictions for a list of raw user–item pairs."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from bench.choose.chosen import ChoiceError, Chosen, chosen
from bench.commands import terminal
from bench.commands.arguments import refuse_undecodable
from bench.commands.data import file_label, notice
from bench.commands.terminal import UsageError
from bench.planning import loading
from bench.planning.availability import device_problem, row_problem
from bench.planning.describing import describe
from bench.planning.facts import Loader
from bench.planning.presets import SettingError, parse_settings, resolve
from bench.score import ColdStart, check_predictions
from datasets import splits
from datasets.atomic import replacing
from datasets.catalog import CATALOG
from datasets.ratings import UNKNOWN, Dataset, HeldOut, Split
from datasets.reading.dialect import is_number
from datasets.reading.ids import matched
from datasets.reading.layout import Layout
from datasets.reading.table import read_pairs
from impls.protocol import Implementation, Training, rmse_of

PREDICTED = ["prediction", "cold_start"]
"""Columns beside those of user and item, which are called as in the file of pairs."""

FEW = 0.1
"""A share of pairs that the ratings know below which something is wrong with the pairs."""
LONGEST_HEADER = 1 << 16
"""Bytes of a file's first line that are read for whether predictions are in it."""
PATIENCE = 5
"""Epochs without a better held-out RMSE, as in the suites."""


@dataclass(frozen=True)
class Requested:
    """Which row is fitted on which ratings.

    settings     hyperparameters by their texts, over the preset's
    chosen       all of those that a choice found; then all ratings train the model, for as many
                 epochs as they have. None where preset and settings decide
    fingerprint  of the ratings that the choice was made on; "" where they need not be these
    test         the path of a second file of ratings; "" for none
    source       digest of the row's source that the choice is of; "" where it may be any
    """

    implementation: str
    dataset: str
    layout: Layout
    device: str
    preset: str = "default"
    settings: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, Any] | None = None
    fingerprint: str = ""
    test: str = ""
    source: str = ""


def requested(
    impl: str | None,
    dataset: str | None,
    layout: Layout,
    preset: str,
    set_: list[str],
    device: str | None,
    choice: str | None,
    out: Path,
) -> Requested:
    """What the options of the command line name. Raises UsageError where that is too little, where
    an option has no place beside --choice, and for a choice that says nothing; SettingError."""
    if choice is None:
        if impl is None or dataset is None:
            raise UsageError(
                "name --impl and --dataset, or --choice with what `bench choose` found"
            )
        settings = parse_settings(set_).get(impl, {})
        return Requested(impl, dataset, layout, device or "cpu", preset, settings)
    if set_ or preset != "default":
        option = "--set" if set_ else "--preset"
        raise UsageError(f"{option}: --choice {choice} has its hyperparameters; leave one out")
    try:
        found = chosen(choice, out, impl)
    except ChoiceError as error:
        raise UsageError(error) from None
    _refuse_missing(choice, found, dataset)
    read_by = layout if layout.options() or dataset else Layout.from_options(found.options)
    return Requested(
        found.implementation,
        dataset or found.dataset,
        read_by,
        device or found.device,
        chosen=found.hyperparameters,
        fingerprint="" if dataset else found.fingerprint,
        test="" if dataset else found.test,
        source=found.source,
    )


def _refuse_missing(choice: str, found: Chosen, dataset: str | None) -> None:
    """Raise UsageError where a file that the choice names, of its ratings if no other `dataset` is
    named or of its row, is not found from here."""
    row, _, _ = found.implementation.rpartition(":")
    of_ratings = [found.dataset, found.test] if dataset is None else []
    for path in filter(None, [*of_ratings, row if row.endswith(".py") else ""]):
        here = Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises for ~nobody
        if path in CATALOG or here.exists():
            continue
        remedy = "run this in the folder where `bench choose` ran"
        if path == found.dataset and not found.test:
            remedy += ", or give the path by --dataset"
            remedy += ", with the options for reading it" * bool(found.options)
        raise UsageError(
            f"choice {choice} is of the file {path}, which is not found from this folder: {remedy}"
        )


def predict(request: Requested, pairs: Path, seed: int, output: Path | None) -> None:
    """Write user, item, prediction, cold_start for each pair, as CSV, to `output`, else to
    standard output. User and item are called as in the pairs.

    The layout is that of the dataset's file, and as far as it fits (`layout_of_pairs`) that of the
    pairs. Nine tenths of the ratings train the model, and one tenth chooses its epoch; of a choice
    all of them train it. Predictions are clipped to the scale; `cold_start` is 1 where training had
    no such user or item, so that the prediction is the fallback of `bench.score.ColdStart`. Raises
    UsageError, DataError, SettingError, or ImplementationError, the latter for an error in the
    implementation's code and for predictions that are not finite, too. That code runs in this
    process, without a sandbox.
    """
    name, dataset, device = request.implementation, request.dataset, request.device
    refuse_undecodable([name, dataset, *request.settings.values()])
    if output:
        _refuse_unwritable(output, [dataset, str(pairs), *filter(None, [request.test])])
    if problem := device_problem(device):
        raise SettingError(f"--device {device}: {problem}")
    layout = layout_of_pairs(request.layout, dataset)
    raw_users, raw_items, names, notes, header = read_pairs(pairs, layout)
    loader = Loader(request.layout, request.test)
    files = [dataset, str(pairs)]
    notice(dataset, loader.facts(dataset), terminal.note, among=files)
    if request.fingerprint not in ("", loader.facts(dataset).data.fingerprint):
        terminal.warn(
            f"{dataset} is not as `bench choose` read it: what was chosen is for other ratings"
        )
    if not header:
        _refuse_unknown_header(pairs, raw_users[0], raw_items[0], loader.load(dataset))
    _warn_of_unknown(pairs, raw_users, raw_items, loader.load(dataset))
    split = _split_for(request, loader.load(dataset), seed)
    users, items = matched(raw_users, split.user_ids), matched(raw_items, split.item_ids)
    of_pairs = HeldOut(users, items, np.zeros(len(raw_users), np.float32))
    known = of_pairs.known
    with _errors_in_one_line(name):
        model = _model(request, seed)
        if request.source:
            _warn_of_other_source(name, request.source)
        held_out = len(split.test)
        training = Training(model, split.test, patience=PATIENCE) if held_out else Training()
        model.fit(split.train, training)
        predicted = check_predictions(model.predict(users[known], items[known]), int(known.sum()))
        if bad := int((~np.isfinite(predicted)).sum()):
            raise loading.ImplementationError(
                f"{name}: {bad:,} of {terminal.plural(len(predicted), 'prediction')} "
                f"{'is' if bad == 1 else 'are'} not finite"
            )
        n_scored = int(split.test.known.sum())
        scored = f"RMSE {rmse_of(model, split.test):.4f} on" if n_scored else "without"
    complete = np.clip(ColdStart(split.train).complete(of_pairs, predicted), *split.train.scale)
    terminal.note(
        f"{name}:{request.preset} trained on {terminal.plural(len(split.train), 'rating')} of "
        f"{dataset}, {scored} {n_scored:,} held out whose user and item it knows"
        if request.chosen is None
        else f"{name} trained on all {terminal.plural(len(split.train), 'rating')} of "
        f"{' and '.join(filter(None, [dataset, request.test]))}, with the hyperparameters that "
        "`bench choose` found"
    )
    terminal.note(_about_pairs(file_label(str(pairs), files), of_pairs, notes))
    try:
        with _opened(output) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*names, *PREDICTED])
            rows = zip(raw_users, raw_items, complete, known, strict=True)
            for user, item, value, is_known in rows:
                writer.writerow([user, item, f"{value:.4f}", int(not is_known)])
    except BrokenPipeError:
        raise  # the reader has seen enough: the verb ends as all others then do
    except OSError as error:
        where = output or Path("standard output")
        raise UsageError(terminal.problem_of(error, where)) from None


def _warn_of_other_source(name: str, source: str) -> None:
    """Warn where the row's source is not the one of this digest. Raises ImplementationError."""
    if describe(loading.class_path_of(name), "default", {}, None).implementation_hash != source:
        terminal.warn(
            f"the code of {name} has changed since `bench choose`, which chose for other code"
        )


def _split_for(request: Requested, dataset: Dataset, seed: int) -> Split:
    """All ratings where a choice found the epochs; else "random:90/10", whose test part is what
    chooses the epoch here."""
    if request.chosen is not None:
        return splits.whole(dataset, seed)
    return splits.cut(dataset, "random:90/10", seed)


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """A file in UTF-8 to write to, which takes its place whole or not at all; standard output where
    there is no `output`. A pipe or a device is written to."""
    if output is None:
        with terminal.utf8_output() as stream:
            yield stream
    elif output.exists() and not output.is_file():
        with output.open("w", encoding="utf-8") as file:
            yield file
    else:
        with replacing(output.resolve()) as new, new.open("w", encoding="utf-8") as file:
            yield file


@contextlib.contextmanager
def _errors_in_one_line(name: str) -> Iterator[None]:
    """An error in an implementation's code becomes an ImplementationError that says where."""
    try:
        yield
    except (loading.ImplementationError, SettingError):
        raise
    except (Exception, SystemExit) as error:
        reason = loading.reason_of(error, loading.class_path_of(name))
        raise loading.ImplementationError(reason) from error


def _refuse_unwritable(output: Path, inputs: list[str]) -> None:
    """Raise UsageError for a file that cannot be written, or is read here: before the training,
    not after it."""
    folder, problem = output.absolute().parent, None
    if output.is_dir():
        problem = "is a folder; name the CSV to write"
    elif not folder.is_dir():
        problem = "its folder does not exist; make it first"
    elif not all(os.access(each, os.W_OK) for each in _written_to(output)):
        problem = "cannot be written: permission denied"
    elif any(output.exists() and Path(each).exists() and output.samefile(each) for each in inputs):
        problem = "is one of the files that are read; name another"
    elif output.is_block_device() or (output.is_file() and not _is_own(output)):
        problem = "holds no predictions, and would be lost; name another, or move it away"
    if problem:
        raise UsageError(f"--output {output}: {problem}")


def _written_to(output: Path) -> list[Path]:
    """What must be writable: a device or a pipe itself, else the folder and the file there."""
    if output.exists() and not output.is_file():
        return [output]
    return [output.resolve().parent, *([output] if output.exists() else [])]


def _is_own(output: Path) -> bool:
    """Whether a file is empty or begins as one that was written here."""
    with output.open("rb") as file:
        first = file.readline(LONGEST_HEADER)
    return not first or first.endswith(f",{','.join(PREDICTED)}\n".encode())


def _model(request: Requested, seed: int) -> Implementation:
    name, device = request.implementation, request.device
    implementation = loading.load_class(loading.class_path_of(name))
    described = loading.describe(implementation)
    if problem := row_problem(described.library, described.devices, device):
        raise loading.ImplementationError(problem)
    presets = described.presets
    if request.preset not in presets:
        raise SettingError(f"{name} has no preset '{request.preset}'; it has {', '.join(presets)}")
    if request.chosen is None:
        values = resolve(implementation, presets[request.preset], request.settings)
    else:
        values = loading.restored(implementation, request.chosen)
    model: Implementation = implementation(**values, device=device, seed=seed)
    return model


def layout_of_pairs(layout: Layout, dataset: str) -> Layout:
    """What the options say of the file of pairs. Raises UsageError for those that say nothing.

    Beside a ratings file they describe that one: its names of the user and the item column may be
    those of the pairs, too, but its positions, delimiter and header need not be. Beside a dataset
    of the catalog the pairs are the only file.
    """
    roles = {role: layout.columns[role] for role in ("user", "item") if role in layout.columns}
    if dataset not in CATALOG:
        names = {role: name for role, name in roles.items() if not name.isdecimal()}
        return Layout(columns=names, lenient=bool(names))
    of_pairs = Layout(roles, layout.delimiter, layout.header)
    if unused := layout.options().keys() - of_pairs.options().keys():
        raise UsageError(f"--{min(unused)}: {dataset} is of the catalog, and pairs have no ratings")
    return of_pairs


def _refuse_unknown_header(path: Path, user: str, item: str, dataset: Dataset) -> None:
    """Raise UsageError where the first pair is two words and no id of the dataset is a word;
    warn where it is of a user and an item that the dataset does not have."""
    ids = {"user": (user, dataset.user_ids), "item": (item, dataset.item_ids)}
    known = (matched([raw], labels)[0] != UNKNOWN for raw, labels in ids.values())
    if any(known) or is_number(user) or is_number(item):
        return
    problem = f"{path}: its first line, {user!r} and {item!r}, names no user and no item column"
    if all(labels.dtype.kind in "iu" for _, labels in ids.values()):
        raise UsageError(f"{problem}; name them in the header, or by --columns user=…,item=…")
    terminal.warn(f"{problem} and neither is in {dataset.name}; it was taken for a pair")


def _warn_of_unknown(path: Path, users: list[str], items: list[str], dataset: Dataset) -> None:
    """Warn where the dataset has both ids of hardly any pair, and say what may be wrong."""
    known, swapped = (
        int(((matched(a, dataset.user_ids) >= 0) & (matched(b, dataset.item_ids) >= 0)).sum())
        for a, b in ((users, items), (items, users))
    )
    if known >= FEW * len(users):
        return
    if len(users) == 1:
        few = "its only pair is not"
    else:
        few = f"{f'only {known:,}' if known else 'none'} of its {len(users):,} pairs"
        few += " are" if known > 1 else " is"
    likely = "the ids may be those of another file, or the columns the wrong way round"
    if swapped > known:
        likely = (
            f"with user and item the other way round {swapped:,} would be: if the columns are "
            "item,user, put that line above them"
        )
    terminal.warn(
        f"{path}: {few} of a user and an item of {dataset.name}, and what is predicted for others "
        f"is a fallback; {likely}"
    )


def _about_pairs(label: str, requested: HeldOut, notes: list[str]) -> str:
    """How many pairs have a cold start and why, and what was assumed of their file."""
    n, cold = len(requested), int((~requested.known).sum())
    users, items = (int((ids == UNKNOWN).sum()) for ids in (requested.users, requested.items))
    why = f" ({users:,} with a user, {items:,} with an item that training does not have)"
    counted = f"{terminal.plural(n, 'pair')}, {terminal.plural(cold, 'cold start')}"
    return "\n".join(f"{label}: {each}" for each in [counted + why * bool(cold), *notes])
