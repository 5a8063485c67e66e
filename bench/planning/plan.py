"""A suite becomes an ordered list of cells."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bench.planning import availability, loading
from bench.planning.describing import describe
from bench.planning.facts import Facts
from bench.planning.hyperparameters import SettingError
from bench.planning.rules import Rules
from bench.planning.suite import Block, Overrides, Suite
from bench.records import CellRecord, Environment, Reference, Status, identity_of
from datasets.errors import NotAvailable

BASELINE = "bias"
"""The row whose validation RMSE is the target where a dataset has none in the catalog."""


@dataclass(frozen=True)
class Skip:
    """Why a cell cannot run, known before it is tried."""

    status: Status
    reason: str


@dataclass(frozen=True)
class Cell:
    """One row's one run: everything that decides its result.

    request   the part that goes into the record as it stands
    settings  the hyperparameters that its block or the command line sets, for a reader to tell
              cells apart by
    versions  of the library that the row needs, which no other row depends on
    """

    request: CellRecord
    class_path: str
    implementation_hash: str
    facts: Facts
    rules: Rules
    versions: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    skip: Skip | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings_label(self) -> str:
        """` batch_size=256`, or nothing."""
        return "".join(f" {name}={value}" for name, value in self.settings.items())

    def environment(self, machine: Environment) -> Environment:
        """The machine's, and the version of the library that the row needs."""
        return machine.model_copy(update={"versions": {**machine.versions, **self.versions}})

    def identity(self, machine: Environment) -> str:
        """Digest of what decides the result on this machine."""
        class_name = self.class_path.rpartition(":")[2]
        return identity_of(
            self.implementation_hash,
            class_name,
            self.request,
            self.facts.data,
            self.environment(machine),
        )


@dataclass
class Planner:
    """Turns blocks into cells.

    facts_of     loads a dataset's facts by name and note; raises DataError
    check_split  cuts a dataset once by a split's name; raises DataError
    threads      for blocks that name no number
    on_notice    hears, loudly, what a reader of the figures must know of the data
    """

    facts_of: Callable[[str, str], Facts]
    check_split: Callable[[str, str], object]
    threads: int
    overrides: Overrides = field(default_factory=Overrides)
    on_notice: Callable[[str], None] = lambda _: None
    _facts: dict[str, tuple[str, Facts]] = field(default_factory=dict)
    _checked: set[tuple[str, str]] = field(default_factory=set)

    def plan(self, suite: Suite) -> list[Cell]:
        """The cells in the order they run: repeat by repeat, each in a seeded random order.

        Raises DataError, SuiteError, ImplementationError or SettingError for what cannot
        be planned, before anything has run.
        """
        self._check_names(suite)
        cells = [cell for block in suite.blocks for cell in self._cells(suite, block)]
        if all(cell.skip and "no preset" in cell.skip.reason for cell in cells):
            raise SettingError(f"no row of this run has a preset '{cells[0].request.preset}'")
        random.Random(suite.name).shuffle(cells)
        return sorted(cells, key=_turn)

    def _check_names(self, suite: Suite) -> None:
        names = {name for block in suite.blocks for name in block.implementations}
        if strangers := set(self.overrides.settings) - names:
            raise SettingError(
                f"--set {strangers.pop()}.…: no such row in this run; it has "
                f"{', '.join(sorted(names))}"
            )

    def _cells(self, suite: Suite, block: Block) -> Iterator[Cell]:
        for wanted in block.datasets:
            dataset, facts = self._dataset(wanted, block.fallback)
            if (dataset, block.split) not in self._checked:
                self.check_split(dataset, block.split)
                self._checked.add((dataset, block.split))
            for name in block.implementations:
                for settings in self._settings(block, name):
                    for device in _devices(block.devices):
                        yield from self._repeats(
                            suite, block, name, settings, dataset, facts, device
                        )

    def _settings(self, block: Block, name: str) -> list[dict[str, str]]:
        """What each cell of an implementation sets. The command line's word counts, and leaves
        no cell twice where it takes the place of several values."""
        asked = self.overrides.settings.get(name, {})
        settings = [{**own, **asked} for own in block.settings]
        return [each for n, each in enumerate(settings) if each not in settings[:n]]

    def _repeats(
        self,
        suite: Suite,
        block: Block,
        name: str,
        settings: Mapping[str, str],
        dataset: str,
        facts: Facts,
        device: str,
    ) -> Iterable[Cell]:
        class_path = loading.class_path_of(name)
        rules = Rules(block.patience, block.until_rmse, block.time_limit_s)
        model, implementation_hash, values, versions = "", "", {}, {}
        try:
            described = describe(class_path, block.preset, settings, block.epochs)
        except loading.NotImportableError as error:
            skip: Skip | None = Skip(error.status, error.reason)
        except SettingError as error:
            if not block.set:
                raise
            place = f"suite '{suite.name}', the block that sets {', '.join(block.set)}"
            raise SettingError(f"{place}: {error}") from error
        else:
            model, implementation_hash = described.model, described.implementation_hash
            values = described.hyperparameters or {}
            versions = availability.versions([described.library] if described.library else [])
            problem = availability.row_problem(described.library, described.devices, device)
            skip = Skip("skipped", problem) if problem else None
            if described.hyperparameters is None:
                skip = Skip("skipped", f"has no preset '{block.preset}'")
        epochs = block.epochs if values.get("epochs") == block.epochs else None
        for seed in range(block.seeds):
            request = CellRecord(
                implementation=name,
                preset=block.preset,
                hyperparameters=values,
                dataset=dataset,
                split=block.split,
                device=device,
                threads=block.threads or self.threads,
                seed=seed,
                suite=suite.name,
                shortened_to=None if "epochs" in self.overrides.block else epochs,
                model=model,
                rules={
                    "patience": rules.patience,
                    "until_rmse": rules.until_rmse,
                    "time_limit_s": rules.time_limit_s,
                },
            )
            yield Cell(
                request,
                class_path,
                implementation_hash,
                facts,
                rules,
                versions,
                block.reference,
                skip,
                settings,
            )

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
            if repeated := self._facts[wanted][1].data.duplicates:
                self.on_notice(
                    f"{wanted}: {repeated} ratings of pairs that are rated again later "
                    "in the file; the last one counts"
                )
        return self._facts[wanted]


def _turn(cell: Cell) -> tuple[int, bool]:
    """Repeats in turn; in each, the row that sets the targets first where a set has none."""
    sets_goals = not cell.facts.goals and cell.request.implementation == BASELINE
    return cell.request.seed, not sets_goals


def _devices(asked: list[str]) -> list[str]:
    devices = []
    for device in asked:
        if device != "auto":
            devices.append(device)
        elif availability.device_problem("cuda") is None:
            devices += ["cpu", "cuda"]
        else:
            devices.append("cpu")
    return list(dict.fromkeys(devices))
