"""Rows become models: those with the same maths share one search."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.choose.outcome import FINAL, PROBE, SEARCH, Request
from bench.planning.describing import Contain, describe
from bench.planning.plan import Cell, Planner
from bench.planning.rules import Rules
from bench.planning.suite import Suite, checked
from bench.records import Record, digest
from bench.tune import study as studies
from bench.tune.study import Settings, Study, UnrunnableError
from impls.registry import IMPLEMENTATIONS

PROBED = 2
"""Epochs of the fits that find the quickest row of a model."""

PATIENCE = 5
"""Of a row that has no study."""


@dataclass(frozen=True)
class Group:
    """Rows that share one search.

    study  None where none searches them: only their default runs
    cells  of the preset `default` with what the study fixes, of each row on each device where it
           can run here; empty where none can
    problem  why there are no cells
    """

    names: list[str]
    study: Study | None
    cells: Sequence[Cell]
    problem: str = ""


def grouped(names: Sequence[str]) -> list[tuple[list[str], Study | None]]:
    """The rows that share a search, with its study, in the order of `names`."""
    of_row = {row: study for study in _studies() for row in study.implementations}
    groups: dict[str, tuple[list[str], Study | None]] = {}
    for name in dict.fromkeys(names):
        study = of_row.get(name)
        groups.setdefault(study.name if study else f"row {name}", ([], study))[0].append(name)
    return list(groups.values())


def _studies() -> list[Study]:
    return [studies.read(name) for name in studies.names()]


def planned(
    names: Sequence[str] | None,
    planner: Planner,
    contain: Contain,
    dataset: str,
    split: str,
    devices: Sequence[str],
    threads: int,
) -> list[Group]:
    """The groups of the rows, all built-in ones where none is named. Raises DataError,
    ImplementationError, SettingError and SuiteError."""
    groups = []
    for of_group, study in grouped(names or [*IMPLEMENTATIONS]):
        patience = study.patience if study else PATIENCE
        block = checked(
            {
                "implementations": of_group,
                "datasets": [dataset],
                "split": split,
                "devices": [*devices],
                "threads": threads,
                "patience": patience,
            }
        )
        cells = planner.plan(Suite(name=SEARCH, description="", blocks=[block]))
        cells.sort(key=lambda cell: of_group.index(cell.request.implementation))
        runnable = [with_settings(cell, _fixed(study), contain) for cell in cells if not cell.skip]
        problem = "" if runnable else next((c.skip.reason for c in cells if c.skip), "")
        groups.append(Group(of_group, study, runnable, problem))
    return groups


def groups_of(
    names: Sequence[str],
    planner: Planner,
    contain: Contain,
    request: Request,
    devices: Sequence[str],
) -> list[Group]:
    """The groups of a request, of which one has a row that can run here. Raises UnrunnableError
    where none has, and as `planned`."""
    groups = planned(
        *(names, planner, contain, request.dataset, request.split, devices), request.threads
    )
    if request.cut:
        groups = [
            dataclasses.replace(each, cells=[on_cut(cell, request.cut) for cell in each.cells])
            for each in groups
        ]
    if not any(group.cells for group in groups):
        raise UnrunnableError(f"no row can run here: {groups[0].problem}")
    return groups


def quickest(group: Group, limit_s: float, contain: Contain, run: Callable[[Cell], Record]) -> Cell:
    """The cell of the row and device that needs the fewest seconds an epoch; the first where none
    was measured within `limit_s` of training.

    run  the record of a cell
    """
    if len(group.cells) == 1:
        return group.cells[0]
    seconds: dict[int, float] = {}
    for place, cell in enumerate(group.cells):
        probe = cell
        if "epochs" in cell.request.hyperparameters:
            probe = with_settings(cell, {**_fixed(group.study), "epochs": str(PROBED)}, contain)
        record = run(limited(of_suite(probe, PROBE), limit_s))
        if record.curve:
            last = record.curve[-1]
            seconds[place] = last.seconds / max(last.epoch, 1)
    return group.cells[min(seconds, key=seconds.__getitem__, default=0)]


def _fixed(study: Study | None) -> Settings:
    return {name: str(value) for name, value in study.fixed.items()} if study else {}


def with_settings(cell: Cell, settings: Settings, contain: Contain) -> Cell:
    """The cell with hyperparameters of the preset `default`, but for these. Raises SettingError."""
    if not settings:
        return cell
    described = describe(cell.class_path, cell.request.preset, settings, None, contain)
    return _changed(cell, {"hyperparameters": described.hyperparameters}, cell.rules)


def limited(cell: Cell, seconds: float) -> Cell:
    """The cell with a time limit, which is no part of its identity. Evaluations, which do not count
    against a model, may take as long as its training: they take the wall time of all."""
    rules = dataclasses.replace(cell.rules, time_limit_s=seconds, sparing=True)
    return _changed(cell, {}, rules)


def of_suite(cell: Cell, suite: str) -> Cell:
    """The cell under another suite's name."""
    return _changed(cell, {"suite": suite}, cell.rules)


def on_cut(cell: Cell, cut: int) -> Cell:
    """The cell on the cut of another seed than its own."""
    by = digest(cell.facts.data.split_digest, f"cut by seed {cut}")
    return dataclasses.replace(cell, facts=cell.facts.split_by(by))


def final(
    cell: Cell, hyperparameters: Mapping[str, object], split: str, seed: int, limit_s: float
) -> Cell:
    """A final run: another model seed on the one split, with all epochs."""
    update = {
        "hyperparameters": dict(hyperparameters),
        "split": split,
        "suite": FINAL,
        "seed": seed,
    }
    changed = _changed(cell, update, Rules(time_limit_s=limit_s))
    # Elsewhere a seed cuts its own split; all these are of the one on which seed 0 searched.
    return on_cut(changed, 0)


def _changed(cell: Cell, update: Mapping[str, object], rules: Rules) -> Cell:
    rules_of_record = {"rules": dataclasses.asdict(rules)}
    request = cell.request.model_copy(update={**update, **rules_of_record})
    return dataclasses.replace(cell, request=request, rules=rules)
