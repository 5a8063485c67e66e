"""A suite becomes an ordered list of cells."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bench import loading, machine
from bench.data import Facts
from bench.hyperparameters import resolve
from bench.records import CellRecord, Environment, Reference, Status, digest
from bench.suite import Block, Overrides, Suite
from bench.training import Rules
from datasets.errors import NotAvailable

BASELINE = "bias"
"""The row whose validation RMSE is the target where a dataset has none in the catalog."""


@dataclass(frozen=True)
class Hindrance:
    """Why a cell cannot run, known before it is tried."""

    status: Status
    reason: str


@dataclass(frozen=True)
class Cell:
    """One row's one run: everything that decides its result.

    `asked` is the part that goes into the record as it stands.
    """

    asked: CellRecord
    target: str
    implementation_hash: str
    facts: Facts
    rules: Rules
    reference: Reference | None = None
    hindrance: Hindrance | None = None

    def identity(self, environment: Environment) -> str:
        """Digest of what decides the result on this machine; limits do not."""
        asked = self.asked
        return digest(
            self.implementation_hash,
            self.target.rpartition(":")[2],
            (asked.preset, asked.hyperparameters),
            self.facts.data.fingerprint,
            (asked.split, asked.seed, asked.device, asked.threads),
            (self.rules.patience, self.rules.until_rmse),
            (environment.python, environment.versions, environment.machine),
        )


@dataclass
class Planner:
    """Turns blocks into cells.

    facts_of   loads a dataset's facts by name and note; raises DataError
    threads    for blocks that name no number
    on_notice  hears, loudly, that a set stands in for another
    """

    facts_of: Callable[[str, str], Facts]
    threads: int
    overrides: Overrides = field(default_factory=Overrides)
    on_notice: Callable[[str], None] = lambda _: None
    _facts: dict[str, tuple[str, Facts]] = field(default_factory=dict)

    def plan(self, suite: Suite) -> list[Cell]:
        """The cells in the order they run: repeat by repeat, each in a seeded random order.

        Raises DataError, SuiteError, ImplementationError or SettingError for what cannot
        be planned, before anything has run.
        """
        cells = [cell for block in suite.blocks for cell in self._cells(suite, block)]
        random.Random(suite.name).shuffle(cells)
        return sorted(cells, key=_turn)

    def _cells(self, suite: Suite, block: Block) -> Iterator[Cell]:
        for wanted in block.datasets:
            dataset, facts = self._dataset(wanted, block.fallback)
            for name in block.implementations:
                for device in _devices(block.devices):
                    yield from self._repeats(suite, block, name, dataset, facts, device)

    def _repeats(
        self, suite: Suite, block: Block, name: str, dataset: str, facts: Facts, device: str
    ) -> Iterable[Cell]:
        target = loading.target_of(name)
        rules = Rules(block.patience, block.until_rmse, block.time_limit_s)
        model, implementation_hash, values, hindrance = "", "", {}, None
        try:
            implementation = loading.load_class(target)
        except loading.NotImportableError as error:
            hindrance = Hindrance(error.status, error.reason)
        else:
            described = loading.describe(implementation)
            model, implementation_hash = described.model, loading.source_hash(implementation)
            if block.preset in described.presets:
                settings = self.overrides.settings.get(name, {})
                preset = described.presets[block.preset]
                values = resolve(implementation, preset, settings, block.epochs)
                hindrance = _device_hindrance(device, described.devices)
            else:
                hindrance = Hindrance("skipped", f"has no preset '{block.preset}'")
        for seed in range(block.seeds):
            asked = CellRecord(
                implementation=name,
                preset=block.preset,
                hyperparameters=values,
                dataset=dataset,
                split=block.split,
                device=device,
                threads=block.threads or self.threads,
                seed=seed,
                suite=suite.name,
                model=model,
                rules={
                    "patience": rules.patience,
                    "until_rmse": rules.until_rmse,
                    "time_limit_s": rules.time_limit_s,
                },
            )
            yield Cell(asked, target, implementation_hash, facts, rules, block.reference, hindrance)

    def _dataset(self, wanted: str, fallback: str | None) -> tuple[str, Facts]:
        """The dataset, or what stands in for it where it cannot be had."""
        if wanted not in self._facts:
            try:
                self._facts[wanted] = wanted, self.facts_of(wanted, "")
            except NotAvailable as error:
                if fallback is None:
                    raise
                note = f"{fallback} stands in for {wanted}, which could not be had here"
                self.on_notice(f"{error}\n{note}: these are not {wanted} figures")
                self._facts[wanted] = fallback, self.facts_of(fallback, note)
        return self._facts[wanted]


def _turn(cell: Cell) -> tuple[int, bool]:
    """Repeats in turn; in each, the row that sets the targets first where a set has none."""
    sets_targets = not cell.facts.targets and cell.asked.implementation == BASELINE
    return cell.asked.seed, not sets_targets


def _devices(asked: list[str]) -> list[str]:
    devices = []
    for device in asked:
        if device != "auto":
            devices.append(device)
        elif machine.device_problem("cuda") is None:
            devices += ["cpu", "cuda"]
        else:
            devices.append("cpu")
    return list(dict.fromkeys(devices))


def _device_hindrance(device: str, supported: tuple[str, ...]) -> Hindrance | None:
    kind = device.partition(":")[0]
    if kind not in supported:
        return Hindrance("skipped", f"{' and '.join(supported).upper()} only")
    problem = machine.device_problem(device)
    return Hindrance("skipped", problem) if problem else None
