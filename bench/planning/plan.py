"""A suite becomes an ordered list of cells."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

from bench.planning import availability, loading
from bench.planning.availability import Availability
from bench.planning.describing import Contain, Described, describe, plainly
from bench.planning.facts import Facts
from bench.planning.presets import SettingError
from bench.planning.rules import Rules
from bench.planning.suite import Block, Overrides, Suite
from bench.records import CellRecord, Environment, Reference, Status, identity_of, made_with
from datasets.errors import NotAvailable
from datasets.splits import PEEK
from impls.registry import IMPLEMENTATIONS

EVERY_CORE = 0
"""Threads of a cell before the machine is known that runs it: as many as that one has cores."""

BASELINE = "bias"
"""The row whose validation RMSE is the goal where the catalog has none for a dataset."""


UNKNOWN = Described(model="", library="", devices=(), implementation_hash="", hyperparameters=None)
"""What is known of a row whose module does not import."""


@dataclass(frozen=True)
class Skip:
    """Why a cell cannot run, known before it is tried."""

    status: Status
    reason: str
    row: Described = field(default=UNKNOWN, compare=False)


@dataclass(frozen=True)
class Runnable:
    """A row that can run here."""

    row: Described


def examine(
    class_path: str,
    preset: str,
    settings: Mapping[str, str],
    epochs: int | None,
    device: str,
    contain: Contain = plainly,
    place: Availability = availability.HERE,
) -> Runnable | Skip:
    """Whether a row can run on `device` at a place. Raises ImplementationError or SettingError for
    what is wrong on every machine."""
    try:
        row = describe(class_path, preset, settings, epochs, contain)
    except loading.NotImportableError as error:
        return Skip(error.status, error.reason)
    if row.hyperparameters is None:
        return Skip("skipped", f"has no preset '{preset}'", row)
    if problem := place.row_problem(row.library, row.devices, device):
        return Skip("skipped", problem, row)
    return Runnable(row)


@dataclass(frozen=True)
class Cell:
    """One row's one run: everything that decides its result.

    request   the part that goes into the record as it stands
    settings  the hyperparameters that its block or the command line sets, by which a reader
              distinguishes cells
    library   the distribution that the row needs; "" for none beside the locked ones
    versions  of that library, which no other row depends on
    unfollowed  places in its source that load code which `implementation_hash` misses
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
    unfollowed: tuple[str, ...] = ()
    library: str = ""

    @property
    def settings_label(self) -> str:
        """` batch_size=256`, or nothing."""
        return "".join(f" {name}={value}" for name, value in self.settings.items())

    def environment(self, machine: Environment) -> Environment:
        """The machine's, and the version of the library that the row needs."""
        return machine.model_copy(update={"versions": {**machine.versions, **self.versions}})

    def made_with(self, machine: Environment) -> str:
        """Digest of what decides the result beside what is requested."""
        return made_with(self.implementation_hash, self.environment(machine))

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
    check_split  cuts a dataset once by a split's name; returns the digest of what else than the
                 ratings decides the split, "" or None for nothing; raises DataError
    threads      for blocks that name no number; `EVERY_CORE` for each machine's own
    on_notice    is called with what a reader of the figures must know of the data
    contain      contains the process that imports an implementation from outside
    place        where cells are to run: here, or on machines that join later
    """

    facts_of: Callable[[str, str], Facts]
    check_split: Callable[[str, str], str | None]
    threads: int
    overrides: Overrides = field(default_factory=Overrides)
    on_notice: Callable[[str], None] = lambda _: None
    contain: Contain = plainly
    place: Availability = availability.HERE
    _facts: dict[str, tuple[str, Facts]] = field(default_factory=dict)
    _digests: dict[tuple[str, str], str] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)

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
        return sorted(cells, key=in_turn)

    def _check_names(self, suite: Suite) -> None:
        names = {name for block in suite.blocks for name in block.implementations}
        for name, points in loading.plugins().items():
            if name in names and name in IMPLEMENTATIONS:
                self.on_notice(loading.clash(name, points))
        if strangers := set(self.overrides.settings) - names:
            raise SettingError(
                f"--set {strangers.pop()}.…: no such row in this run; it has "
                f"{', '.join(sorted(names))}"
            )

    def _cells(self, suite: Suite, block: Block) -> Iterator[Cell]:
        for wanted in block.datasets:
            dataset, facts = self._dataset(wanted, block.fallback)
            if (place := (dataset, block.split)) not in self._digests:
                self._digests[place] = self.check_split(*place) or ""
            facts = facts.split_by(self._digests[place])
            for name in block.implementations:
                for settings in self._settings(block, name):
                    for device in self._devices(block.devices):
                        cell = self._cell(suite, block, name, settings, dataset, facts, device)
                        for seed in range(block.seeds):
                            request = cell.request.model_copy(update={"seed": seed})
                            yield replace(cell, request=request)
                            if block.peek:
                                yield _peeking(replace(cell, request=request))

    def _devices(self, names: list[str]) -> list[str]:
        devices = []
        for device in names:
            if device != "auto":
                devices.append(device)
            elif self.place.has_cuda():
                devices += ["cpu", "cuda"]
            else:
                devices.append("cpu")
        return list(dict.fromkeys(devices))

    def _settings(self, block: Block, name: str) -> list[dict[str, str]]:
        """What each cell of an implementation sets. The command line overrides the block, and
        where it replaces several values there is one cell for them."""
        overrides = self.overrides.settings.get(name, {})
        settings = [{**own, **overrides} for own in block.settings]
        return [each for n, each in enumerate(settings) if each not in settings[:n]]

    def _cell(
        self,
        suite: Suite,
        block: Block,
        name: str,
        settings: Mapping[str, str],
        dataset: str,
        facts: Facts,
        device: str,
    ) -> Cell:
        """The cell of seed 0."""
        class_path = loading.class_path_of(name)
        try:
            examined = examine(
                class_path, block.preset, settings, block.epochs, device, self.contain, self.place
            )
        except SettingError as error:
            if not block.set:
                raise
            place = f"suite '{suite.name}', the block that sets {', '.join(block.set)}"
            raise SettingError(f"{place}: {error}") from error
        row = examined.row
        self._warn_of_unfollowed(name, row)
        values = row.hyperparameters or {}
        rules = Rules(block.patience, block.until_rmse, block.time_limit_s)
        threads = block.threads or self.threads
        shortened = "epochs" not in self.overrides.block and values.get("epochs") == block.epochs
        request = CellRecord(
            implementation=name,
            preset=block.preset,
            hyperparameters=values,
            dataset=dataset,
            split=block.split,
            device=device,
            threads=threads,
            seed=0,
            suite=suite.name,
            shortened_to=block.epochs if shortened else None,
            model=row.model,
            rules=asdict(rules),
            pinned=block.pin and threads in (1, EVERY_CORE),
        )
        return Cell(
            request,
            class_path,
            row.implementation_hash,
            facts,
            rules,
            availability.versions([row.library] if row.library else []),
            block.reference,
            examined if isinstance(examined, Skip) else None,
            settings,
            row.unfollowed,
            row.library,
        )

    def _warn_of_unfollowed(self, name: str, row: Described) -> None:
        if row.unfollowed and name not in self._warned:
            self._warned.add(name)
            self.on_notice(
                f"{name} loads code that ratebench cannot follow ({'; '.join(row.unfollowed)}): "
                "after a change of that code, run it again with --fresh"
            )

    def _dataset(self, wanted: str, fallback: str | None) -> tuple[str, Facts]:
        """The dataset, or its fallback where it is not available."""
        if wanted not in self._facts:
            try:
                self._facts[wanted] = wanted, self.facts_of(wanted, "")
            except NotAvailable as error:
                if fallback is None:
                    raise
                # The note is part of a record's identity: another wording would re-run its cells.
                note = f"{fallback} stands in for {wanted}, which could not be had here"
                self.on_notice(f"{error}\n{note}: these are not {wanted} figures")
                self._facts[wanted] = fallback, self.facts_of(fallback, note)
        return self._facts[wanted]


def _peeking(cell: Cell) -> Cell:
    """The same fit, evaluated on its test part after each epoch. It runs all of them, whatever
    that part says, so that its last epoch is the fit of the cell."""
    rules = Rules(time_limit_s=cell.rules.time_limit_s)
    update = {"split": f"{PEEK}{cell.request.split}", "rules": asdict(rules)}
    request = cell.request.model_copy(update=update)
    return replace(cell, request=request, rules=rules, reference=None)


def in_turn(cell: Cell) -> tuple[int, bool]:
    """What cells are sorted by: repeats in turn; in each, the row that sets the goal first where a
    dataset has none."""
    sets_goals = not cell.facts.goals and cell.request.implementation == BASELINE
    return cell.request.seed, not sets_goals
